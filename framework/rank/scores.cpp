#include "framework/rank/scores.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "framework/base/error.hpp"

namespace neurosweep {

std::vector<TracePair> pair_traces(std::vector<TraceKey> traces) {
  std::sort(traces.begin(), traces.end(), [](const TraceKey& a, const TraceKey& b) {
    return std::tie(a.task, a.item, a.attempt, a.round_id, a.unit, a.seq) <
           std::tie(b.task, b.item, b.attempt, b.round_id, b.unit, b.seq);
  });
  std::vector<TracePair> pairs;
  for (auto first = traces.begin(); first != traces.end();) {
    const auto last = std::find_if(
        first, traces.end(), [&](const TraceKey& key) { return key.task != first->task || key.item != first->item; });
    const auto middle = std::stable_partition(first, last, [](const TraceKey& key) { return key.correct != 0; });
    const std::ptrdiff_t count = std::min(middle - first, last - middle);
    for (std::ptrdiff_t k = 0; k < count; ++k) pairs.push_back({first[k], middle[k]});
    first = last;
  }
  return pairs;
}

void ContrastFold::add(std::span<const float> correct, std::span<const float> incorrect) {
  if (pairs_ == 0) {
    sum_correct_.assign(correct.size(), 0);
    sum_incorrect_.assign(correct.size(), 0);
  }
  if (correct.size() != sum_correct_.size() || incorrect.size() != sum_correct_.size()) {
    throw input_error("contrast: {} and {} neuron means in a pair, {} before: traces must come from one model",
                      correct.size(), incorrect.size(), sum_correct_.size());
  }
  for (std::size_t i = 0; i < correct.size(); ++i) {
    sum_correct_[i] += correct[i];
    sum_incorrect_[i] += incorrect[i];
  }
  ++pairs_;
}

ContrastScores ContrastFold::finish() const {
  ContrastScores scores{pairs_, std::vector<double>(sum_correct_.size()), sum_correct_, sum_incorrect_};
  for (std::size_t i = 0; i < sum_correct_.size(); ++i) {
    scores.mean_correct[i] /= static_cast<double>(pairs_);
    scores.mean_incorrect[i] /= static_cast<double>(pairs_);
    scores.score[i] = (sum_correct_[i] - sum_incorrect_[i]) / static_cast<double>(pairs_);
  }
  return scores;
}

std::vector<std::int64_t> rank_contrast(const ContrastScores& scores, std::int64_t K, Polarity polarity) {
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < scores.score.size(); ++i) {
    if (polarity == Polarity::any || scores.sign_flip(i)) order.push_back(static_cast<std::int64_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::abs(scores.score[a]) > std::abs(scores.score[b]);
  });
  order.resize(std::min<std::size_t>(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(K, 0))));
  return order;
}

}  // namespace neurosweep
