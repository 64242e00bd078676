#include "experiments/constrain.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/envelope.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/planned_edits.hpp"
#include "experiments/steer_vectors.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/intervene/constraints.hpp"
#include "framework/rank/constraint_effects.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/steer/policy_file.hpp"

namespace neurosweep {

namespace {

// Sets of a round's plan.
constexpr const char* kFloors = "floor";
constexpr const char* kCeilings = "ceiling";
constexpr const char* kDirection = "steered";

constexpr const char* kFewerLimits = "limit fewer neurons, or name fewer tasks or models";

/// An arm of a unit.
struct ConstrainArm {
  const char* name;
  bool steered, constrained;
};

/// Without limits a policy acts on steering only; without steering only limits act.
std::vector<ConstrainArm> arms_of(bool steers, bool limits) {
  std::vector<ConstrainArm> arms = {{kBaselineArm, false, false}};
  if (limits) arms.push_back({kConstrainedArm, false, true});
  if (steers) arms.insert(arms.end(), {{kSteeredArm, true, false}, {kSteeredConstrainedArm, true, true}});
  return arms;
}

std::vector<NeuronId> neurons_of(const SteeringVector& vector) {
  std::vector<NeuronId> ids;
  for (const SteeredNeuron& neuron : vector) ids.push_back(neuron.id);
  return ids;
}

class ConstrainExperiment final : public Experiment {
 public:
  ConstrainExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    const std::string where = fmt::format("{}: experiment '{}'", to_text(spec.table.place), spec.name);
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    keys_.guarded =
        keys_.guarded.empty() ? keys_.tasks : choose_names(keys_.guarded, study.task_names(), "task", spec.table.place);
    if (!keys_.policy.empty() && !keys_.envelope.empty()) {
      throw input_error("{}: policy and envelope are two ways to say the same: leave out one", where);
    }
    if (keys_.policy.empty() && keys_.envelope.empty() && keys_.steering_cap == 0) {
      throw input_error("{}: nothing to keep to: set policy, envelope or steering_cap", where);
    }
    if (!keys_.from.empty() && !keys_.file.empty()) throw input_error("{}: expected either from or file", where);
    if (keys_.scope != "generated" && keys_.scope != "all") {
      throw input_error("{}: scope '{}' (valid: generated, all)", where, keys_.scope);
    }
    read_sources(spec, study, where);
    need_whole_models(study, spec);
    if (!steers() && !has_limits()) {
      throw input_error("{}: caps and denials act on steering, and nothing is steered: set from or file", where);
    }
  }

  void check(const Database& store) const override {
    std::int64_t limits = 0;
    for (const auto& model : keys_.models) {
      const ModelRow row = read_model(store, model);
      if (limits_all_) limits += 2 * row.n_layers * row.n_neurons_per_layer * std::ssize(keys_.tasks);
      if (policy_) {
        check_policy_model(*policy_, keys_.policy, model, row.checkpoint_hash);
        const std::vector<NeuronId> touched =
            direction_ ? neurons_of(steering_vector(direction_->pattern)) : std::vector<NeuronId>{};
        check_policy(policy_->policy, touched, row.n_layers, row.n_neurons_per_layer);
      }
      if (direction_) check_steering_model(*direction_, keys_.file, model, row.checkpoint_hash);
    }
    check_members(limits, keys_.name, kFewerLimits);
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.models) {
      for (const auto& task : keys_.tasks) {
        if (!has_envelope(so_far, model, task)) continue;
        const std::size_t before = plan.members.size();
        add_limits(plan, so_far, model, task);
        check_members(std::ssize(plan.members), keys_.name, kFewerLimits);
        add_direction(plan, so_far, model, task);
        const std::vector<SetMemberRow> added(plan.members.begin() + static_cast<std::ptrdiff_t>(before),
                                              plan.members.end());
        const Policy policy = policy_of(added);
        const ArchSpec& arch = catalog.model(model).arch;
        check_policy(policy, neurons_of(vector_of(added)), arch.L, arch.M);
        for (auto& items : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
          WorkUnit& unit = plan.units.emplace_back(WorkUnit{model, task, std::move(items)});
          if (policy_) unit.texts = {policy_hash(policy)};  // members tell its limits only
        }
      }
    }
    if (plan.units.empty()) return std::nullopt;
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    std::vector<SetMemberRow> members;
    for (const SetMemberRow& row : plan.members) {
      if (row.model == unit.model && row.task == unit.task) members.push_back(row);
    }
    const auto vector = std::make_shared<const SteeringVector>(vector_of(members));
    const auto policy = std::make_shared<const Policy>(policy_of(members));
    const auto arms = arms_of(!vector->empty(), !policy->limits.empty());
    const TaskEntry& task = bench.catalog().task(unit.task);
    std::vector<AttemptRequest> requests;
    std::vector<SteerOrder> steered;
    std::vector<PolicyOrder> constrained;
    for (const ConstrainArm& arm : arms) {
      for (const auto& id : unit.items) {
        const auto sequence = static_cast<std::int64_t>(requests.size());
        const TaskItem& item = task.item(id);
        requests.push_back({task.prompt.fill(item.fields), item.answer, 0, {}});
        if (arm.steered) steered.push_back({sequence, vector, {keys_.strength, steer_scope(keys_.scope)}});
        if (arm.constrained) constrained.push_back({sequence, policy});
      }
    }
    const Decoder& decoder = bench.decoder(unit.model);
    Steering steering(steered, decoder.arch());
    Constraints constraints(constrained, {&steering, neurons_of(*vector)}, decoder.arch(), decoder.dtype());
    const auto answers = measure_attempts(decoder, *bench.catalog().model(unit.model).tokenizer, *task.grader, requests,
                                          {{}, keys_.max_new_tokens, keys_.slots}, KeepMeans::no, {&constraints});
    steering.check_applied();
    return rows_of(unit, arms, answers, constraints);
  }

  void reduce(const Catalog&, Database& db) const override { reduce_constraints(db, keys_.name, keys_.guarded); }

  Forecast forecast(const Catalog& catalog) const override {
    const auto arms = static_cast<std::int64_t>(arms_of(steers(), has_limits()).size());
    Forecast forecast;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit * arms;
    for (const auto& name : keys_.models) {
      for (const auto& task : keys_.tasks) {
        for (const auto& ids : item_blocks(chosen(catalog, task), keys_.items_per_unit)) {
          Forecast::Work& work = forecast.by_model[name];
          work.units += 1;
          work.add_decoding(catalog.references(catalog.model(name), catalog.task(task), ids),
                            {arms, keys_.max_new_tokens, keys_.slots, catalog.task(task).spec.reply_tokens});
          forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * arms * 400);
        }
      }
    }
    return forecast;
  }

 private:
  void read_sources(const ExperimentSpec& spec, const StudySpec& study, const std::string& where) {
    if (!keys_.policy.empty()) {
      keys_.policy = resolve_path(study.path, keys_.policy);
      policy_ = read_policy_file(keys_.policy);
    }
    if (!keys_.envelope.empty()) {
      take_envelope(study, earlier_experiment(study, spec, "envelope", keys_.envelope, {"envelope"}), where);
      check_unseen(study, spec, keys_.envelope, "keeps to the envelopes of");
    }
    std::string pulls_by;
    if (!keys_.file.empty()) {
      keys_.file = resolve_path(study.path, keys_.file);
      direction_ = read_steering_file(keys_.file);
      if (direction_->pattern.form == SteeringForm::pull) pulls_by = keys_.file;
    }
    if (!keys_.from.empty()) {
      const auto& source =
          earlier_experiment(study, spec, "from", keys_.from, {"identify", "gradient", "learn", "template"});
      check_unseen(study, spec, keys_.from, "steers by");
      if (source.kind == "template") pulls_by = keys_.from;
    }
    if (!pulls_by.empty() && keys_.strength > 1) {
      throw input_error("{}: strength {} would pull beyond the template '{}': expected 0 to 1", where, keys_.strength,
                        pulls_by);
    }
  }

  /// Fails where the envelope experiment leaves out models or tasks that are answered here.
  void take_envelope(const StudySpec& study, const ExperimentSpec& source, const std::string& where) {
    EnvelopeKeys keys;
    read_keys(source.table, fmt::format("experiment '{}'", source.name), keys);
    limits_all_ = keys.neurons == kAllNeurons;
    const SourcePlace& place = source.table.place;
    need_measured(choose_names(keys.models, study.model_names(), "model", place), keys_.models, "model", source.name,
                  where);
    if (keys_.pooled) return;
    need_measured(choose_names(keys.tasks, study.task_names(), "task", place), keys_.tasks, "task", source.name, where);
  }

  bool steers() const { return !keys_.from.empty() || direction_; }
  bool has_limits() const { return !keys_.envelope.empty() || (policy_ && !policy_->policy.limits.empty()); }

  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task) const {
    return Selection{keys_.models, keys_.tasks, "test", keys_.items}.chosen(catalog, task);
  }

  std::string envelope_of(const std::string& task) const { return keys_.pooled ? std::string(kAllTasks) : task; }

  /// Whether what `envelope` names has limits to keep to; units may have failed there, or no reply succeeded.
  bool has_envelope(const Database& so_far, const std::string& model, const std::string& task) const {
    if (keys_.envelope.empty()) return true;
    const auto any = so_far.select<ActivationEnvelopeRow>("WHERE experiment = ? AND model = ? AND task = ? LIMIT 1",
                                                          {keys_.envelope, model, envelope_of(task)});
    if (any.empty()) {
      log_warning("{}: '{}' left no envelope for model '{}', task '{}': nothing is measured there", keys_.name,
                  keys_.envelope, model, task);
    }
    return !any.empty();
  }

  void add_limits(Plan& plan, const Database& so_far, const std::string& model, const std::string& task) const {
    std::vector<ActivationLimits> limits;
    if (policy_) limits = policy_->policy.limits;
    if (!keys_.envelope.empty()) {
      limits = make_policy_file(so_far, keys_.envelope, model, envelope_of(task)).policy.limits;
    }
    for (const auto& [id, low, high] : limits) {
      const auto add = [&](const char* set, double value) {
        if (!std::isfinite(value)) return;
        plan.members.push_back({0, set, model, task, to_int(id.layer), to_int(id.neuron), set, value,
                                policy_ && policy_->policy.scope == PolicyScope::all ? "all" : "generated"});
      };
      add(kFloors, low);
      add(kCeilings, high);
    }
  }

  void add_direction(Plan& plan, const Database& so_far, const std::string& model, const std::string& task) const {
    if (!steers()) return;
    const SteeringPattern pattern =
        direction_ ? direction_->pattern : read_steering_pattern(so_far, keys_.from, model, task);
    if (pattern.neurons.empty()) {
      log_warning("{}: '{}' has no direction for model '{}', task '{}': nothing is steered there", keys_.name,
                  keys_.from, model, task);
    }
    for (const auto& [id, value, sd] : pattern.neurons) {
      plan.members.push_back({0, kDirection, model, task, to_int(id.layer), to_int(id.neuron),
                              std::string(form_name(pattern.form)), value, keys_.scope});
    }
  }

  static SteeringVector vector_of(const std::vector<SetMemberRow>& members) {
    std::vector<SetMemberRow> direction;
    std::ranges::copy_if(members, std::back_inserter(direction),
                         [](const SetMemberRow& row) { return row.set_name == kDirection; });
    return steering_vector(direction);
  }

  /// The policy of planned members, with what does not depend on results.
  Policy policy_of(const std::vector<SetMemberRow>& members) const {
    Policy policy;
    if (policy_) {
      policy = policy_->policy;
      policy.limits.clear();
    }
    if (keys_.steering_cap > 0) policy.steering_cap = keys_.steering_cap;
    std::map<NeuronId, ActivationLimits> limits;
    for (const SetMemberRow& row : members) {
      if (row.set_name != kFloors && row.set_name != kCeilings) continue;
      const NeuronId id = neuron_of(row);
      ActivationLimits& each = limits.try_emplace(id, ActivationLimits{id}).first->second;
      (row.set_name == kFloors ? each.low : each.high) = row.value;
    }
    for (const auto& [id, each] : limits) policy.limits.push_back(each);
    return policy;
  }

  UnitRows rows_of(const WorkUnit& unit, const std::vector<ConstrainArm>& arms, const std::vector<Attempt>& answers,
                   const Constraints& constraints) const {
    UnitRows rows;
    const std::size_t n = unit.items.size();
    for (std::size_t i = 0; i < answers.size(); ++i) {
      rows.add(unit_outcome(unit, unit.items[i % n], arms[i / n].name, answers[i]));
    }
    std::int64_t without_neuron = 0;
    for (const Enforcement& each : constraints.log()) {
      if (each.neuron < 0 && each.rule != ConstraintRule::cap) without_neuron += each.times;
      const auto i = static_cast<std::size_t>(each.sequence);
      rows.add(EnforcementRow{0, 0, 0, unit.model, unit.task, unit.items[i % n], arms[i / n].name,
                              std::string(rule_name(each.rule)), each.layer, each.neuron, each.times,
                              each.first_position, each.largest});
    }
    if (without_neuron > 0) {
      log_warning("{}: {} enforcements on items of task '{}', beyond {} neurons of a reply, are logged by layer only",
                  keys_.name, without_neuron, unit.task, Constraints::kMostLogged);
    }
    return rows;
  }

  ConstrainKeys keys_;
  std::optional<PolicyFile> policy_;
  std::optional<SteeringFile> direction_;
  bool limits_all_ = false;  ///< every neuron has limits
};

}  // namespace

std::unique_ptr<Experiment> make_constrain(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<ConstrainExperiment>(spec, study);
}

}  // namespace neurosweep
