#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neurosweep {

/// The study a store belongs to; one row.
struct StudyRow {
  static constexpr std::string_view kTable = "study";
  static constexpr std::string_view kKey = "study_id";

  std::string study_id;  ///< see make_study_id(); filled by create_or_open_results()
  std::string name;
  std::string toml;       ///< text of the study file
  std::string toml_hash;  ///< hash of what the text means
  std::int64_t seed = 0;
  std::string code_version;
  std::string libtorch_version;
  std::int64_t threads = 0;  ///< compute threads per rank
  std::int64_t schema_version = 0;
  std::string created_utc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("study_id", row.study_id);
    visit("name", row.name);
    visit("toml", row.toml);
    visit("toml_hash", row.toml_hash);
    visit("seed", row.seed);
    visit("code_version", row.code_version);
    visit("libtorch_version", row.libtorch_version);
    visit("threads", row.threads);
    visit("schema_version", row.schema_version);
    visit("created_utc", row.created_utc);
  }
};

/// A model of the study.
struct ModelRow {
  static constexpr std::string_view kTable = "model";
  static constexpr std::string_view kKey = "name";

  std::string name;
  std::string path;
  std::string checkpoint_hash;
  std::string tokenizer_hash;
  std::string family;
  std::int64_t n_layers = 0;
  std::int64_t n_neurons_per_layer = 0;
  std::int64_t d_model = 0;
  std::int64_t vocabulary = 0;
  std::int64_t parameters = 0;
  std::string dtype;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("name", row.name);
    visit("path", row.path);
    visit("checkpoint_hash", row.checkpoint_hash);
    visit("tokenizer_hash", row.tokenizer_hash);
    visit("family", row.family);
    visit("n_layers", row.n_layers);
    visit("n_neurons_per_layer", row.n_neurons_per_layer);
    visit("d_model", row.d_model);
    visit("vocabulary", row.vocabulary);
    visit("parameters", row.parameters);
    visit("dtype", row.dtype);
  }
};

/// A task of the study.
struct TaskRow {
  static constexpr std::string_view kTable = "task";
  static constexpr std::string_view kKey = "name";

  std::string name;
  std::string path;
  std::string file_hash;
  std::int64_t n_items = 0;
  std::string prompt_template;
  std::string target;
  std::string grader;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("name", row.name);
    visit("path", row.path);
    visit("file_hash", row.file_hash);
    visit("n_items", row.n_items);
    visit("template", row.prompt_template);
    visit("target", row.target);
    visit("grader", row.grader);
  }
};

/// One start of the engine on this store.
struct LaunchRow {
  static constexpr std::string_view kTable = "launch";
  static constexpr std::string_view kKey = "launch";

  std::int64_t launch = 0;
  std::string started_utc;
  std::optional<std::string> ended_utc;
  std::int64_t n_ranks = 0;
  std::optional<std::string> slurm_job_id;
  std::optional<std::int64_t> slurm_restart;
  std::optional<std::string> exit_reason;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("launch", row.launch);
    visit("started_utc", row.started_utc);
    visit("ended_utc", row.ended_utc);
    visit("n_ranks", row.n_ranks);
    visit("slurm_job_id", row.slurm_job_id);
    visit("slurm_restart", row.slurm_restart);
    visit("exit_reason", row.exit_reason);
  }
};

/// One rank of a launch and the machine it ran on.
struct WorkerRow {
  static constexpr std::string_view kTable = "worker";
  static constexpr std::string_view kKey = "launch, rank";

  std::int64_t launch = 0;
  std::int64_t rank = 0;
  std::string host;
  std::int64_t pid = 0;
  std::string device;
  std::string libtorch;
  std::string mpi;
  std::int64_t threads = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("launch", row.launch);
    visit("rank", row.rank);
    visit("host", row.host);
    visit("pid", row.pid);
    visit("device", row.device);
    visit("libtorch", row.libtorch);
    visit("mpi", row.mpi);
    visit("threads", row.threads);
  }
};

/// A shard whose units are in results.db.
struct MergedShardRow {
  static constexpr std::string_view kTable = "merged_shard";
  static constexpr std::string_view kKey = "shard";

  std::string shard;  ///< path relative to the store
  std::int64_t units = 0;
  std::int64_t failures = 0;
  std::string merged_utc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("shard", row.shard);
    visit("units", row.units);
    visit("failures", row.failures);
    visit("merged_utc", row.merged_utc);
  }
};

/// Whose shard a shard is; the one row of its table `shard`.
struct ShardRow {
  static constexpr std::string_view kTable = "shard";
  static constexpr std::string_view kKey = "study_id";

  std::string study_id;
  std::int64_t launch = 0;
  std::int64_t rank = 0;
  std::string created_utc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("study_id", row.study_id);
    visit("launch", row.launch);
    visit("rank", row.rank);
    visit("created_utc", row.created_utc);
  }
};

}  // namespace neurosweep
