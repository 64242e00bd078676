#include "tests/framework/store/store_fixture.hpp"

#include <numeric>

#include "framework/base/hash.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"

namespace neurosweep::testing {

namespace {

constexpr const char* kPlanHash = "plan-1";

}  // namespace

StudyIdentity example_identity() {
  StudyIdentity identity;
  identity.study.name = "example";
  identity.study.toml = "name = 'example'\nseed = 7\n";
  identity.study.toml_hash = hash_text(identity.study.toml);
  identity.study.seed = 7;
  identity.study.code_version = "0.1.0";
  identity.study.libtorch_version = "2.11.0";
  identity.study.threads = 1;
  identity.models = {{"m", "models/m", "checkpoint-1", "tokenizer-1", "llama", 2, 3, 4, 100, 1000, "f32"}};
  identity.tasks = {{"sums", "tasks/sums.jsonl", "file-1", 5, "{question}", "number", "number"}};
  return identity;
}

UnitRows example_rows(std::int64_t unit) {
  const auto value = [&](int k) { return static_cast<float>(unit) + 0.25f * static_cast<float>(k); };
  const std::string item = fmt::format("item-{}", unit);
  UnitRows rows;
  for (int attempt = 0; attempt < 2; ++attempt) {
    TraceRow trace;
    trace.model = "m";
    trace.task = "sums";
    trace.item = item;
    trace.attempt = attempt;
    trace.temperature = 0.7;
    trace.top_p = 1.0;
    trace.n_prompt_tokens = 4;
    trace.n_tokens = 2;
    trace.finish = "eos";
    trace.completion = fmt::format("so the answer is {}", unit);
    if (attempt == 0) trace.answer = std::to_string(unit);
    trace.correct = attempt == 0 ? 1 : 0;
    trace.logprob = -0.5 * static_cast<double>(unit);
    rows.add(trace);
    ActivationMeanRow mean;
    mean.n = 6;
    mean.n_tokens = 2;
    for (int k = 0; k < 6; ++k) mean.mean_values.push_back(value(k + attempt));
    rows.add(mean);
  }
  EffectBlockRow block;
  block.model = "m";
  block.task = "sums";
  block.item = item;
  block.metric = "answer_logprob";
  block.n = 3;
  block.n_tokens = 2;
  block.baseline = -1.5;
  block.effects = {value(1), value(2), value(3)};
  rows.add(block);
  OutcomeRow outcome;
  outcome.model = "m";
  outcome.task = "sums";
  outcome.item = item;
  outcome.arm = "baseline";
  outcome.correct = 1;
  outcome.n_tokens = 2;
  outcome.completion = "fine";
  rows.add(outcome);
  return rows;
}

std::string example_hash(std::int64_t unit) {
  return unit_hash(kPlanHash, unit);
}

void plan_example_round(Database& db, std::int64_t units) {
  const RoundRow round{0, "sweep", "sweep", 0, kPlanHash, units, "{}"};
  std::vector<ArmRow> arms;
  for (std::int64_t arm = 0; arm < 3; ++arm) {
    arms.push_back({0, arm, "m", 1, arm, "zero", 0.0, "all", arm == 2 ? "control" : "candidate"});
  }
  write_round(db, round, arms, {{0, "critical", "m", "sums", 1, 0, "zero", 0.0, "all"}});
}

void make_example_store(const std::string& dir, std::int64_t units) {
  Database db = create_or_open_results(dir, example_identity());
  plan_example_round(db, units);
}

void write_shard(const std::string& dir, int launch, int rank, const std::vector<std::int64_t>& units) {
  ShardWriter writer(shard_path(dir, launch, rank), make_study_id(example_identity()), launch, rank);
  for (std::int64_t unit : units) writer.append(0, unit, example_hash(unit), example_rows(unit), 0.125);
  writer.close();
}

std::string make_merged_store(const std::string& dir, std::int64_t units) {
  make_example_store(dir, units);
  write_shard(dir, claim_launch(dir), 0, all_units(units));
  merge_shards(dir);
  return content_hash(Database::open_results(dir, Database::Access::read));
}

std::vector<std::int64_t> all_units(std::int64_t units) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(units));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace neurosweep::testing
