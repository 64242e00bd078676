#include "tests/framework/rank/synthetic_store.hpp"

#include <algorithm>
#include <cmath>

namespace neurosweep::testing {
namespace {

constexpr const char* kModel = "tiny";

Database make_results(const std::string& dir) {
  StudyIdentity identity;
  identity.study.name = "planted";
  identity.study.toml = "name = \"planted\"";
  identity.study.toml_hash = "0123456789abcdef0123456789abcdef";
  identity.study.seed = 7;
  identity.study.code_version = "0.1.0";
  identity.study.libtorch_version = "2.11.0";
  identity.study.threads = 1;
  ModelRow model;
  model.name = kModel;
  model.path = "models/tiny";
  model.checkpoint_hash = "aaaa1111aaaa1111aaaa1111aaaa1111";
  model.tokenizer_hash = "bbbb2222bbbb2222bbbb2222bbbb2222";
  model.family = "llama";
  model.n_layers = 2;
  model.n_neurons_per_layer = 4;
  model.d_model = 4;
  model.vocabulary = 16;
  model.parameters = 512;
  model.dtype = "float32";
  identity.models = {model};
  for (const char* name : {"add", "sort"}) {
    TaskRow task;
    task.name = name;
    task.path = "tasks/" + task.name + ".jsonl";
    task.file_hash = "cccc3333cccc3333cccc3333cccc3333";
    task.n_items = 100;
    task.grader = "number";
    identity.tasks.push_back(task);
  }
  return create_or_open_results(dir, identity);
}

}  // namespace

SyntheticStore::SyntheticStore() : dir_(folder_.file("store")), db_(make_results(dir_)) {}

RoundRow SyntheticStore::next_round(const std::string& experiment, const std::string& kind, std::int64_t units) {
  RoundRow round;
  round.round_id = rounds_++;
  round.experiment = experiment;
  round.kind = kind;
  round.round_no = static_cast<std::int64_t>(db_.select<RoundRow>("WHERE experiment = ?", {experiment}).size());
  round.plan_hash = experiment + std::to_string(round.round_no);
  round.n_units = units;
  round.params = "{}";
  return round;
}

void SyntheticStore::add_unit(std::int64_t round_id, std::int64_t unit) {
  db_.insert(std::vector<UnitRow>{{round_id, unit, "unit", 1, 0, 0.1, "2000-01-01T00:00:00Z", 0}});
}

void SyntheticStore::add_sweep(const std::string& experiment, const std::vector<std::string>& tasks, int items,
                               const std::vector<PlantedArm>& arms, const EffectOf& effect_of,
                               const std::string& metric) {
  const RoundRow round = next_round(experiment, "sweep", static_cast<std::int64_t>(tasks.size()) * items);
  std::vector<ArmRow> rows;
  for (const PlantedArm& arm : arms) {
    const std::int64_t number = static_cast<std::int64_t>(rows.size());
    rows.push_back({round.round_id, number, kModel, arm.layer, arm.neuron, arm.op, arm.value, "generated", arm.role});
  }
  write_round(db_, round, rows);
  Transaction transaction(db_.connection());
  std::int64_t unit = 0;
  for (const std::string& task : tasks) {
    for (int item = 0; item < items; ++item, ++unit) {
      EffectBlockRow block;
      block.round_id = round.round_id;
      block.unit = unit;
      block.model = kModel;
      block.task = task;
      block.item = std::to_string(item);
      block.metric = metric;
      block.n = static_cast<std::int64_t>(arms.size());
      block.n_tokens = 10;
      block.baseline = -1;
      for (const PlantedArm& arm : arms) block.effects.push_back(static_cast<float>(effect_of(task, item, arm)));
      block.n_nonfinite = std::ranges::count_if(block.effects, [](float effect) { return !std::isfinite(effect); });
      add_unit(round.round_id, unit);
      db_.insert(std::vector<EffectBlockRow>{block});
    }
  }
  transaction.commit();
}

void SyntheticStore::add_traces(const std::string& experiment, const std::vector<PlantedTrace>& traces) {
  const RoundRow round = next_round(experiment, "trace", static_cast<std::int64_t>(traces.size()));
  write_round(db_, round);
  Transaction transaction(db_.connection());
  std::int64_t unit = 0;
  for (const PlantedTrace& planted : traces) {
    TraceRow trace;
    trace.round_id = round.round_id;
    trace.unit = unit;
    trace.model = kModel;
    trace.task = planted.task;
    trace.item = planted.item;
    trace.attempt = planted.attempt;
    trace.temperature = 1;
    trace.top_p = 1;
    trace.n_tokens = 5;
    trace.finish = "eos";
    trace.correct = planted.correct ? 1 : 0;
    add_unit(round.round_id, unit);
    db_.insert(std::vector<TraceRow>{trace});
    if (!planted.means.empty()) {
      const std::int64_t n = static_cast<std::int64_t>(planted.means.size());
      db_.insert(std::vector<ActivationMeanRow>{{round.round_id, unit, 0, n, 5, 0, planted.means}});
    }
    ++unit;
  }
  transaction.commit();
}

void SyntheticStore::add_outcomes(const std::string& experiment, const std::vector<PlantedOutcome>& outcomes) {
  const RoundRow round = next_round(experiment, "suppress", static_cast<std::int64_t>(outcomes.size()));
  write_round(db_, round);
  Transaction transaction(db_.connection());
  std::int64_t unit = 0;
  for (const PlantedOutcome& planted : outcomes) {
    add_unit(round.round_id, unit);
    db_.insert(std::vector<OutcomeRow>{{round.round_id, unit, 0, kModel, planted.task, planted.item, planted.arm,
                                        planted.correct ? 1 : 0, 5, std::nullopt, "", planted.logprob}});
    ++unit;
  }
  transaction.commit();
}

void SyntheticStore::add_failure(std::int64_t round_id, std::int64_t unit, const std::string& kind,
                                 const std::string& message) {
  db_.insert(std::vector<UnitFailureRow>{{round_id, unit, 1, 0, 1, kind, message, "2000-01-01T00:00:00Z"}});
}

}  // namespace neurosweep::testing
