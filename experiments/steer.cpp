#include "experiments/steer.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "experiments/planned_edits.hpp"
#include "experiments/steer_gates.hpp"
#include "experiments/steer_vectors.hpp"
#include "experiments/transfer.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/steering_effects.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/store/status.hpp"

namespace neurosweep {

namespace {

/// An arm of a unit: how it steers, and the item it works on.
struct SteeredRequest {
  const SteerArmRow* arm = nullptr;
  std::size_t item = 0;  ///< of the unit
  double share = 1;      ///< of the arm's strength; 0: the item is left alone
};

class SteerExperiment final : public Experiment {
 public:
  SteerExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    for (const ConfigNode& table : keys_.variants) add_variant(spec, study, table);
    if (variants_.empty()) {
      throw input_error("{}: experiment '{}' has no [[experiment.variant]]", to_text(spec.table.place), spec.name);
    }
  }

  void check_items(const Catalog& catalog) const override {
    for (const auto& [name, variant] : variants_) check_gate(catalog, keys_, variant.keys);
  }

  void check(const Database& store) const override {
    for (const auto& [name, variant] : variants_) {
      if (!variant.file) continue;
      for (const auto& model : keys_.models) {
        check_steering_model(*variant.file, variant.keys.file, model, read_model(store, model).checkpoint_hash);
      }
    }
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 1) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    std::optional<ValidatedStrengths> validated;
    if (round_no == 1) validated.emplace(so_far, keys_.name);
    std::int64_t unmeasured = 0;
    for (const auto& model : keys_.models) {
      for (const auto& task : keys_.tasks) unmeasured += add_task(plan, catalog, so_far, validated, model, task);
    }
    if (!plan.steer_arms.empty()) return plan;
    if (unmeasured == 0 && count_missing_units(so_far) == 0) {
      throw input_error("experiment '{}': there is no direction for any model and task: see the warnings above",
                        keys_.name);
    }
    log_warning("{}: nothing is left to steer in the {} stage: the experiment ends there", keys_.name,
                round_no == 0 ? kValidateStage : kTestStage);
    return std::nullopt;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override;

  void reduce(const Catalog&, Database& db) const override { reduce_steering(db, keys_.name); }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = true;
    forecast.slots = keys_.slots;
    for (const std::int64_t round_no : {0, 1}) {
      const std::int64_t arms = n_arms(round_no);
      forecast.unit_sequences = keys_.items_per_unit * arms;
      for (const auto& name : keys_.models) {
        for (const auto& task : keys_.tasks) {
          for (const auto& ids : item_blocks(items_of(catalog, task, round_no), keys_.items_per_unit)) {
            add_unit(forecast.by_model[name], catalog, catalog.model(name), catalog.task(task), ids, arms);
            forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * arms * 200);
          }
        }
      }
    }
    return forecast;
  }

 private:
  void add_variant(const ExperimentSpec& spec, const StudySpec& study, const ConfigNode& table) {
    DeclaredVariant variant;
    SteerVariant& keys = variant.keys;
    read_keys(table, fmt::format("a variant of experiment '{}'", spec.name), keys);
    const std::string where = fmt::format("{}: variant '{}'", to_text(table.place), keys.name);
    if (keys.from.empty() == keys.file.empty()) throw input_error("{}: expected either from or file", where);
    if (!keys.gate.empty()) earlier_experiment(study, spec, "gate", keys.gate, {"predict"});
    if (keys.strengths.empty()) keys.strengths = keys_.strengths;
    check_variant(keys, pulls(spec, study, variant), where);
    const std::string name = keys.name;
    if (!variants_.emplace(name, std::move(variant)).second) throw input_error("{}: the name is there twice", where);
    order_.push_back(name);
  }

  /// Reads a variant's file, or checks the experiment it steers by; says whether it pulls.
  static bool pulls(const ExperimentSpec& spec, const StudySpec& study, DeclaredVariant& variant) {
    if (variant.keys.file.empty()) {
      check_unseen(study, spec, variant.keys.from, "steers by");
      return earlier_experiment(study, spec, "from", variant.keys.from, {"identify", "gradient", "learn", "template"})
                 .kind == "template";
    }
    variant.keys.file = resolve_path(study.path, variant.keys.file);
    variant.file = read_steering_file(variant.keys.file);
    return variant.file->pattern.form == SteeringForm::pull;
  }

  static void check_variant(const SteerVariant& keys, bool pulls, const std::string& where) {
    const double most = *std::max_element(keys.strengths.begin(), keys.strengths.end());
    if (pulls && most > 1) {
      throw input_error("{}: strength {} would pull beyond the template: expected 0 to 1", where, most);
    }
    if (pulls && (keys.random_draws > 0 || keys.shuffled_draws > 0 || keys.values != "own")) {
      throw input_error("{}: random_draws, shuffled_draws and values are for pushes, and it pulls to a template",
                        where);
    }
    if (keys.values != "own" && keys.values != "equal") {
      throw input_error("{}: values = '{}' (valid: own, equal)", where, keys.values);
    }
    if (!keys.file.empty() && (keys.pooled || keys.across)) {
      throw input_error("{}: pooled and across choose among directions, and a file holds one", where);
    }
    if (keys.pooled && keys.across)
      throw input_error("{}: across takes the pooled direction too: leave out pooled", where);
    if (keys.difficulty && keys.gate.empty()) throw input_error("{}: difficulty needs a gate", where);
    try {
      steer_scope(keys.scope);
      doubt_kind(keys.doubt);
    } catch (const Error& failure) {
      throw input_error("{}: {}", where, failure.what());
    }
    if ((keys.scope == "first") != (keys.steps > 0)) {
      throw input_error("{}: scope 'first' and `steps` belong together", where);
    }
  }

  std::vector<TaskItem> items_of(const Catalog& catalog, const std::string& task, std::int64_t round_no) const {
    return keys_.chosen(catalog, task, round_no == 0 ? kValidateStage : kTestStage);
  }

  std::int64_t n_arms(std::int64_t round_no) const {
    std::int64_t arms = 1;
    for (const auto& [name, variant] : variants_) {
      const auto strengths = round_no == 0 ? static_cast<std::int64_t>(variant.keys.strengths.size()) : 1;
      arms += strengths * count_planned(variant.keys, keys_.tasks.size());
    }
    return arms;
  }

  void add_unit(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                const std::vector<std::string>& ids, std::int64_t arms) const {
    work.units += 1;
    work.add_decoding(catalog.references(model, task, ids),
                      {arms, keys_.max_new_tokens, keys_.slots, task.spec.reply_tokens});
  }

  /// Strengths to try: all of them, then the one that did best; none where nothing was validated.
  std::vector<double> strengths_of(const SteerVariant& keys, const std::string& name,
                                   const std::optional<ValidatedStrengths>& validated, const std::string& model,
                                   const std::string& task) const {
    if (!validated) return keys.strengths;
    const auto best = validated->best(model, keys.pooled ? keys_.tasks : std::vector<std::string>{task}, name);
    return best ? std::vector{*best} : std::vector<double>();
  }

  /// Returns how many variants are left out because measurements that they need are missing.
  std::int64_t add_task(Plan& plan, const Catalog& catalog, const Database& so_far,
                        const std::optional<ValidatedStrengths>& validated, const std::string& model,
                        const std::string& task) const {
    const auto items = items_of(catalog, task, plan.round_no);
    const std::size_t before = plan.steer_arms.size();
    std::int64_t unmeasured = 0;
    for (const std::string& declared : order_) {
      const DeclaredVariant& variant = variants_.at(declared);
      const auto leave_out = [&](const std::string& why) {
        log_warning("{}: {} model '{}', task '{}': variant '{}' is left out there", keys_.name, why, model, task,
                    declared);
      };
      const auto planned = plan_variant(catalog, so_far, keys_.name, variant, model, task, keys_.tasks);
      if (planned.empty()) {
        leave_out(fmt::format("'{}' has no direction for", variant.keys.from));
        continue;
      }
      const auto gates = plan_gates(so_far, variant.keys, model, task, items);
      if (!gates) {
        leave_out(fmt::format("'{}' left no predictions for", variant.keys.gate));
        ++unmeasured;
        continue;
      }
      std::int64_t added = 0;
      for (const PlannedVariant& each : planned) {
        const auto strengths = strengths_of(variant.keys, each.name, validated, model, task);
        if (strengths.empty()) continue;
        add_planned(plan, declared, each, strengths, *gates);
        ++added;
      }
      if (added > 0) continue;
      leave_out("no strength was validated, as units failed, for");
      ++unmeasured;
    }
    if (plan.steer_arms.size() == before) return unmeasured;
    for (auto& ids : item_blocks(items, keys_.items_per_unit)) plan.units.push_back({model, task, std::move(ids)});
    return unmeasured;
  }

  static void add_planned(Plan& plan, const std::string& declared, const PlannedVariant& variant,
                          const std::vector<double>& strengths, const std::vector<SteerGateRow>& gates) {
    const SetMemberRow& any = variant.members.front();
    for (const double strength : strengths) {
      plan.steer_arms.push_back({0, any.model, any.task, fmt::format("{}@{}", variant.name, strength), variant.name,
                                 strength, std::ssize(variant.members), declared, variant.direction_task});
    }
    for (const SteerGateRow& gate : gates) plan.gates.emplace_back(gate).variant = variant.name;
    plan.members.insert(plan.members.end(), variant.members.begin(), variant.members.end());
  }

  std::vector<SteeredRequest> requests_of(const Plan& plan, const WorkUnit& unit) const;
  std::vector<SteerOrder> orders_of(const Plan& plan, const WorkUnit& unit,
                                    const std::vector<SteeredRequest>& requests) const;

  SteerKeys keys_;
  std::map<std::string, DeclaredVariant> variants_;
  std::vector<std::string> order_;  ///< their names, as in the study
};

/// Every arm at every item of a unit.
std::vector<SteeredRequest> SteerExperiment::requests_of(const Plan& plan, const WorkUnit& unit) const {
  std::map<std::pair<std::string, std::string>, double> shares;
  for (const SteerGateRow& gate : plan.gates) {
    if (gate.model == unit.model && gate.task == unit.task) shares[{gate.variant, gate.item}] = gate.share;
  }
  std::vector<SteeredRequest> requests;
  for (const SteerArmRow& arm : plan.steer_arms) {
    if (arm.model != unit.model || arm.task != unit.task) continue;
    for (std::size_t i = 0; i < unit.items.size(); ++i) {
      const auto gate = shares.find({arm.variant, unit.items[i]});
      requests.push_back({&arm, i, gate == shares.end() ? 1.0 : gate->second});
    }
  }
  return requests;
}

/// Orders for the requests that steer, numbered after the unit's untouched items.
std::vector<SteerOrder> SteerExperiment::orders_of(const Plan& plan, const WorkUnit& unit,
                                                   const std::vector<SteeredRequest>& requests) const {
  std::map<std::string, std::vector<SetMemberRow>> members;
  for (const SetMemberRow& row : plan.members) {
    if (row.model == unit.model && row.task == unit.task) members[row.set_name].push_back(row);
  }
  std::map<std::string, std::shared_ptr<const SteeringVector>> vectors;
  for (const auto& [name, rows] : members) vectors[name] = std::make_shared<SteeringVector>(steering_vector(rows));
  std::vector<SteerOrder> orders;
  auto sequence = static_cast<std::int64_t>(unit.items.size());
  for (const SteeredRequest& request : requests) {
    if (request.share == 0) continue;
    const SteerVariant& keys = variants_.at(request.arm->declared).keys;
    orders.push_back({sequence++,
                      vectors.at(request.arm->variant),
                      {request.arm->strength * request.share, steer_scope(keys.scope), keys.steps, keys.cap,
                       doubt_kind(keys.doubt), keys.full_doubt}});
  }
  return orders;
}

UnitRows SteerExperiment::measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const {
  const ModelEntry& model = bench.catalog().model(unit.model);
  const TaskEntry& task = bench.catalog().task(unit.task);
  const Decoder& decoder = bench.decoder(unit.model);
  const auto requests = requests_of(plan, unit);
  std::vector<AttemptRequest> attempts;
  const auto ask = [&](std::size_t i) {
    const TaskItem& item = task.item(unit.items[i]);
    attempts.push_back({task.prompt.fill(item.fields), item.answer, 0, {}});
  };
  for (std::size_t i = 0; i < unit.items.size(); ++i) ask(i);
  for (const SteeredRequest& request : requests) {
    if (request.share > 0) ask(request.item);
  }
  Steering steering(orders_of(plan, unit, requests), decoder.arch());
  const AttemptOptions options{{}, keys_.max_new_tokens, keys_.slots};
  const auto answers =
      measure_attempts(decoder, *model.tokenizer, *task.grader, attempts, options, KeepMeans::no, {&steering});
  steering.check_applied();

  UnitRows rows;
  const auto add = [&](std::size_t item, const std::string& arm, const Attempt& answer) {
    rows.add(unit_outcome(unit, unit.items[item], arm, answer));
  };
  for (std::size_t i = 0; i < unit.items.size(); ++i) add(i, kBaselineArm, answers[i]);
  std::size_t next = unit.items.size();
  for (const SteeredRequest& request : requests) {
    add(request.item, request.arm->arm, answers[request.share > 0 ? next++ : request.item]);
  }
  return rows;
}

}  // namespace

std::string steer_key_help() {
  return key_help<SteerKeys>() + " each [[experiment.variant]]:\n" + key_help<SteerVariant>();
}

std::unique_ptr<Experiment> make_steer(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<SteerExperiment>(spec, study);
}

}  // namespace neurosweep
