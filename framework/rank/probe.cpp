#include "framework/rank/probe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

constexpr double kPathTolerance = 1e-2;  ///< of kkt, where only the order of the scores matters
constexpr std::int64_t kPathRounds = 40;
constexpr int kDraws = 1000;

using Rows = std::vector<std::size_t>;

/// Columns and scales that a training part chose.
struct Chosen {
  std::vector<std::int64_t> features;
  std::vector<double> scale;  ///< [p]
};

FeatureMatrix take_rows(const FeatureMatrix& x, const Rows& rows, const Chosen& chosen) {
  FeatureMatrix taken{static_cast<std::int64_t>(rows.size()), {}};
  taken.values.reserve(rows.size() * chosen.features.size());
  for (const std::int64_t j : chosen.features) {
    const auto column = x.column(j);
    const double scale = chosen.scale[static_cast<std::size_t>(j)];
    for (const std::size_t row : rows) taken.values.push_back(static_cast<float>(column[row] / scale));
  }
  return taken;
}

std::vector<std::int64_t> take(const std::vector<std::int64_t>& values, const Rows& rows) {
  std::vector<std::int64_t> taken;
  for (const std::size_t row : rows) taken.push_back(values[row]);
  return taken;
}

/// 10 sigma of every feature over some rows.
std::vector<double> scales_of(const FeatureMatrix& x, const Rows& rows) {
  std::vector<double> scales;
  for (std::int64_t j = 0; j < x.p(); ++j) {
    const auto column = x.column(j);
    Moments moments;
    for (const std::size_t row : rows) moments.add(column[row]);
    scales.push_back(10 * std::sqrt(moments.m2 / static_cast<double>(moments.n)));
  }
  return scales;
}

Chosen choose(const ProbeData& data, const Rows& rows, std::int64_t features) {
  Chosen all{std::vector<std::int64_t>(static_cast<std::size_t>(data.last.p())), {}};
  std::iota(all.features.begin(), all.features.end(), 0);
  all.scale.assign(all.features.size(), 1);
  const auto f = anova_f(take_rows(data.last, rows, all), take(data.correct, rows));
  Chosen chosen{std::move(all.features), scales_of(data.last, rows)};
  std::erase_if(chosen.features, [&](std::int64_t j) { return chosen.scale[static_cast<std::size_t>(j)] == 0; });
  std::stable_sort(chosen.features.begin(), chosen.features.end(), [&](std::int64_t a, std::int64_t b) {
    return f[static_cast<std::size_t>(a)] > f[static_cast<std::size_t>(b)];
  });
  if (static_cast<std::int64_t>(chosen.features.size()) > features) {
    chosen.features.resize(static_cast<std::size_t>(features));
  }
  std::sort(chosen.features.begin(), chosen.features.end());
  return chosen;
}

bool both_outcomes(const std::vector<std::int64_t>& correct) {
  return std::ranges::find(correct, 0) != correct.end() && std::ranges::find(correct, 1) != correct.end();
}

std::int64_t nonzero(const LogisticFit& fit) {
  return std::ranges::count_if(fit.weights, [](double w) { return w != 0; });
}

std::optional<double> auroc_of(const std::vector<double>& scores, const std::vector<std::int64_t>& correct,
                               const Rows& rows) {
  std::vector<double> held_out;
  for (const std::size_t row : rows) held_out.push_back(scores[row]);
  return area_under_roc(held_out, take(correct, rows));
}

/// Rows of each fold.
std::vector<Rows> rows_of(const std::vector<std::int64_t>& fold, std::int64_t folds) {
  std::vector<Rows> rows(static_cast<std::size_t>(folds));
  for (std::size_t i = 0; i < fold.size(); ++i) rows[static_cast<std::size_t>(fold[i])].push_back(i);
  return rows;
}

std::optional<double> mean_auroc(const std::vector<double>& scores, const std::vector<std::int64_t>& correct,
                                 const std::vector<Rows>& folds) {
  Moments mean;
  for (const Rows& rows : folds) {
    if (const auto area = auroc_of(scores, correct, rows)) mean.add(*area);
  }
  return mean.n > 0 ? std::optional(mean.mean) : std::nullopt;
}

/// Held-out scores of every trace for every c of the grid.
struct CrossValidation {
  std::vector<Rows> folds;
  std::vector<std::vector<double>> scores;  ///< [grid][n]
};

/// Fits the path of penalties on all but one fold and scores that one. False when the rest lacks an outcome.
bool run_fold(const ProbeData& data, const ProbeSpec& spec, std::size_t fold, CrossValidation& cv, Probe& probe) {
  Rows rest;
  for (std::size_t other = 0; other < cv.folds.size(); ++other) {
    if (other != fold) rest.insert(rest.end(), cv.folds[other].begin(), cv.folds[other].end());
  }
  std::sort(rest.begin(), rest.end());
  const auto labels = take(data.correct, rest);
  if (!both_outcomes(labels)) return false;
  const Chosen chosen = choose(data, rest, spec.features);
  const FeatureMatrix train = take_rows(data.last, rest, chosen);
  const FeatureMatrix held_out = take_rows(data.last, cv.folds[fold], chosen);
  LogisticFit fit;
  for (std::size_t g = 0; g < spec.grid.size(); ++g) {
    fit = fit_logistic_l1(train, labels, {spec.grid[g], kPathTolerance, kPathRounds}, fit);
    const auto logits = logits_of(fit, held_out);
    for (std::size_t i = 0; i < logits.size(); ++i) cv.scores[g][cv.folds[fold][i]] = logits[i];
    probe.folds.push_back({spec.grid[g], static_cast<std::int64_t>(fold), held_out.n, nonzero(fit),
                           auroc_of(cv.scores[g], data.correct, cv.folds[fold])});
  }
  return true;
}

/// Share of the pairs of a correct and an incorrect trace of one item that the scores order rightly, ties half.
std::optional<double> within_items(const ProbeData& data, const std::vector<double>& scores) {
  std::map<std::string, Rows> items;
  for (std::size_t i = 0; i < scores.size(); ++i) items[data.item[i]].push_back(i);
  double right = 0, pairs = 0;
  for (const auto& [name, rows] : items) {
    for (const std::size_t a : rows) {
      for (const std::size_t b : rows) {
        if (data.correct[a] != 1 || data.correct[b] != 0) continue;
        right += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0;
        ++pairs;
      }
    }
  }
  return pairs > 0 ? std::optional(right / pairs) : std::nullopt;
}

std::optional<Interval> auroc_interval(const ProbeData& data, const std::vector<double>& scores,
                                       const std::vector<Rows>& folds, std::uint64_t seed) {
  std::vector<std::vector<Rows>> items;  // [fold][item] rows
  for (const Rows& rows : folds) {
    std::map<std::string, Rows> by_item;
    for (const std::size_t row : rows) by_item[data.item[row]].push_back(row);
    auto& of_fold = items.emplace_back();
    for (auto& [name, of_item] : by_item) of_fold.push_back(std::move(of_item));
  }
  CounterRng rng(derive_seed(seed, "auroc"));
  std::vector<double> drawn;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<Rows> resampled;
    for (const auto& of_fold : items) {
      Rows& rows = resampled.emplace_back();
      for (std::size_t k = 0; k < of_fold.size(); ++k) {
        const Rows& item = of_fold[rng.below(of_fold.size())];
        rows.insert(rows.end(), item.begin(), item.end());
      }
    }
    if (const auto area = mean_auroc(scores, data.correct, resampled)) drawn.push_back(*area);
  }
  if (drawn.size() < kDraws / 2) return std::nullopt;
  return Interval{quantile(drawn, 0.025), quantile(drawn, 0.975)};
}

void fit_all(const ProbeData& data, const ProbeSpec& spec, Probe& probe) {
  Rows rows(data.correct.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const Chosen chosen = choose(data, rows, spec.features);
  const FeatureMatrix train = take_rows(data.last, rows, chosen);
  const LogisticFit fit = fit_logistic_l1(train, data.correct, {probe.c});
  probe.weights.assign(static_cast<std::size_t>(data.last.p()), 0);
  for (std::size_t k = 0; k < chosen.features.size(); ++k) {
    probe.weights[static_cast<std::size_t>(chosen.features[k])] = fit.weights[k];
  }
  probe.scale = chosen.scale;
  probe.n_features = train.p();
  probe.kkt = fit.kkt;
  probe.train_auroc = area_under_roc(logits_of(fit, train), data.correct).value();
}

}  // namespace

std::vector<double> anova_f(const FeatureMatrix& x, std::span<const std::int64_t> label) {
  std::vector<double> statistics;
  for (std::int64_t j = 0; j < x.p(); ++j) {
    const auto column = x.column(j);
    Moments classes[2], all;
    for (std::size_t i = 0; i < label.size(); ++i) {
      classes[label[i] == 1 ? 1 : 0].add(column[i]);
      all.add(column[i]);
    }
    const double within = classes[0].m2 + classes[1].m2, between = std::max(0.0, all.m2 - within);
    const double degrees = static_cast<double>(all.n - 2);
    statistics.push_back(all.m2 == 0     ? 0
                         : within <= 0.0 ? std::numeric_limits<double>::infinity()
                                         : between * degrees / within);
  }
  return statistics;
}

std::optional<double> area_under_roc(std::span<const double> score, std::span<const std::int64_t> label) {
  const auto ranks = mid_ranks(score);
  double positive = 0, sum = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (label[i] != 1) continue;
    ++positive;
    sum += ranks[i];
  }
  const double negative = static_cast<double>(label.size()) - positive;
  if (positive == 0 || negative == 0) return std::nullopt;
  return (sum - positive * (positive + 1) / 2) / (positive * negative);
}

std::vector<std::int64_t> stratified_folds(const ProbeData& data, std::int64_t folds, std::uint64_t seed) {
  std::map<std::string, Moments> items;
  for (std::size_t i = 0; i < data.item.size(); ++i) items[data.item[i]].add(static_cast<double>(data.correct[i]));
  std::vector<std::tuple<double, std::uint64_t, std::string>> order;
  for (const auto& [name, correct] : items) order.emplace_back(correct.mean, derive_seed(seed, name), name);
  std::sort(order.begin(), order.end());
  std::map<std::string, std::int64_t> fold_of;
  for (std::size_t i = 0; i < order.size(); ++i) fold_of[std::get<2>(order[i])] = static_cast<std::int64_t>(i) % folds;
  std::vector<std::int64_t> fold;
  for (const std::string& item : data.item) fold.push_back(fold_of.at(item));
  return fold;
}

std::optional<Probe> fit_probe(const ProbeData& data, const ProbeSpec& spec) {
  if (!both_outcomes(data.correct)) return std::nullopt;
  Probe probe;
  CrossValidation cv{rows_of(stratified_folds(data, spec.folds, spec.seed), spec.folds), {}};
  cv.scores.assign(spec.grid.size(), std::vector<double>(data.correct.size(), 0));
  for (std::size_t fold = 0; fold < cv.folds.size(); ++fold) {
    if (!run_fold(data, spec, fold, cv, probe)) return std::nullopt;
  }
  std::size_t best = 0;
  for (std::size_t g = 0; g < spec.grid.size(); ++g) {
    const double area = mean_auroc(cv.scores[g], data.correct, cv.folds).value_or(0);
    if (area > probe.auroc) {
      best = g;
      probe.auroc = area;
    }
  }
  probe.c = spec.grid[best];
  probe.interval = auroc_interval(data, cv.scores[best], cv.folds, spec.seed);
  probe.within_item = within_items(data, cv.scores[best]);
  fit_all(data, spec, probe);
  return probe;
}

}  // namespace neurosweep
