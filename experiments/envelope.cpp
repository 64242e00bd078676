#include "experiments/envelope.hpp"

#include <algorithm>
#include <map>

#include "experiments/neuron_choice.hpp"
#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/intervene/neuron_ranges.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/envelopes.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

constexpr const char* kSplit = "identify";

class EnvelopeExperiment final : public Experiment {
 public:
  EnvelopeExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    if (keys_.neurons == kAllNeurons) return;
    earlier_experiment(study, spec, "neurons", keys_.neurons,
                       {"identify", "gradient", "learn", "sweep", "race", "minimize", "template"});
    check_unseen(study, spec, keys_.neurons, "measures the neurons of");
  }

  void check(const Database& store) const override {
    if (keys_.neurons != kAllNeurons) return;
    std::int64_t members = 0;
    for (const auto& model : keys_.models) {
      const ModelRow row = read_model(store, model);
      members += row.n_layers * row.n_neurons_per_layer;
    }
    check_members(members, keys_.name, "name fewer models, or for neurons an experiment that chose some");
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.models) {
      const auto neurons = neurons_of(catalog, so_far, model);
      if (neurons.empty()) {
        log_warning("{}: '{}' found no neuron of model '{}': no envelopes there", keys_.name, keys_.neurons, model);
        continue;
      }
      for (const NeuronId& id : neurons) {
        plan.members.push_back(
            {0, kEnvelopeSet, model, kAllTasks, to_int(id.layer), to_int(id.neuron), "read", 0, "generated"});
      }
      for (const auto& task : keys_.tasks) {
        for (auto& items : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
    if (plan.units.empty()) return std::nullopt;
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    std::vector<NeuronId> neurons;
    for (const SetMemberRow& row : plan.members) {
      if (row.model == unit.model) neurons.push_back(neuron_of(row));
    }
    const Catalog& catalog = bench.catalog();
    const TaskEntry& task = catalog.task(unit.task);
    std::vector<AttemptRequest> requests;
    for (const auto& id : unit.items) {
      const auto seed =
          content_seed(catalog.study(), fmt::format("{}|{}|{}|{}", keys_.name, unit.model, unit.task, id));
      const TaskItem& item = task.item(id);
      requests.push_back({task.prompt.fill(item.fields), item.answer, static_cast<std::uint64_t>(seed), {}});
    }
    const Decoder& decoder = bench.decoder(unit.model);
    NeuronRanges ranges(neurons, decoder.arch(), decoder.group());
    const AttemptOptions options{{keys_.temperature, keys_.top_p}, keys_.max_new_tokens, keys_.slots};
    const auto attempts = measure_attempts(decoder, *catalog.model(unit.model).tokenizer, *task.grader, requests,
                                           options, KeepMeans::no, {&ranges});
    UnitRows rows;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      rows.add(unit_trace(unit, unit.items[i], 0, requests[i].seed, options.sampling, attempts[i]));
      const auto range = ranges.of(static_cast<std::int64_t>(i));
      if (range.n_tokens == 0) continue;
      ActivationRangeRow row;
      row.n_tokens = range.n_tokens;
      row.ranges = range.least;
      row.ranges.insert(row.ranges.end(), range.largest.begin(), range.largest.end());
      row.n = static_cast<std::int64_t>(row.ranges.size());
      rows.add(std::move(row));
    }
    return rows;
  }

  void reduce(const Catalog&, Database& db) const override {
    reduce_envelopes(db, keys_.name, keys_.models, keys_.tasks, {.outside = keys_.outside});
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit;
    forecast.sampling = {keys_.temperature, keys_.top_p};
    for (const auto& name : keys_.models) {
      const ModelEntry& model = catalog.model(name);
      const std::int64_t neurons = keys_.neurons == kAllNeurons ? model.arch.L * model.arch.M : keys_.top;
      for (const auto& task : keys_.tasks) {
        for (const auto& ids : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
          Forecast::Work& work = forecast.by_model[name];
          work.units += 1;
          work.add_decoding(catalog.references(model, catalog.task(task), ids),
                            {1, keys_.max_new_tokens, keys_.slots, catalog.task(task).spec.reply_tokens});
          forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * (400 + 8 * neurons));
        }
      }
    }
    return forecast;
  }

 private:
  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task) const {
    return Selection{keys_.models, keys_.tasks, kSplit, keys_.items}.chosen(catalog, task);
  }

  std::vector<NeuronId> neurons_of(const Catalog& catalog, const Database& so_far, const std::string& model) const {
    if (keys_.neurons == kAllNeurons) return all_neurons(catalog.model(model).arch);
    std::vector<std::string> sets = keys_.tasks;
    sets.emplace_back(kAllTasks);
    return best_neurons(so_far, keys_.neurons, model, sets, keys_.top);
  }

  EnvelopeKeys keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_envelope(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<EnvelopeExperiment>(spec, study);
}

}  // namespace neurosweep
