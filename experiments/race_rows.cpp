#include "experiments/race_rows.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "framework/rank/critical_set.hpp"
#include "framework/rank/neuron_effects.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {

namespace {

constexpr double kTwoSided95 = 1.959964;

const char* name_of(RaceRole role) {
  return role == RaceRole::candidate ? "candidate" : role == RaceRole::control ? "control" : "rest";
}

const char* name_of(RaceState state) {
  return state == RaceState::in ? "in" : state == RaceState::out ? "out" : "open";
}

/// p against no effect: of the estimate where items were sampled, else of the signed ranks over all items.
double p_of(const RaceEstimate& estimate, std::span<const float> exact) {
  if (estimate.standard_error > 0) {
    return std::erfc(std::abs(estimate.mean) / estimate.standard_error / std::sqrt(2.0));
  }
  const std::vector<double> effects(exact.begin(), exact.end());
  return wilcoxon_signed_rank(effects, Tail::two_sided).p;
}

NeuronEffectRow effect_row(const RaceKeys& keys, const std::string& model, const NeuronId& id,
                           const RaceEstimate& estimate, RaceRole role, double p) {
  NeuronEffectRow row;
  row.experiment = keys.name;
  row.model = model;
  row.task = kAllTasks;
  row.metric = kRaceMetric;
  row.layer = to_int(id.layer);
  row.neuron = to_int(id.neuron);
  row.op = keys.intervention.op;
  row.role = role == RaceRole::control && estimate.place == 0 ? "control" : "candidate";
  row.n = estimate.n;
  row.mean = estimate.mean;
  row.ci_low = estimate.mean - kTwoSided95 * estimate.standard_error;
  row.ci_high = estimate.mean + kTwoSided95 * estimate.standard_error;
  row.p = p;
  if (estimate.place > 0) row.rank_no = estimate.place;
  return row;
}

std::vector<CandidateVerdict> judge(const RaceKeys& keys, const StoredRace& race, const RaceVerdict& verdict,
                                    const std::vector<double>& p) {
  EffectFamily family;
  for (std::size_t e = 0; e < p.size(); ++e) {
    family.candidates.push_back({verdict.entrants[e].mean, p[e]});
    if (race.field.entrants[e].role == RaceRole::control) family.control_means.push_back(verdict.entrants[e].mean);
  }
  RankSpec spec;
  spec.fdr = keys.error;
  return judge_candidates(std::span(&family, 1), spec).front();
}

void add_members(RaceRows& rows, std::size_t first_effect) {
  std::vector<NeuronEffectRow> ranked;
  std::copy_if(rows.effects.begin() + static_cast<std::ptrdiff_t>(first_effect), rows.effects.end(),
               std::back_inserter(ranked), [](const NeuronEffectRow& row) { return row.critical == 1; });
  std::sort(ranked.begin(), ranked.end(),
            [](const NeuronEffectRow& a, const NeuronEffectRow& b) { return a.rank_no < b.rank_no; });
  std::int64_t rank_no = 0;
  for (const NeuronEffectRow& row : ranked) {
    rows.members.push_back({row.experiment, row.model, row.task, ++rank_no, row.layer, row.neuron, row.mean, "race"});
  }
}

}  // namespace

void add_race_rows(RaceRows& rows, const RaceKeys& keys, const std::string& model, const StoredRace& race,
                   const RaceVerdict& verdict) {
  const RaceField& field = race.field;
  const std::size_t E = field.entrants.size(), P = race.items.size(), first_effect = rows.effects.size();
  std::vector<double> p;
  for (std::size_t e = 0; e < E; ++e) {
    p.push_back(p_of(verdict.entrants[e], std::span(field.exact).subspan(e * P, P)));
  }
  const auto judged = judge(keys, race, verdict, p);
  std::int64_t n_in = 0, n_open = 0;
  for (std::size_t e = 0; e < E; ++e) {
    const RaceEstimate& estimate = verdict.entrants[e];
    const RaceRole role = field.entrants[e].role;
    const NeuronId id = neuron_at(field.entrants[e].neuron, field.M);
    n_in += estimate.state == RaceState::in ? 1 : 0;
    n_open += estimate.state == RaceState::open ? 1 : 0;
    const auto place = estimate.place > 0 ? std::optional(estimate.place) : std::nullopt;
    rows.neurons.push_back({keys.name, model, to_int(id.layer), to_int(id.neuron), name_of(role),
                            name_of(estimate.state), place, estimate.n, race.screen[e], estimate.mean,
                            estimate.interval.low, estimate.interval.high});
    NeuronEffectRow effect = effect_row(keys, model, id, estimate, role, p[e]);
    effect.q = judged[e].q;
    effect.critical = judged[e].critical && estimate.place > 0 ? 1 : 0;
    rows.effects.push_back(std::move(effect));
  }
  add_members(rows, first_effect);
  const auto neurons = static_cast<std::int64_t>(E + field.others.size());
  const auto items = static_cast<std::int64_t>(P);
  rows.results.push_back({keys.name, model, kRaceMetric, keys.top, keys.error, neurons, items, verdict.rounds, n_in,
                          n_open, verdict.recall, verdict.recall_interval.low, verdict.recall_interval.high,
                          verdict.effects, race.screen_forwards, verdict.forwards, race.brute_forwards,
                          static_cast<double>(neurons * items)});
}

}  // namespace neurosweep
