#include "framework/rank/prediction_quality.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/normal.hpp>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/proportions.hpp"

namespace neurosweep {

namespace {

constexpr int kGrid = 200;             ///< steps of the grid of rates
constexpr int kEmIterations = 500;     ///< of the distribution of rates
constexpr int kNewtonIterations = 50;  ///< of calibration

void check(std::span<const double> score, std::span<const double> outcome) {
  if (score.size() != outcome.size()) {
    throw input_error("{} scores for {} outcomes: expected one each", score.size(), outcome.size());
  }
  if (score.empty()) throw input_error("no predictions: nothing can be said about their quality");
  for (std::size_t i = 0; i < score.size(); ++i) {
    if (!std::isfinite(score[i])) throw input_error("score {} is {}", i, score[i]);
    if (!(outcome[i] >= 0 && outcome[i] <= 1)) throw input_error("outcome {} is {}: expected 0 to 1", i, outcome[i]);
  }
}

std::vector<std::size_t> by_score(std::span<const double> score) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score[a] < score[b]; });
  return order;
}

/// Events and non-events of one score.
struct Weighted {
  double score = 0, events = 0, others = 0;
};

/// Shares of the other kind that each observation beats, ties half.
struct Placements {
  std::vector<double> event;  ///< [n] of an event: non-events below it
  std::vector<double> other;  ///< [n] of a non-event: events above it
  double events = 0, others = 0;
};

Placements placements(const std::vector<Weighted>& x) {
  std::vector<double> scores;
  for (const Weighted& each : x) scores.push_back(each.score);
  const auto order = by_score(scores);
  Placements result{std::vector<double>(x.size()), std::vector<double>(x.size()), 0, 0};
  for (const Weighted& each : x) {
    result.events += each.events;
    result.others += each.others;
  }
  double events_below = 0, others_below = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    double events = 0, others = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end) {
      events += x[order[end]].events;
      others += x[order[end]].others;
    }
    for (std::size_t i = begin; i < end; ++i) {
      result.event[order[i]] = (others_below + others / 2) / result.others;
      result.other[order[i]] = (result.events - events_below - events / 2) / result.events;
    }
    events_below += events;
    others_below += others;
    begin = end;
  }
  return result;
}

double area(const std::vector<Weighted>& x, const Placements& place) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i].events * place.event[i];
  return sum / place.events;
}

std::optional<double> area(const std::vector<Weighted>& x) {
  const Placements place = placements(x);
  if (place.events <= 0 || place.others <= 0) return std::nullopt;
  return area(x, place);
}

std::vector<Weighted> weighted(std::span<const double> score, std::span<const double> outcome) {
  std::vector<Weighted> x;
  for (std::size_t i = 0; i < score.size(); ++i) x.push_back({score[i], outcome[i], 1 - outcome[i]});
  return x;
}

/// Obuchowski's variance; with outcomes 0 and 1 it is DeLong's.
double area_variance(const std::vector<Weighted>& x, const Placements& place, double value) {
  double n_event = 0, n_other = 0, event_squares = 0, other_squares = 0, products = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double event = x[i].events * (place.event[i] - value) / place.events;
    const double other = x[i].others * (place.other[i] - value) / place.others;
    n_event += x[i].events > 0 ? 1 : 0;
    n_other += x[i].others > 0 ? 1 : 0;
    event_squares += event * event;
    other_squares += other * other;
    products += event * other;
  }
  const auto corrected = [](double n, double sum) { return n > 1 ? sum * n / (n - 1) : 0; };
  return corrected(n_event, event_squares) + corrected(n_other, other_squares) +
         2 * corrected(static_cast<double>(x.size()), products);
}

Interval area_interval(const std::vector<Weighted>& x, double value, double variance, double level) {
  if (value <= 0 || value >= 1) {
    const auto events = std::count_if(x.begin(), x.end(), [](const Weighted& each) { return each.events > 0; });
    const auto others = std::count_if(x.begin(), x.end(), [](const Weighted& each) { return each.others > 0; });
    const std::int64_t n = std::min(events, others);
    return clopper_pearson_interval(value < 0.5 ? 0 : n, n, level);
  }
  if (variance <= 0) return {value, value};
  const double center = std::log(value / (1 - value));
  const double half = quantile(boost::math::normal(), (1 + level) / 2) * std::sqrt(variance) / (value * (1 - value));
  const auto sigmoid = [](double logit) { return 1 / (1 + std::exp(-logit)); };
  return {sigmoid(center - half), sigmoid(center + half)};
}

/// Likelihood of f failures in k attempts at rate p, without the binomial coefficient.
double likelihood(double f, double k, double p) {
  return std::pow(p, f) * std::pow(1 - p, k - f);
}

/// Share of items at each rate i / kGrid, from counts[f] items with f events in k attempts.
std::vector<double> rate_distribution(const std::vector<double>& counts) {
  const double k = static_cast<double>(counts.size()) - 1;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  std::vector<double> share(kGrid + 1, 1.0 / (kGrid + 1));
  for (int iteration = 0; iteration < kEmIterations; ++iteration) {
    std::vector<double> next(share.size(), 0.0);
    for (std::size_t f = 0; f < counts.size(); ++f) {
      std::vector<double> posterior;
      for (std::size_t g = 0; g < share.size(); ++g) {
        posterior.push_back(share[g] * likelihood(static_cast<double>(f), k, static_cast<double>(g) / kGrid));
      }
      const double sum = std::accumulate(posterior.begin(), posterior.end(), 0.0);
      if (counts[f] == 0) continue;
      for (std::size_t g = 0; g < share.size(); ++g) next[g] += counts[f] / total * posterior[g] / sum;
    }
    share = std::move(next);
  }
  return share;
}

}  // namespace

std::optional<Auroc> auroc(std::span<const double> score, std::span<const double> outcome, double level) {
  check(score, outcome);
  if (!(level > 0 && level < 1)) throw input_error("level {}: expected between 0 and 1", level);
  const auto x = weighted(score, outcome);
  const Placements place = placements(x);
  if (place.events <= 0 || place.others <= 0) return std::nullopt;
  const double value = area(x, place);
  return Auroc{value, area_interval(x, value, area_variance(x, place, value), level)};
}

double brier_score(std::span<const double> p, std::span<const double> outcome) {
  check(p, outcome);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    sum += outcome[i] * (1 - p[i]) * (1 - p[i]) + (1 - outcome[i]) * p[i] * p[i];
  }
  return sum / static_cast<double>(p.size());
}

std::vector<ReliabilityBin> reliability_bins(std::span<const double> p, std::span<const double> outcome, int bins) {
  check(p, outcome);
  const auto order = by_score(p);
  std::vector<ReliabilityBin> result;
  std::size_t begin = 0;
  for (int bin = 1; bin <= bins && begin < order.size(); ++bin) {
    std::size_t end =
        std::max(begin + 1, order.size() * static_cast<std::size_t>(bin) / static_cast<std::size_t>(bins));
    while (end < order.size() && p[order[end]] == p[order[end - 1]]) ++end;
    ReliabilityBin each;
    for (; begin < end; ++begin) {
      each.n += 1;
      each.mean_p += p[order[begin]];
      each.rate += outcome[order[begin]];
    }
    each.mean_p /= static_cast<double>(each.n);
    each.rate /= static_cast<double>(each.n);
    result.push_back(each);
  }
  return result;
}

double calibration_error(std::span<const double> p, std::span<const double> outcome, int bins) {
  double sum = 0;
  for (const ReliabilityBin& bin : reliability_bins(p, outcome, bins)) {
    sum += static_cast<double>(bin.n) * std::abs(bin.rate - bin.mean_p);
  }
  return sum / static_cast<double>(p.size());
}

Interval calibration_error_interval(std::span<const double> p, std::span<const double> outcome, int bins, double level,
                                    std::uint64_t seed, int draws) {
  const double error = calibration_error(p, outcome, bins);
  CounterRng rng(seed);
  std::vector<double> drawn_p(p.size()), drawn_outcome(p.size()), errors, chance_errors;
  for (int draw = 0; draw < draws; ++draw) {
    for (std::size_t i = 0; i < p.size(); ++i) drawn_outcome[i] = rng.uniform() < p[i] ? 1 : 0;
    chance_errors.push_back(calibration_error(p, drawn_outcome, bins));
    for (std::size_t i = 0; i < p.size(); ++i) {
      const auto pick = rng.below(p.size());
      drawn_p[i] = p[pick];
      drawn_outcome[i] = outcome[pick];
    }
    errors.push_back(calibration_error(drawn_p, drawn_outcome, bins));
  }
  const double upper = (1 + level) / 2, high = quantile(errors, upper);
  if (error <= quantile(chance_errors, upper)) return {0, high};
  return {std::max(0.0, 2 * error - high), high};
}

double Calibration::probability(double logit) const {
  return 1 / (1 + std::exp(-(slope * logit + intercept)));
}

Calibration fit_calibration(std::span<const double> logit, std::span<const double> outcome) {
  check(logit, outcome);
  Calibration fit;
  for (int iteration = 0; iteration < kNewtonIterations; ++iteration) {
    double g0 = 0, g1 = 0, h00 = 0, h01 = 0, h11 = 0;
    const auto add = [&](double weight, double x, double y) {
      const double p = fit.probability(x);
      g0 += weight * (p - y);
      g1 += weight * (p - y) * x;
      h00 += weight * p * (1 - p);
      h01 += weight * p * (1 - p) * x;
      h11 += weight * p * (1 - p) * x * x;
    };
    for (std::size_t i = 0; i < logit.size(); ++i) add(1, logit[i], outcome[i]);
    add(1, 0, 0.5);
    h11 += 1e-9;
    const double determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 1e-12)) break;
    const double step0 = (h11 * g0 - h01 * g1) / determinant, step1 = (h00 * g1 - h01 * g0) / determinant;
    const double damping = std::min(1.0, 2.0 / std::max(1e-12, std::hypot(step0, step1)));
    fit.intercept -= damping * step0;
    fit.slope -= damping * step1;
  }
  return fit;
}

double youden_threshold(std::span<const double> p, std::span<const double> outcome) {
  check(p, outcome);
  const double events = std::accumulate(outcome.begin(), outcome.end(), 0.0);
  const double others = static_cast<double>(p.size()) - events;
  if (events <= 0 || others <= 0) return 0.5;
  const auto order = by_score(p);
  double missed = 0, spared = 0, best = 0, threshold = p[order.front()];
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool starts_value = i == 0 || p[order[i]] != p[order[i - 1]];
    const double youden = spared / others - missed / events;
    if (starts_value && youden > best) {
      best = youden;
      threshold = p[order[i]];
    }
    missed += outcome[order[i]];
    spared += 1 - outcome[order[i]];
  }
  return threshold;
}

RatesAt rates_at(double threshold, std::span<const double> p, std::span<const double> outcome) {
  check(p, outcome);
  double hits = 0, events = 0, spared = 0, others = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    events += outcome[i];
    others += 1 - outcome[i];
    if (p[i] >= threshold)
      hits += outcome[i];
    else
      spared += 1 - outcome[i];
  }
  RatesAt rates;
  if (events > 0) rates.sensitivity = hits / events;
  if (others > 0) rates.specificity = spared / others;
  return rates;
}

std::optional<double> repeat_auroc(std::span<const double> outcome, std::int64_t attempts) {
  if (attempts < 2) throw input_error("{} attempts at each item: repeating needs at least 2", attempts);
  const auto k = static_cast<double>(attempts);
  std::vector<Weighted> x;
  for (double share : outcome) {
    const double f = std::round(share * k);
    if (f > 0) x.push_back({(f - 1) / (k - 1), f, 0});
    if (f < k) x.push_back({f / (k - 1), 0, k - f});
  }
  return area(x);
}

std::optional<double> ceiling_auroc(std::span<const double> outcome, std::int64_t attempts) {
  if (attempts < 2) throw input_error("{} attempts at each item: a ceiling needs at least 2", attempts);
  std::vector<double> counts(static_cast<std::size_t>(attempts) + 1, 0.0);
  for (double share : outcome)
    counts.at(static_cast<std::size_t>(std::lround(share * static_cast<double>(attempts)))) += 1;
  const auto distribution = rate_distribution(counts);
  std::vector<Weighted> x;
  for (std::size_t g = 0; g < distribution.size(); ++g) {
    const double rate = static_cast<double>(g) / kGrid;
    x.push_back({rate, distribution[g] * rate, distribution[g] * (1 - rate)});
  }
  if (counts.front() == std::accumulate(counts.begin(), counts.end(), 0.0)) return std::nullopt;
  if (counts.back() == std::accumulate(counts.begin(), counts.end(), 0.0)) return std::nullopt;
  return area(x);
}

}  // namespace neurosweep
