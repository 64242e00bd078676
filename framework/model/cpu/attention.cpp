#include "framework/model/cpu/attention.hpp"

#include <algorithm>
#include <cmath>

#include "framework/model/cpu/simd.hpp"

namespace neurosweep::cpu {

namespace {

constexpr std::int64_t kQueries = 28;  // queries whose scores are made together
constexpr float kNothing = -std::numeric_limits<float>::infinity();

/// One query's scores: of the prefix at `scores`, of its own keys at `own`. All counts are at least 0, one is not.
struct ScoreRow {
  float* scores;
  std::int64_t n_prefix;
  float* own;
  std::int64_t n_own, end_own;  ///< visible; numbers up to end_own are set to 0
  float scale;
};

NS_INLINE void widen_top(const float* scores, std::int64_t n, float& top) {
  Lanes best = Lanes{} + kNothing;
  std::int64_t s = 0;
  for (; s + kLanes <= n; s += kLanes) {
    const Lanes x = lanes_at(scores + s);
    best = x > best ? x : best;
  }
  for (int lane = 0; lane < kLanes; ++lane) top = std::max(top, best[lane]);
  for (; s < n; ++s) top = std::max(top, scores[s]);
}

/// Exponentials of the first n scores and 0 behind them up to `end`; their sum is added to `total`.
NS_INLINE void exponentiate(float* scores, std::int64_t n, std::int64_t end, float top, float scale, Lanes& total) {
  const std::int64_t full = (n + kLanes - 1) / kLanes * kLanes;
  std::fill(scores + n, scores + std::max(full, end), kNothing);
  for (std::int64_t s = 0; s < full; s += kLanes) {
    Lanes x = (lanes_at(scores + s) - top) * scale;
    const Lanes hidden = x;
    exponential(x);
    x = hidden == kNothing ? Lanes{} : x;
    lanes_at(scores + s) = x;
    total += x;
  }
  if (full < end) std::fill(scores + full, scores + end, 0.0F);
}

NS_INLINE void soften_body(const ScoreRow& row, float& sum) {
  float top = kNothing;
  widen_top(row.scores, row.n_prefix, top);
  widen_top(row.own, row.n_own, top);
  Lanes total{};
  exponentiate(row.scores, row.n_prefix, row.n_prefix, top, row.scale, total);
  exponentiate(row.own, row.n_own, row.end_own, top, row.scale, total);
  sum = sum_of(total);
}

NS_INLINE void transpose_keys_body(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t head_dim,
                                   float* to, std::int64_t to_stride) {
  for (std::int64_t t = 0; t < count; t += kLanes) {
    const std::int64_t n = std::min(kLanes, count - t);
    for (std::int64_t i = 0; i < head_dim; ++i) {
      for (std::int64_t s = 0; s < n; ++s) to[i * to_stride + t + s] = keys[(t + s) * stride + i];
    }
  }
}

NS_FOR_EACH_SET(soften, (const ScoreRow& row, float& sum), (row, sum))
NS_FOR_EACH_SET(transpose_keys,
                (const float* keys, std::int64_t stride, std::int64_t count, std::int64_t head_dim, float* to,
                 std::int64_t to_stride),
                (keys, stride, count, head_dim, to, to_stride))

void soften(const ScoreRow& row, float& sum) {
  NS_RUN_BEST(soften(row, sum))
}

/// Queries [begin, begin + n) of a job.
void attend_queries(const HeadAttention& job, std::int64_t begin, std::int64_t n, AttentionScratch& scratch) {
  const std::int64_t prefix_width = round_to_key_block(job.prefix.count);
  const std::int64_t seen = job.first + (begin + n - 1) * job.step + 1;  // own keys that the last of these queries sees
  const std::int64_t stride = prefix_width + round_to_key_block(seen);
  const std::int64_t width = job.head_dim, mixed_stride = round_to_key_block(width);
  float* scores = scratch.scores.reserve(n * stride);
  float* mixed = scratch.mixed.reserve(n * mixed_stride);
  const float* q = job.q + begin * job.q_stride;
  if (job.prefix.count > 0) {
    multiply_small(
        {q, job.q_stride, n, width, job.prefix.keys, job.prefix.keys_stride, job.prefix.count, scores, stride},
        Into::store);
  }
  multiply_small({q, job.q_stride, n, width, job.own.keys, job.own.keys_stride, seen, scores + prefix_width, stride},
                 Into::store);
  float sums[kQueries];
  const float scale = 1.0F / std::sqrt(static_cast<float>(width));
  for (std::int64_t t = 0; t < n; ++t) {
    soften({scores + t * stride, job.prefix.count, scores + t * stride + prefix_width,
            job.first + (begin + t) * job.step + 1, seen, scale},
           sums[t]);
  }
  if (job.prefix.count > 0) {
    multiply_small(
        {scores, stride, n, job.prefix.count, job.prefix.values, job.prefix.values_stride, width, mixed, mixed_stride},
        Into::store);
  }
  multiply_small(
      {scores + prefix_width, stride, n, seen, job.own.values, job.own.values_stride, width, mixed, mixed_stride},
      job.prefix.count > 0 ? Into::add : Into::store);
  for (std::int64_t t = 0; t < n; ++t) {
    const float share = 1.0F / sums[t];
    float* out = job.out + (begin + t) * job.out_stride;
    for (std::int64_t i = 0; i < width; ++i) out[i] = mixed[t * mixed_stride + i] * share;
  }
}

}  // namespace

void attend(const HeadAttention& job, AttentionScratch& scratch) {
  for (std::int64_t begin = 0; begin < job.queries; begin += kQueries) {
    attend_queries(job, begin, std::min(kQueries, job.queries - begin), scratch);
  }
}

void for_each_unit(std::int64_t units, int threads,
                   const std::function<void(std::int64_t unit, AttentionScratch& scratch)>& run) {
  std::exception_ptr failure;  // leaves the parallel region here: thrown out of it, it would end the process
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    thread_local AttentionScratch scratch;
#pragma omp for schedule(static)
    for (std::int64_t unit = 0; unit < units; ++unit) {
      try {
        run(unit, scratch);
      } catch (...) {
#pragma omp critical
        failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void transpose_keys(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t head_dim, float* to,
                    std::int64_t to_stride) {
  NS_RUN_BEST(transpose_keys(keys, stride, count, head_dim, to, to_stride))
}

}  // namespace neurosweep::cpu
