#include "experiments/edit.hpp"

#include <algorithm>

#include "experiments/edit_source.hpp"
#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/edit_effects.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/steer/edited_weights.hpp"
#include "framework/store/status.hpp"

namespace neurosweep {

namespace {

/// A decoder of a unit: the members of a set that it is edited by, and how much.
struct EditedArm {
  std::string arm;
  std::string source_task, set;
  std::optional<double> amount;

  bool is_control() const { return set != kEditedSet; }
};

class EditExperiment final : public Experiment {
 public:
  EditExperiment(const ExperimentSpec& spec, const StudySpec& study)
      : keys_(read_edit_keys(spec, study)), source_(keys_, spec, study) {
    need_whole_models(study, spec);
  }

  void check(const Database& store) const override {
    for (const auto& model : keys_.models) source_.check(read_model(store, model));
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.models) {
      for (const auto& source : source_tasks()) {
        const auto members = source_.plan(catalog, so_far, model, source);
        std::ranges::copy(members, std::back_inserter(plan.members));
        if (!members.empty()) continue;
        log_warning("{}: '{}' found nothing for model '{}', task '{}': nothing is edited there", keys_.name, keys_.from,
                    model, source);
      }
      for (const auto& task : measured_tasks()) add_units(plan, catalog, model, task);
    }
    if (!plan.units.empty()) return plan;
    if (count_missing_units(so_far) == 0) {
      throw input_error("experiment '{}': '{}' found nothing {} for any model: set pooled = {}, or see what it found",
                        keys_.name, keys_.from, keys_.pooled ? "over all tasks" : "for any one of the tasks",
                        !keys_.pooled);
    }
    log_warning("{}: nothing is left to edit, as units before it failed: it is left out", keys_.name);
    return std::nullopt;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const ModelEntry& model = bench.catalog().model(unit.model);
    const TaskEntry& task = bench.catalog().task(unit.task);
    std::vector<AttemptRequest> requests;
    for (const auto& id : unit.items) {
      const TaskItem& item = task.item(id);
      requests.push_back({task.prompt.fill(item.fields), item.answer, 0, {}});
    }
    UnitRows rows;
    const auto answers_of = [&](const Decoder& decoder) {
      const AttemptOptions options{{}, keys_.max_new_tokens, keys_.slots};
      return measure_attempts(decoder, *model.tokenizer, *task.grader, requests, options, KeepMeans::no);
    };
    const auto add = [&](const std::string& arm, const std::vector<Attempt>& answers) {
      for (std::size_t i = 0; i < answers.size(); ++i) rows.add(unit_outcome(unit, unit.items[i], arm, answers[i]));
    };
    const auto unedited = answers_of(bench.decoder(unit.model));
    add(kBaselineArm, unedited);
    const WeightOptions options = bench.make_room(unit.model);
    const LayerTensors checkpoint(model.spec.path);
    for (const EditedArm& arm : arms_of(plan, unit)) {
      const auto edited = edited_decoder(checkpoint, edits_of(plan, unit, arm), options, arm);
      add(arm.arm, edited ? answers_of(*edited) : unedited);
    }
    return rows;
  }

  void reduce(const Catalog&, Database& db) const override {
    EditDesign design{{}, keys_.guards, keys_.max_drop, keys_.random_sets};
    for (const auto& source : source_tasks()) {
      for (const auto& amount : source_.amounts()) {
        design.arms.push_back({arm_name(source, amount), source, source_.op(), amount});
      }
    }
    reduce_edits(db, keys_.name, design);
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.slots = keys_.slots;
    for (const auto& task : measured_tasks()) {
      const std::int64_t arms = n_arms(task);
      forecast.unit_sequences = std::max(forecast.unit_sequences, keys_.items_per_unit * arms);
      for (const auto& ids : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
        for (const auto& model : keys_.models) {
          Forecast::Work& work = forecast.by_model[model];
          work.units += 1;
          work.reloads += arms;
          work.add_decoding(catalog.references(catalog.model(model), catalog.task(task), ids),
                            {arms, keys_.max_new_tokens, keys_.slots, catalog.task(task).spec.reply_tokens});
          forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * arms * 200);
        }
      }
    }
    return forecast;
  }

 private:
  static EditKeys read_edit_keys(const ExperimentSpec& spec, const StudySpec& study) {
    EditKeys keys;
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys);
    keys.name = spec.name;
    keys.models = choose_names(keys.models, study.model_names(), "model", spec.table.place);
    if (!keys.guards.empty()) keys.guards = choose_names(keys.guards, study.task_names(), "task", spec.table.place);
    const auto guards = [&](const std::string& task) {
      return std::ranges::find(keys.guards, task) != keys.guards.end();
    };
    const std::string where = fmt::format("{}: experiment '{}'", to_text(spec.table.place), spec.name);
    const bool all = keys.tasks.empty();
    keys.tasks = choose_names(keys.tasks, study.task_names(), "task", spec.table.place);
    if (all) std::erase_if(keys.tasks, guards);
    if (keys.tasks.empty()) throw input_error("{}: every task of the study is a guard: leave one to edit for", where);
    const auto both = std::ranges::find_if(keys.tasks, guards);
    if (both == keys.tasks.end()) return keys;
    throw input_error("{}: '{}' is in tasks and in guards: it is what the edit is meant for, or what it must not harm",
                      where, *both);
  }

  std::vector<std::string> measured_tasks() const {
    std::vector<std::string> tasks = keys_.tasks;
    tasks.insert(tasks.end(), keys_.guards.begin(), keys_.guards.end());
    return tasks;
  }

  std::vector<std::string> source_tasks() const {
    if (source_.is_file()) return {""};
    return keys_.pooled ? std::vector<std::string>{kAllTasks} : keys_.tasks;
  }

  /// Whether the edit found on `source` is measured on `task`.
  bool is_measured(const std::string& source, const std::string& task) const {
    return source_.is_file() || keys_.pooled || source == task ||
           std::ranges::find(keys_.guards, task) != keys_.guards.end();
  }

  std::int64_t n_arms(const std::string& task) const {
    const auto sources =
        std::ranges::count_if(source_tasks(), [&](const auto& source) { return is_measured(source, task); });
    return 1 + sources * std::ssize(source_.amounts()) * (1 + keys_.random_sets);
  }

  std::string arm_name(const std::string& source, std::optional<double> amount) const {
    std::string name = source_.op();
    if (amount) name += fmt::format("@{}", *amount);
    if (!source_.is_file() && !keys_.pooled) name += fmt::format(" from {}", source);
    return name;
  }

  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task) const {
    return Selection{keys_.models, keys_.tasks, "test", keys_.items}.chosen(catalog, task);
  }

  void add_units(Plan& plan, const Catalog& catalog, const std::string& model, const std::string& task) const {
    const bool edited = std::ranges::any_of(
        plan.members, [&](const SetMemberRow& row) { return row.model == model && is_measured(row.task, task); });
    if (!edited) return;
    const std::string hash = source_.hash();
    for (auto& items : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
      WorkUnit& unit = plan.units.emplace_back(WorkUnit{model, task, std::move(items)});
      unit.n_arms = n_arms(task);
      if (!hash.empty()) unit.texts = {hash};
    }
  }

  std::vector<EditedArm> arms_of(const Plan& plan, const WorkUnit& unit) const {
    std::vector<EditedArm> arms;
    for (const auto& source : source_tasks()) {
      const bool planned = std::ranges::any_of(
          plan.members, [&](const SetMemberRow& row) { return row.model == unit.model && row.task == source; });
      if (!planned || !is_measured(source, unit.task)) continue;
      for (const auto& amount : source_.amounts()) {
        const std::string arm = arm_name(source, amount);
        arms.push_back({arm, source, kEditedSet, amount});
        for (std::int64_t i = 0; i < keys_.random_sets; ++i) {
          arms.push_back({random_arm(arm, i), source, random_set_name(i), amount});
        }
      }
    }
    return arms;
  }

  std::vector<WeightEdit> edits_of(const Plan& plan, const WorkUnit& unit, const EditedArm& arm) const {
    std::vector<SetMemberRow> members;
    std::ranges::copy_if(plan.members, std::back_inserter(members), [&](const SetMemberRow& row) {
      return row.model == unit.model && row.task == arm.source_task;
    });
    return source_.edits(members, arm.set, arm.amount);
  }

  /// None for a control that changes nothing, as random neurons may write nothing.
  std::optional<Decoder> edited_decoder(const LayerTensors& checkpoint, const std::vector<WeightEdit>& edits,
                                        const WeightOptions& options, const EditedArm& arm) const {
    try {
      const LayerWeightEdits layers = make_layer_edits(checkpoint, edits);
      EditedWeights edited = edited_weights(checkpoint, layers, options);
      if (!arm.is_control()) check_changed(layers, edited.changed, options);
      if (edited.changed.empty()) return std::nullopt;
      return Decoder(checkpoint.arch(), std::move(edited.weights));
    } catch (const Error& failure) {
      throw Error(failure.kind(), fmt::format("{}: arm '{}': {}", checkpoint.dir(), arm.arm, failure.what()));
    }
  }

  void check_changed(const LayerWeightEdits& edits, const std::vector<LayerIndex>& changed,
                     const WeightOptions& options) const {
    if (changed.empty()) {
      throw input_error("the edit changes no number of the weights in {}: raise the strength, or edit other neurons",
                        at::toString(options.dtype));
    }
    for (const auto& [layer, edit] : edits) {
      if (std::ranges::find(changed, layer) != changed.end()) continue;
      log_warning("{}: the edit of layer {} changes no number of it in {}", keys_.name, to_int(layer),
                  at::toString(options.dtype));
    }
  }

  EditKeys keys_;
  EditSource source_;
};

}  // namespace

std::unique_ptr<Experiment> make_edit(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<EditExperiment>(spec, study);
}

}  // namespace neurosweep
