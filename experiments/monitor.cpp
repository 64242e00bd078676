#include "experiments/monitor.hpp"

#include <algorithm>

#include "experiments/monitor_data.hpp"
#include "experiments/monitor_reduce.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/intervene/monitor_reader.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/rank/critical_set.hpp"

namespace neurosweep {

namespace {

constexpr const char* kReadSet = "monitored";

class MonitorExperiment final : public Experiment {
 public:
  MonitorExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    if (!keys_.neurons.empty()) {
      earlier_experiment(study, spec, "neurons", keys_.neurons,
                         {"identify", "gradient", "learn", "sweep", "race", "minimize", "template"});
      check_unseen(study, spec, keys_.neurons, "reads the neurons of");
    }
    if (keys_.false_alarms.empty()) {
      throw input_error("{}: experiment '{}': false_alarms is empty: state at least one rate",
                        to_text(spec.table.place), spec.name);
    }
    check_predictor(keys_.reads, fmt::format("{}: experiment '{}'", to_text(spec.table.place), spec.name));
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > keys_.reading_round()) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.models) {
      if (round_no < keys_.reading_round()) {
        add_units(plan, catalog, model, {kTrainSplit});
        continue;
      }
      const auto neurons = neurons_of(catalog, so_far, model);
      if (neurons.empty()) {
        log_warning("{}: no neuron to read in model '{}': all its replies had one outcome, or '{}' found none",
                    keys_.name, model, keys_.neurons);
        continue;
      }
      for (const NeuronId& id : neurons) {
        plan.members.push_back({0, kReadSet, model, kAllTasks, to_int(id.layer), to_int(id.neuron), "read", 0, "all"});
      }
      add_units(plan, catalog, model, {std::begin(kPredictSplits), std::end(kPredictSplits)});
    }
    if (plan.units.empty()) return std::nullopt;
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const bool reads = plan.round_no == keys_.reading_round();
    std::vector<NeuronId> neurons;
    for (const SetMemberRow& row : plan.members) {
      if (row.model == unit.model) neurons.push_back(neuron_of(row));
    }
    const Decoder& decoder = bench.decoder(unit.model);
    std::optional<MonitorReader> reader;
    if (reads) reader.emplace(neurons, keys_.every, decoder.arch(), decoder.group());
    const Tokenizer& tokenizer = *bench.catalog().model(unit.model).tokenizer;
    const TaskEntry& task = bench.catalog().task(unit.task);
    const auto requests = requests_of(bench.catalog(), unit);
    const AttemptOptions options{{keys_.temperature, keys_.top_p}, keys_.max_new_tokens, keys_.slots};
    const auto attempts = measure_attempts(decoder, tokenizer, *task.grader, requests, options,
                                           reads ? KeepMeans::no : KeepMeans::yes, {reader ? &*reader : nullptr});
    UnitRows rows;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      rows.add(unit_trace(unit, unit.items[i], 0, requests[i].seed, options.sampling, attempts[i]));
      if (!attempts[i].means.empty()) {
        const auto n = static_cast<std::int64_t>(attempts[i].means.size());
        rows.add(ActivationMeanRow{0, 0, 0, n, attempts[i].n_mean_tokens, 0, attempts[i].means});
      }
      if (reader) add_readings(rows, *reader, static_cast<std::int64_t>(i), tokenizer, attempts[i]);
    }
    return rows;
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    MonitorRows rows;
    for (const auto& model : keys_.models) {
      const auto neurons = stored_monitored(keys_, db, model);
      if (neurons.empty()) continue;
      auto replies = read_replies(keys_, catalog, db, model);
      const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|monitor", keys_.name, model));
      add_monitor_rows(rows, keys_, model, neurons, replies, static_cast<std::uint64_t>(seed));
    }
    replace_derived(db, keys_.name, rows.quality);
    replace_derived(db, keys_.name, rows.alarms);
    replace_derived(db, keys_.name, rows.risks);
    replace_derived(db, keys_.name, rows.fits);
    replace_derived(db, keys_.name, rows.weights);
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit;
    forecast.sampling = {keys_.temperature, keys_.top_p};
    for (const auto& name : keys_.models) {
      auto& work = forecast.by_model[name];
      for (std::int64_t round_no = 0; round_no <= keys_.reading_round(); ++round_no) {
        for (const char* split : kPredictSplits) {
          if (round_no == keys_.reading_round() || std::string_view(split) == kTrainSplit) {
            forecast.result_bytes += add_work(work, catalog, catalog.model(name), split, round_no);
          }
        }
      }
    }
    return forecast;
  }

 private:
  std::vector<NeuronId> neurons_of(const Catalog& catalog, const Database& so_far, const std::string& model) const {
    if (keys_.neurons.empty()) return choose_monitored(keys_, so_far, catalog.model(model).arch, model);
    std::vector<std::string> sets = keys_.tasks;
    sets.emplace_back(kAllTasks);
    return best_neurons(so_far, keys_.neurons, model, sets, keys_.features);
  }

  void add_units(Plan& plan, const Catalog& catalog, const std::string& model,
                 const std::vector<const char*>& splits) const {
    for (const auto& task : keys_.tasks) {
      for (const char* split : splits) {
        for (auto& items : item_blocks(keys_.chosen(catalog, task, split), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
  }

  std::vector<AttemptRequest> requests_of(const Catalog& catalog, const WorkUnit& unit) const {
    const TaskEntry& task = catalog.task(unit.task);
    std::vector<AttemptRequest> requests;
    for (const auto& id : unit.items) {
      const TaskItem& item = task.item(id);
      const auto seed =
          content_seed(catalog.study(), fmt::format("{}|{}|{}|{}", keys_.name, unit.model, unit.task, id));
      requests.push_back({task.prompt.fill(item.fields), item.answer, static_cast<std::uint64_t>(seed), {}});
    }
    return requests;
  }

  static void add_readings(UnitRows& rows, const MonitorReader& reader, std::int64_t sequence,
                           const Tokenizer& tokenizer, const Attempt& attempt) {
    MonitorReadingRow row;
    for (const auto& signals : reader.readings(sequence)) {
      row.readings.insert(row.readings.end(), signals.begin(), signals.end());
      ++row.n_rows;
    }
    if (row.n_rows == 0) return;
    row.n = static_cast<std::int64_t>(row.readings.size());
    row.answer_token = find_answer_token(tokenizer, attempt.tokens, attempt.completion, attempt.answer);
    rows.add(std::move(row));
  }

  /// Adds the work of a split in one round; returns the bytes of its rows.
  double add_work(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const char* split,
                  std::int64_t round_no) const {
    constexpr std::int64_t kTraceBytes = 400, kReadings = 8;
    double bytes = 0;
    for (const auto& name : keys_.tasks) {
      const TaskEntry& task = catalog.task(name);
      for (const auto& ids : item_blocks(keys_.chosen(catalog, name, split), keys_.items_per_unit)) {
        work.units += 1;
        work.add_decoding(catalog.references(model, task, ids),
                          {1, keys_.max_new_tokens, keys_.slots, task.spec.reply_tokens});
        const std::int64_t values =
            round_no < keys_.reading_round()
                ? model.arch.L * model.arch.M
                : kReadings * static_cast<std::int64_t>(n_signals(static_cast<std::size_t>(keys_.features)));
        bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * (kTraceBytes + 4 * values));
      }
    }
    return bytes;
  }

  MonitorSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_monitor(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<MonitorExperiment>(spec, study);
}

}  // namespace neurosweep
