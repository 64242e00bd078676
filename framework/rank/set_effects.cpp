#include "framework/rank/set_effects.hpp"

#include <vector>

#include "framework/base/error.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {

std::string random_set_name(std::int64_t n) {
  return fmt::format("{}{:02}", kRandomSetPrefix, n);
}

SetEffect set_effect_of(std::span<const PairedAnswer> items, std::uint64_t seed) {
  if (items.empty()) throw input_error("a set effect needs at least 1 item, found 0");
  SetEffect effect;
  std::int64_t lost = 0, gained = 0;
  std::vector<double> changes;
  for (const PairedAnswer& item : items) {
    ++effect.n;
    effect.n_correct += item.correct ? 1 : 0;
    effect.n_baseline_correct += item.baseline_correct ? 1 : 0;
    lost += item.baseline_correct && !item.correct ? 1 : 0;
    gained += !item.baseline_correct && item.correct ? 1 : 0;
    if (item.logprob_change) changes.push_back(*item.logprob_change);
  }
  effect.mcnemar_p = mcnemar_exact_p(lost, gained);
  if (!changes.empty()) effect.logprob_change = moments_of(changes).mean;
  if (changes.size() >= 2) {
    effect.logprob_interval = bootstrap_interval(changes, {.seed = seed});
    effect.wilcoxon_p = wilcoxon_signed_rank(changes, Tail::two_sided).p;
  }
  return effect;
}

SetContrast set_contrast_of(std::span<const ContrastItem> items, std::uint64_t seed) {
  if (items.empty()) throw input_error("a set contrast needs at least 1 item, found 0");
  Moments critical, random;
  std::vector<double> differences, rates;
  std::int64_t correct = 0;
  for (const ContrastItem& item : items) {
    const auto own = static_cast<double>(item.critical), others = static_cast<double>(item.random_correct);
    const auto n_random = static_cast<double>(item.n_random);
    critical.add(own);
    random.add(others / n_random);
    differences.push_back(own - others / n_random);
    rates.push_back((own + others) / (n_random + 1));
    correct += item.critical ? 1 : 0;
  }
  SetContrast contrast{critical.n,   critical.mean,
                       random.mean,  moments_of(differences).mean,
                       std::nullopt, poisson_binomial_p(correct, rates)};
  if (differences.size() >= 2) contrast.interval = bootstrap_interval(differences, {.seed = seed});
  return contrast;
}

}  // namespace neurosweep
