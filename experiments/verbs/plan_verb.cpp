#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>

#include <ATen/Parallel.h>

#include "cluster/progress.hpp"
#include "experiments/experiment.hpp"
#include "experiments/verbs/speed.hpp"
#include "experiments/verbs/study_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/config/cli.hpp"
#include "framework/store/query_format.hpp"

namespace neurosweep {

namespace {

/// Seconds since this program was started: what every rank of a run spends before it has read anything.
double seconds_since_start() {
  std::ifstream stat("/proc/self/stat"), uptime("/proc/uptime");
  std::string skipped;
  std::getline(stat, skipped, ')');
  for (int field = 3; field < 22; ++field) stat >> skipped;
  double ticks = 0, up = 0;
  stat >> ticks;
  uptime >> up;
  return stat && uptime ? std::max(0.0, up - ticks / static_cast<double>(::sysconf(_SC_CLK_TCK))) : 0;
}

/// Estimates of time. Every timing is done once.
class Clockwork {
 public:
  Clockwork(const Catalog& catalog, std::int64_t ranks)
      : bench_(catalog, at::Device(at::kCPU)), ranks_(ranks), threads_(catalog.study().settings.threads) {}

  double seconds(const std::string& model, const Forecast& forecast, const Forecast::Work& work) {
    const Decoder& decoder = load(model);
    const auto [speed, unknown] = speeds_.try_emplace(manner_of(model, forecast, work));
    if (unknown) speed->second = measure_speed(decoder, forecast, work);
    const std::int64_t together = std::min(ranks_, work.units);
    const auto [useful, unmeasured] = useful_ranks_.try_emplace({model, together});
    if (unmeasured) useful->second = useful_ranks(decoder, together, threads_);
    const double reloading =
        static_cast<double>(work.reloads) * load_seconds_.at(model) / static_cast<double>(together);
    return seconds_of(work, speed->second) / useful->second + reloading;
  }

  /// Of loading models as a run does: all at its start, and one whenever the model changes.
  double loading() const {
    double sum = changes_;
    for (const auto& [model, seconds] : load_seconds_) sum += seconds;
    return sum;
  }

 private:
  const Decoder& load(const std::string& model) {
    const auto begin = std::chrono::steady_clock::now();
    const Decoder& decoder = bench_.decoder(model);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    load_seconds_.try_emplace(model, spent.count());
    changes_ += spent.count();
    return decoder;
  }

  static std::string manner_of(const std::string& model, const Forecast& forecast, const Forecast::Work& work) {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", model, static_cast<int>(forecast.arm.kind),
                       static_cast<int>(forecast.arm.span), forecast.rows, forecast.unit_arms, forecast.slots,
                       forecast.unit_sequences, static_cast<int>(forecast.means), forecast.sampling.temperature,
                       work.sweep_tokens > 0, work.generated_tokens > 0);
  }

  Workbench bench_;
  std::int64_t ranks_, threads_;
  std::map<std::string, Speed> speeds_;
  std::map<std::pair<std::string, std::int64_t>, double> useful_ranks_;
  std::map<std::string, double> load_seconds_;
  double changes_ = 0;
};

std::string time_text(double seconds) {
  return seconds < 10 ? fmt::format("{:.1f} s", seconds) : format_duration(seconds);
}

/// Multiply-adds of one token through all layers and the head, times two.
double flops_per_token(const ArchSpec& arch) {
  const double attention =
      static_cast<double>(arch.D * arch.head_dim) * static_cast<double>(2 * arch.H + 2 * arch.kv_heads);
  const double mlp = (arch.gated_mlp ? 3.0 : 2.0) * static_cast<double>(arch.D * arch.M);
  return 2.0 * (static_cast<double>(arch.L) * (attention + mlp) + static_cast<double>(arch.V * arch.D));
}

std::string bytes_text(double bytes) {
  return bytes >= 1e9 ? fmt::format("{:.2f} GB", bytes / 1e9) : fmt::format("{:.2f} MB", bytes / 1e6);
}

}  // namespace

int run_plan(const std::vector<std::string>& words) {
  std::string study_path;
  std::vector<std::string> settings;
  std::int64_t ranks = 1;
  bool json = false;
  CommandLine line(
      "plan STUDY.toml [--ranks N]",
      "What a study will do and cost: units, forwards, arithmetic, result size and time. Runs nothing but a\n"
      "short timing of each model on this machine. A '<=' marks what depends on results not there yet.",
      "  neurosweep plan experiments/configs/demo.toml --ranks 2");
  line.positional("STUDY.toml", study_path, "the study file");
  line.option("set", settings, "override a key of the study");
  line.option("ranks", ranks, "ranks that share the work (default 1)");
  line.flag("json", json, "print as JSON");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (ranks < 1) throw input_error("--ranks must be at least 1, found {}", ranks);

  const Catalog catalog(read_study(study_path, settings));
  const double start = seconds_since_start();
  const std::int64_t threads = catalog.study().settings.threads;
  const bool is_cut = catalog.study().settings.ranks_per_model > 1;  // no rank could time a whole model
  at::set_num_threads(static_cast<int>(threads));
  const auto experiments = make_experiments(catalog.study());
  Clockwork clockwork(catalog, ranks);
  QueryResult table{{"experiment", "model", "units", "forwards", "GFLOP", "results", "time"}, {}};
  double total_seconds = 0, total_bytes = 0;
  for (std::size_t e = 0; e < experiments.size(); ++e) {
    const Forecast forecast = experiments[e]->forecast(catalog);
    const std::string mark = forecast.upper_bound ? "<= " : "";
    total_bytes += forecast.result_bytes;
    for (const auto& [model, work] : forecast.by_model) {
      const double seconds = is_cut ? 0 : clockwork.seconds(model, forecast, work);
      total_seconds += seconds;
      const double gflop = 1e-9 * flops_per_token(catalog.model(model).arch) *
                           (work.forward_tokens + work.prompt_tokens + work.generated_tokens + 0.5 * work.sweep_tokens);
      table.rows.push_back({catalog.study().experiments[e].name, model, mark + std::to_string(work.units),
                            mark + std::to_string(work.forwards), fmt::format("{}{:.1f}", mark, gflop),
                            bytes_text(forecast.result_bytes), is_cut ? "-" : mark + time_text(seconds)});
    }
    if (forecast.by_model.empty()) {
      table.rows.push_back({catalog.study().experiments[e].name, "-", "0", "0", "0", "0 MB", "reduction only"});
    }
  }
  print_table(std::cout, table, json ? TableFormat::json : TableFormat::table);
  if (!json && is_cut) {
    std::cout << fmt::format("total: results {}; no time, as {} ranks hold each model together\n",
                             bytes_text(total_bytes), catalog.study().settings.ranks_per_model);
  } else if (!json) {
    const double before = start + clockwork.loading();
    std::cout << fmt::format("total: about {}, {} of it start and loading, with {} rank{} of {} thread{}; results {}\n",
                             time_text(total_seconds + before), time_text(before), ranks, ranks == 1 ? "" : "s",
                             threads, threads == 1 ? "" : "s", bytes_text(total_bytes));
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
