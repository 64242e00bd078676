#include "framework/rank/neuron_effects.hpp"

namespace neurosweep {
namespace {

/// Mean effect below which a candidate is beyond the controls; none without a control.
std::optional<double> control_limit(const EffectFamily& family, double share) {
  if (family.controls.empty()) return std::nullopt;
  std::vector<double> means;
  for (const Moments& control : family.controls) means.push_back(control.mean);
  return quantile(std::move(means), share);
}

/// Fills p, then q over all that have a p.
void test_candidates(std::span<const EffectFamily> families, std::vector<std::vector<CandidateVerdict>>& verdicts) {
  std::vector<double> p;
  std::vector<CandidateVerdict*> tested;
  for (std::size_t f = 0; f < families.size(); ++f) {
    for (std::size_t i = 0; i < families[f].candidates.size(); ++i) {
      if (families[f].candidates[i].n < 2) continue;
      p.push_back(t_test(families[f].candidates[i], Tail::two_sided).p);
      verdicts[f][i].p = p.back();
      tested.push_back(&verdicts[f][i]);
    }
  }
  const std::vector<double> q = benjamini_hochberg(p);
  for (std::size_t i = 0; i < tested.size(); ++i) tested[i]->q = q[i];
}

}  // namespace

std::vector<std::vector<CandidateVerdict>> judge_candidates(std::span<const EffectFamily> families,
                                                            const RankSpec& spec) {
  std::vector<std::vector<CandidateVerdict>> verdicts;
  for (const EffectFamily& family : families) verdicts.emplace_back(family.candidates.size());
  test_candidates(families, verdicts);
  for (std::size_t f = 0; f < families.size(); ++f) {
    const std::optional<double> limit = control_limit(families[f], spec.control_quantile);
    for (std::size_t i = 0; i < verdicts[f].size(); ++i) {
      const double mean = families[f].candidates[i].mean;
      CandidateVerdict& verdict = verdicts[f][i];
      verdict.critical = verdict.q && *verdict.q <= spec.fdr && mean < 0 && limit && mean < *limit;
    }
  }
  return verdicts;
}

const char* class_of_neuron(std::int64_t tasks_critical, std::int64_t general_tasks) {
  if (tasks_critical == 0) return "none";
  return tasks_critical >= general_tasks ? "general" : "specific";
}

}  // namespace neurosweep
