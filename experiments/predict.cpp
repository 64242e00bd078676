#include "experiments/predict.hpp"

#include <algorithm>

#include "experiments/planned_edits.hpp"
#include "experiments/predict_data.hpp"
#include "experiments/predict_reduce.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/measure/prompt_activations.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/steer/failure_predictor.hpp"

namespace neurosweep {

namespace {

constexpr const char* kFeatureSet = "features";
constexpr std::int64_t kRounds = 2;

class PredictExperiment final : public Experiment {
 public:
  PredictExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    if (keys_.attempts > 1 && keys_.temperature == 0) {
      throw input_error(
          "{}: experiment '{}': {} greedy attempts at an item are all alike: set a temperature, or attempts = 1",
          to_text(spec.table.place), spec.name, keys_.attempts);
    }
    try {
      parse_pooling(keys_.pooling);
    } catch (const Error& failure) {
      throw input_error("{}: experiment '{}': {}", to_text(spec.table.place), spec.name, failure.what());
    }
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no >= kRounds) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    if (round_no == 0) {
      for (const auto& model : keys_.models) add_units(plan, catalog, model);
      return plan;
    }
    if (!complete(so_far, round_no)) return std::nullopt;
    for (const auto& model : keys_.models) {
      const auto items = read_predict_items(keys_, catalog, so_far, model);
      const auto neurons = choose_features(keys_, catalog, so_far, model, items);
      if (neurons.empty()) {
        log_warning("{}: all training items of model '{}' had the same outcome: nothing to predict there", keys_.name,
                    model);
        continue;
      }
      for (const NeuronId& id : neurons) {
        plan.members.push_back(
            {0, kFeatureSet, model, kAllTasks, to_int(id.layer), to_int(id.neuron), "read", 0, "prompt"});
      }
      add_units(plan, catalog, model);
    }
    if (plan.units.empty()) return std::nullopt;
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const ModelEntry& model = bench.catalog().model(unit.model);
    const TaskEntry& task = bench.catalog().task(unit.task);
    const Decoder& decoder = bench.decoder(unit.model);
    std::vector<NeuronId> neurons;
    for (const SetMemberRow& row : plan.members) {
      if (row.model == unit.model) neurons.push_back(neuron_of(row));
    }
    UnitRows rows;
    if (plan.round_no == 0) add_attempts(rows, bench, unit);
    for (const auto& id : unit.items) {
      const auto prompt = model.tokenizer->encode(task.prompt.fill(task.item(id).fields), AddSpecialTokens::yes);
      PromptActivationRow row;
      row.model = unit.model;
      row.task = unit.task;
      row.item = id;
      row.n_tokens = static_cast<std::int64_t>(prompt.size());
      row.n_rows = plan.round_no == 0 ? 1 : row.n_tokens;
      row.activations =
          plan.round_no == 0 ? measure_prompt_means(decoder, prompt) : measure_prompt_tokens(decoder, prompt, neurons);
      row.n = static_cast<std::int64_t>(row.activations.size());
      rows.add(std::move(row));
    }
    return rows;
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    PredictRows rows;
    if (complete(db, kRounds)) {
      for (const auto& model : keys_.models) {
        const auto neurons = stored_features(db, model);
        if (neurons.empty()) continue;
        const auto items = read_predict_items(keys_, catalog, db, model);
        const auto features = read_features(keys_, catalog, db, model, neurons, items);
        const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|train", keys_.name, model));
        add_predict_rows(rows, keys_, model, items, features, static_cast<std::uint64_t>(seed));
      }
    }
    replace_derived(db, keys_.name, rows.predictions);
    replace_derived(db, keys_.name, rows.quality);
    replace_derived(db, keys_.name, rows.fits);
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit * keys_.attempts;
    forecast.sampling = {keys_.temperature, keys_.top_p};
    for (const auto& name : keys_.models) {
      const ModelEntry& model = catalog.model(name);
      auto& work = forecast.by_model[name];
      for (const auto& task : keys_.tasks) {
        for (const char* split : kPredictSplits) {
          for (const auto& ids : item_blocks(keys_.chosen(catalog, task, split), keys_.items_per_unit)) {
            forecast.result_bytes += add_work(work, catalog, model, catalog.task(task), ids);
          }
        }
      }
    }
    return forecast;
  }

 private:
  /// Prediction cannot go on over a unit that failed.
  bool complete(const Database& db, std::int64_t rounds) const {
    return rounds_complete(db, keys_.name, rounds, "without predictions");
  }

  std::vector<NeuronId> stored_features(const Database& db, const std::string& model) const {
    std::vector<NeuronId> neurons;
    db.for_each<SetMemberRow>(
        "WHERE set_name = ? AND model = ? AND round_id = (SELECT round_id FROM round WHERE experiment = ? AND round_no "
        "= 1) ORDER BY layer, neuron",
        {std::string(kFeatureSet), model, keys_.name}, [&](SetMemberRow&& row) { neurons.push_back(neuron_of(row)); });
    return neurons;
  }

  void add_units(Plan& plan, const Catalog& catalog, const std::string& model) const {
    for (const auto& task : keys_.tasks) {
      for (const char* split : kPredictSplits) {
        for (auto& items : item_blocks(keys_.chosen(catalog, task, split), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
  }

  void add_attempts(UnitRows& rows, Workbench& bench, const WorkUnit& unit) const {
    const Catalog& catalog = bench.catalog();
    const TaskEntry& task = catalog.task(unit.task);
    std::vector<AttemptRequest> requests;
    for (const auto& id : unit.items) {
      const TaskItem& item = task.item(id);
      for (std::int64_t attempt = 0; attempt < keys_.attempts; ++attempt) {
        const auto seed = content_seed(catalog.study(),
                                       fmt::format("{}|{}|{}|{}|{}", keys_.name, unit.model, unit.task, id, attempt));
        requests.push_back({task.prompt.fill(item.fields), item.answer, static_cast<std::uint64_t>(seed), {}});
      }
    }
    const AttemptOptions options{{keys_.temperature, keys_.top_p}, keys_.max_new_tokens, keys_.slots};
    const auto attempts = measure_attempts(bench.decoder(unit.model), *catalog.model(unit.model).tokenizer,
                                           *task.grader, requests, options, KeepMeans::no);
    const auto n = static_cast<std::size_t>(keys_.attempts);
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      const auto number = static_cast<std::int64_t>(i % n);
      rows.add(unit_trace(unit, unit.items[i / n], number, requests[i].seed, options.sampling, attempts[i]));
    }
  }

  /// Adds both rounds of a unit; returns the bytes of its rows.
  double add_work(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                  const std::vector<std::string>& ids) const {
    constexpr std::int64_t kTraceBytes = 400;
    std::int64_t bytes = 0;
    const auto texts = catalog.references(model, task, ids);
    for (const ReferenceText& text : texts) {
      work.forward_tokens += 2 * static_cast<double>(text.prompt_length);
      bytes += kTraceBytes * keys_.attempts + 4 * model.arch.L * model.arch.M + 4 * keys_.features * text.prompt_length;
    }
    work.units += 2;
    work.forwards += 2 * static_cast<std::int64_t>(ids.size());
    work.add_decoding(texts, {keys_.attempts, keys_.max_new_tokens, keys_.slots, task.spec.reply_tokens});
    return static_cast<double>(bytes);
  }

  PredictSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_predict(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<PredictExperiment>(spec, study);
}

}  // namespace neurosweep
