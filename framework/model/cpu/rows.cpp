#include "framework/model/cpu/rows.hpp"

#include <algorithm>
#include <cmath>

#include "framework/model/cpu/simd.hpp"

namespace neurosweep::cpu {

namespace {

NS_INLINE float sum_of_squares(const float* x, std::int64_t width, float shift) {
  Lanes squares{};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    const Lanes d = lanes_at(x + i) - shift;
    squares += d * d;
  }
  float total = sum_of(squares);
  for (; i < width; ++i) total += (x[i] - shift) * (x[i] - shift);
  return total;
}

NS_INLINE float sum_row(const float* x, std::int64_t width) {
  Lanes sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) sums += lanes_at(x + i);
  float total = sum_of(sums);
  for (; i < width; ++i) total += x[i];
  return total;
}

NS_INLINE void rms_norm_row(const float* x, const float* weight, std::int64_t width, float eps, float* out) {
  const float scale = 1.0F / std::sqrt(sum_of_squares(x, width, 0.0F) / static_cast<float>(width) + eps);
  for (std::int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
}

NS_INLINE void rms_norm_body(const Rows& x, const float* weight, std::int64_t width, float eps, const Rows& out) {
  for (std::int64_t r = 0; r < x.count; ++r) {
    rms_norm_row(x.data + r * x.stride, weight, width, eps, out.data + r * out.stride);
  }
}

NS_INLINE void layer_norm_body(const Rows& x, const float* weight, const float* bias, std::int64_t width, float eps,
                               const Rows& out) {
  const auto n = static_cast<float>(width);
  for (std::int64_t r = 0; r < x.count; ++r) {
    const float* in = x.data + r * x.stride;
    float* to = out.data + r * out.stride;
    const float mean = sum_row(in, width) / n;
    const float scale = 1.0F / std::sqrt(sum_of_squares(in, width, mean) / n + eps);
    for (std::int64_t i = 0; i < width; ++i) to[i] = (in[i] - mean) * scale * weight[i] + bias[i];
  }
}

NS_INLINE void rotate_head(float* head, std::int64_t half, const float* cos, const float* sin) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[half + i];
    head[i] = a * cos[i] - b * sin[i];
    head[half + i] = b * cos[i] + a * sin[i];
  }
}

NS_INLINE void prepare_heads_body(const Heads& job) {
  const std::int64_t half = job.head_dim / 2;
  for (std::int64_t t = 0; t < job.tokens.count; ++t) {
    float* head = job.tokens.data + t * job.tokens.stride;
    for (std::int64_t h = 0; h < job.heads; ++h, head += job.head_dim) {
      if (job.norm != nullptr) rms_norm_row(head, job.norm + h * job.head_dim, job.head_dim, job.eps, head);
      if (job.cos == nullptr) continue;
      const std::int64_t table = job.positions[t] * half;
      rotate_head(head, half, job.cos + table, job.sin + table);
    }
  }
}

/// The largest of x.
NS_INLINE void find_top_body(const float* x, std::int64_t width, float& top) {
  Lanes best = Lanes{} + x[0];
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) best = lanes_at(x + i) > best ? lanes_at(x + i) : best;
  top = best[0];
  for (int lane = 1; lane < kLanes; ++lane) top = std::max(top, best[lane]);
  for (; i < width; ++i) top = std::max(top, x[i]);
}

NS_INLINE void log_sum_exp_body(const float* x, std::int64_t width, std::int64_t rows, double* out) {
  for (std::int64_t r = 0; r < rows; ++r, x += width) {
    float top;
    find_top_body(x, width, top);
    const std::int64_t whole = width / kLanes * kLanes;
    Lanes sums{};
    for (std::int64_t at = 0; at < whole; at += kLanes) {
      Lanes power = lanes_at(x + at) - top;
      exponential(power);
      sums += power;
    }
    double total = sum_of(sums);
    for (std::int64_t i = whole; i < width; ++i) total += std::exp(x[i] - top);
    out[r] = static_cast<double>(top) + std::log(total);
  }
}

NS_FOR_EACH_SET(rms_norm, (const Rows& x, const float* weight, std::int64_t width, float eps, const Rows& out),
                (x, weight, width, eps, out))
NS_FOR_EACH_SET(layer_norm,
                (const Rows& x, const float* weight, const float* bias, std::int64_t width, float eps, const Rows& out),
                (x, weight, bias, width, eps, out))
NS_FOR_EACH_SET(prepare_heads, (const Heads& heads), (heads))
NS_FOR_EACH_SET(find_top, (const float* x, std::int64_t width, float& top), (x, width, top))

void find_top(const float* x, std::int64_t width, float& top){NS_RUN_BEST(find_top(x, width, top))}

NS_FOR_EACH_SET(log_sum_exp, (const float* x, std::int64_t width, std::int64_t rows, double* out),
                (x, width, rows, out))

}  // namespace

void rms_norm(const Rows& x, const float* weight, std::int64_t width, float eps, const Rows& out) {
  NS_RUN_BEST(rms_norm(x, weight, width, eps, out))
}

void layer_norm(const Rows& x, const float* weight, const float* bias, std::int64_t width, float eps, const Rows& out) {
  NS_RUN_BEST(layer_norm(x, weight, bias, width, eps, out))
}

void prepare_heads(const Heads& heads) {
  NS_RUN_BEST(prepare_heads(heads))
}

void log_sum_exp(const float* x, std::int64_t width, std::int64_t rows,
                 double* out){NS_RUN_BEST(log_sum_exp(x, width, rows, out))}

std::int64_t largest_at(const float* x, std::int64_t width) {
  float top;
  find_top(x, width, top);
  return std::find(x, x + width, top) - x;
}

}  // namespace neurosweep::cpu
