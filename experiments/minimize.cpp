#include "experiments/minimize.hpp"

#include <algorithm>
#include <map>

#include "experiments/minimize_replay.hpp"
#include "experiments/planned_edits.hpp"
#include "experiments/set_arms.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/measure/effects.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/set_search_proof.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

namespace {

constexpr const char* kReasoning = "reasoning_logprob";
constexpr const char* kAnswer = "answer_logprob";

/// The sets of a unit. Sets are numbered in the order of the plan's members.
std::vector<std::vector<SweepArm>> sets_of(const Plan& plan, const WorkUnit& unit) {
  std::vector<std::vector<SweepArm>> sets;
  std::int64_t number = -1;
  const std::string* name = nullptr;
  for (const SetMemberRow& row : plan.members) {
    if (!name || *name != row.set_name) ++number;
    name = &row.set_name;
    if (number < unit.first_arm || number >= unit.first_arm + unit.n_arms) continue;
    sets.resize(static_cast<std::size_t>(number - unit.first_arm) + 1);
    sets.back().push_back(edit_of(row));
  }
  return sets;
}

class MinimizeExperiment final : public Experiment {
 public:
  MinimizeExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    keys_.intervention.check(study, spec);
    earlier_experiment(study, spec, "from", keys_.from, {"sweep", "identify", "race"});
    if (keys_.metric != kReasoning && keys_.metric != kAnswer) {
      throw input_error("{}: experiment '{}': metric '{}' is not measured here; expected {} or {}",
                        to_text(spec.table.place), spec.name, keys_.metric, kReasoning, kAnswer);
    }
    const auto search = parse_split(keys_.selection.split), proof = parse_split(keys_.proof_split);
    if (search == proof || search == TaskSplit::all || proof == TaskSplit::all) {
      throw input_error(
          "{}: experiment '{}': split '{}' and proof_split '{}' share items (a set is proved on items that its search "
          "has not seen): choose two of identify, validate and test",
          to_text(spec.table.place), spec.name, keys_.selection.split, keys_.proof_split);
    }
    check_sets_unseen(study, spec, keys_.proof_split, keys_.from, keys_.intervention);
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    MinimizeReplay replay(keys_, catalog, so_far);
    for (const std::string& problem : replay.take_rounds(round_no)) log_error("{}", problem);
    const auto batches = replay.next();
    if (batches.empty()) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    std::map<std::string, std::vector<float>> values;
    for (const SetBatch& batch : batches) {
      const SetRun& run = replay.runs()[batch.run];
      if (!values.contains(run.model)) values[run.model] = keys_.intervention.values(so_far, run.model);
      add_members(plan, run, batch, values[run.model], catalog.model(run.model).arch.M);
      const auto end = batch.first + std::ssize(batch.sets);
      for (const auto& [task, item] : *batch.items) {
        for (std::int64_t set = batch.first; set < end; set += keys_.sets_per_unit) {
          plan.units.push_back({run.model, task, {item}, set, std::min(keys_.sets_per_unit, end - set)});
        }
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const Catalog& catalog = bench.catalog();
    const TaskEntry& task = catalog.task(unit.task);
    const auto sets = sets_of(plan, unit);
    SuffixSweep sweep(bench.decoder(unit.model), bench.sweep_limits(unit.model, keys_.rows));
    UnitRows rows;
    for (const auto& item : unit.items) {
      const auto text = catalog.reference(catalog.model(unit.model), task, task.item(item));
      PromptEffects effects = measure_joint_effects(sweep, text, sets);
      rows.add(
          block(unit, item, kReasoning, effects.n_reasoning, effects.reasoning_baseline, std::move(effects.reasoning)));
      rows.add(block(unit, item, kAnswer, effects.n_answer, effects.answer_baseline, std::move(effects.answer)));
    }
    return rows;
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    const auto rounds = std::ssize(db.select<RoundRow>("WHERE experiment = ?", {keys_.name}));
    MinimizeReplay replay(keys_, catalog, db);
    replay.take_rounds(rounds);
    std::vector<MinimalSetRow> members;
    std::vector<CriticalSetRow> sets;
    std::vector<SetSearchRow> searches;
    std::vector<PairInteractionRow> pairs;
    for (const SetRun& run : replay.runs()) {
      if (!run.problem.empty()) continue;
      const auto seed = derive_seed(static_cast<std::uint64_t>(catalog.study().settings.seed),
                                    fmt::format("{}\n{}\n{}", keys_.name, run.model, run.task));
      const ProofLayout layout = replay.layout(run);
      add_member_rows(members, run);
      add_set_rows(sets, run);
      searches.push_back(search_row(run, layout, seed));
      add_pair_rows(pairs, run, layout, seed);
    }
    replace_derived(db, keys_.name, members);
    replace_derived(db, keys_.name, sets);
    replace_derived(db, keys_.name, searches);
    replace_derived(db, keys_.name, pairs);
  }

  Forecast forecast(const Catalog& catalog) const override;

 private:
  void add_members(Plan& plan, const SetRun& run, const SetBatch& batch, const std::vector<float>& values,
                   std::int64_t M) const {
    for (std::size_t i = 0; i < batch.sets.size(); ++i) {
      const std::string name = fmt::format("set-{:05}", batch.first + static_cast<std::int64_t>(i));
      for (const NeuronId& id : batch.sets[i]) {
        const double value = values.empty() ? keys_.intervention.value : values.at(flat_index(id, M));
        plan.members.push_back({0, name, run.model, run.task, to_int(id.layer), to_int(id.neuron),
                                keys_.intervention.op, value, keys_.intervention.span});
      }
    }
  }

  static EffectBlockRow block(const WorkUnit& unit, const std::string& item, const char* metric, std::int64_t n_tokens,
                              double baseline, std::vector<float> effects) {
    EffectBlockRow row;
    row.model = unit.model;
    row.task = unit.task;
    row.item = item;
    row.metric = metric;
    row.first_arm = unit.first_arm;
    row.n = unit.n_arms;
    row.n_tokens = n_tokens;
    row.baseline = baseline;
    row.effects = std::move(effects);
    return row;
  }

  void add_member_rows(std::vector<MinimalSetRow>& rows, const SetRun& run) const;
  void add_set_rows(std::vector<CriticalSetRow>& rows, const SetRun& run) const;
  SetSearchRow search_row(const SetRun& run, const ProofLayout& layout, std::uint64_t seed) const;
  void add_pair_rows(std::vector<PairInteractionRow>& rows, const SetRun& run, const ProofLayout& layout,
                     std::uint64_t seed) const;

  MinimizeSpec keys_;
};

void MinimizeExperiment::add_member_rows(std::vector<MinimalSetRow>& rows, const SetRun& run) const {
  std::int64_t order_no = 0;
  for (const GrownMember& member : run.search.result().members) {
    const NeuronId id = run.ranked[static_cast<std::size_t>(member.number)];
    rows.push_back({keys_.name, run.model, run.task, ++order_no, to_int(id.layer), to_int(id.neuron), member.number + 1,
                    member.alone, member.gain, member.share, member.kept ? 1 : 0,
                    member.kept ? std::optional(member.loss) : std::nullopt});
  }
}

/// The minimal set as a critical set, so that later experiments can use it: the largest loss first.
void MinimizeExperiment::add_set_rows(std::vector<CriticalSetRow>& rows, const SetRun& run) const {
  const MinimalSet& found = run.search.result();
  std::vector<GrownMember> kept;
  for (const GrownMember& member : found.members) {
    if (member.kept) kept.push_back(member);
  }
  std::stable_sort(kept.begin(), kept.end(), [&](const GrownMember& a, const GrownMember& b) {
    return a.loss / found.full_effect > b.loss / found.full_effect;
  });
  std::int64_t rank_no = 0;
  for (const GrownMember& member : kept) {
    const NeuronId id = run.ranked[static_cast<std::size_t>(member.number)];
    rows.push_back(
        {keys_.name, run.model, run.task, ++rank_no, to_int(id.layer), to_int(id.neuron), member.loss, "minimize"});
  }
}

SetSearchRow MinimizeExperiment::search_row(const SetRun& run, const ProofLayout& layout, std::uint64_t seed) const {
  const MinimalSet& found = run.search.result();
  const auto random = std::span(run.proof).subspan(ProofLayout::kFirstRandom, layout.random_sets);
  const ShareProof proof = prove_share(run.proof[ProofLayout::kFull], run.proof[ProofLayout::kMinimal], random, seed);
  SetSearchRow row;
  row.experiment = keys_.name;
  row.model = run.model;
  row.task = run.task;
  row.metric = keys_.metric;
  row.n_candidates = std::ssize(run.ranked);
  row.target_share = keys_.share;
  row.size = std::ssize(minimal_neurons(run));
  row.n_search = std::ssize(run.items);
  row.n_sets = found.sets;
  row.n_rounds = found.rounds;
  row.search_full = found.full_effect;
  row.search_share = found.share;
  row.n_proof = proof.n;
  row.proof_full = proof.full_effect;
  row.proof_effect = proof.effect;
  row.proof_share = proof.share;
  if (proof.interval) {
    row.share_low = proof.interval->low;
    row.share_high = proof.interval->high;
  }
  row.n_random_sets = keys_.random_sets;
  row.random_effect = proof.random_effect;
  row.random_worst = proof.random_worst;
  row.p = proof.p;
  return row;
}

void MinimizeExperiment::add_pair_rows(std::vector<PairInteractionRow>& rows, const SetRun& run,
                                       const ProofLayout& layout, std::uint64_t seed) const {
  const std::size_t first = rows.size();
  std::vector<double> p;
  for (std::size_t i = 0; i < layout.pair_neurons; ++i) {
    for (std::size_t j = i + 1; j < layout.pair_neurons; ++j) {
      const bool ordered = run.ranked[i] < run.ranked[j];
      const std::size_t low = ordered ? i : j, high = ordered ? j : i;
      const NeuronId a = run.ranked[low], b = run.ranked[high];
      const PairInteraction pair = interaction_of(run.proof[layout.single(low)], run.proof[layout.single(high)],
                                                  run.proof[layout.pair(i, j)], seed);
      rows.push_back({keys_.name, run.model, run.task, to_int(a.layer), to_int(a.neuron), to_int(b.layer),
                      to_int(b.neuron), pair.n, pair.effect_a, pair.effect_b, pair.effect_joint, pair.interaction,
                      pair.interval ? std::optional(pair.interval->low) : std::nullopt,
                      pair.interval ? std::optional(pair.interval->high) : std::nullopt, pair.p, 1});
      p.push_back(pair.p);
    }
  }
  const std::vector<double> q = benjamini_hochberg(p);
  for (std::size_t i = 0; i < q.size(); ++i) rows[first + i].q = q[i];
}

/// At most what plain greedy growth to all candidates and plain pruning from there would take.
Forecast MinimizeExperiment::forecast(const Catalog& catalog) const {
  Forecast forecast;
  forecast.upper_bound = true;
  Selection held_out = keys_.selection;
  held_out.split = keys_.proof_split;
  held_out.items = keys_.proof_items;
  const std::int64_t n = keys_.top;
  const std::int64_t pairs = std::min(keys_.pairs, n);
  const std::int64_t search_sets = n * (n + 1);
  const std::int64_t proof_sets = 2 + keys_.random_sets + pairs * (pairs + 1) / 2;
  for (const auto& name : keys_.selection.models) {
    auto& work = forecast.by_model[name];
    const ModelEntry& model = catalog.model(name);
    for (const auto& task : keys_.selection.tasks) {
      for (const auto& [selection, sets] :
           {std::pair(&keys_.selection, search_sets), std::pair(&std::as_const(held_out), proof_sets)}) {
        for (const auto& item : selection->chosen(catalog, task)) {
          const auto text = catalog.reference(model, catalog.task(task), item);
          work.units += selection == &held_out ? (sets + keys_.sets_per_unit - 1) / keys_.sets_per_unit : 2 * n;
          work.forwards += sets;
          work.forward_tokens += static_cast<double>(text.tokens.size()) * static_cast<double>(sets);
          work.add_example(text);
          forecast.result_bytes += 8.0 * static_cast<double>(sets);
        }
      }
    }
  }
  return forecast;
}

}  // namespace

std::unique_ptr<Experiment> make_minimize(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<MinimizeExperiment>(spec, study);
}

}  // namespace neurosweep
