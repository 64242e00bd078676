#include "framework/rank/neuron_effects.hpp"

namespace neurosweep {
namespace {

/// Fills q over all candidates that have a p.
void adjust_candidates(std::span<const EffectFamily> families, std::vector<std::vector<CandidateVerdict>>& verdicts) {
  std::vector<double> p;
  std::vector<CandidateVerdict*> tested;
  for (std::size_t f = 0; f < families.size(); ++f) {
    for (std::size_t i = 0; i < families[f].candidates.size(); ++i) {
      if (!families[f].candidates[i].p) continue;
      p.push_back(*families[f].candidates[i].p);
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
  adjust_candidates(families, verdicts);
  for (std::size_t f = 0; f < families.size(); ++f) {
    if (families[f].control_means.empty()) continue;
    const double limit = quantile(families[f].control_means, spec.control_quantile);
    for (std::size_t i = 0; i < verdicts[f].size(); ++i) {
      const double mean = families[f].candidates[i].mean;
      CandidateVerdict& verdict = verdicts[f][i];
      verdict.critical = verdict.q && *verdict.q <= spec.fdr && mean < 0 && mean < limit;
    }
  }
  return verdicts;
}

const char* class_of_neuron(std::int64_t tasks_critical, std::int64_t general_tasks) {
  if (tasks_critical == 0) return "none";
  return tasks_critical >= general_tasks ? "general" : "specific";
}

}  // namespace neurosweep
