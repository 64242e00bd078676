#include "framework/model/cpu_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

// The bodies are inlined into a function for AVX2 and one for any processor; the wider vectors are split there.
#define NS_INLINE [[gnu::always_inline]] inline

namespace neurosweep::cpu {
namespace {

using Lanes [[gnu::vector_size(32)]] = float;
using IntLanes [[gnu::vector_size(32)]] = std::int32_t;
using Loose [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = float;  // Lanes at any address

constexpr std::int64_t kLanes = 8;
constexpr std::int64_t kParallelWork =
    1 << 20;  // multiplications below which starting threads costs more than it saves

NS_INLINE const Loose& lanes_at(const float* p) {
  return *reinterpret_cast<const Loose*>(p);
}
NS_INLINE Loose& lanes_at(float* p) {
  return *reinterpret_cast<Loose*>(p);
}

NS_INLINE float sum_of(const Lanes& x) {
  return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

/// e^x for x <= 0, to 2 ulp.
///   source  Cephes expf: x = n ln 2 + r, a polynomial in r, times 2^n
NS_INLINE void exponential(Lanes& x) {
  x = x < -87.0F ? Lanes{} - 87.0F : x;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves no fraction bits
  const Lanes n = (x * 1.44269504F + kRound) - kRound;
  const Lanes r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Lanes y = r * 1.9875691500e-4F + 1.3981999507e-3F;
  y = y * r + 8.3334519073e-3F;
  y = y * r + 4.1665795894e-2F;
  y = y * r + 1.6666665459e-1F;
  y = y * r + 5.0000001201e-1F;
  y = y * r * r + r + 1.0F;
  const IntLanes power = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  x = y * __builtin_bit_cast(Lanes, power);
}

NS_INLINE void rms_norm_body(const float* x, std::int64_t group_stride, const float* weight, std::int64_t group,
                             float* out, std::int64_t rows, std::int64_t width, float eps) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r / group * group_stride + r % group * width;
    const float* w = weight + r % group * width;
    Lanes squares{};
    std::int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) squares += lanes_at(in + i) * lanes_at(in + i);
    float total = sum_of(squares);
    for (; i < width; ++i) total += in[i] * in[i];
    const float scale = 1.0F / std::sqrt(total / static_cast<float>(width) + eps);
    for (i = 0; i < width; ++i) out[i] = in[i] * scale * w[i];
    out += width;
  }
}

NS_INLINE void rotate_body(const float* x, std::int64_t token_stride, const float* cos, const float* sin,
                           std::int64_t table_rows, float* out, std::int64_t tokens, std::int64_t heads,
                           std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  for (std::int64_t token = 0; token < tokens; ++token) {
    const float* c = cos + token % table_rows * half;
    const float* s = sin + token % table_rows * half;
    const float* in = x + token * token_stride;
    for (std::int64_t head = 0; head < heads; ++head) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < half; ++i) {
        out[i] = in[i] * c[i] - in[half + i] * s[i];
        out[half + i] = in[half + i] * c[i] + in[i] * s[i];
      }
      in += head_dim;
      out += head_dim;
    }
  }
}

/// scores[s] = scale * (q . key s) for s < n, and unspecified numbers up to the end of the block.
NS_INLINE void score_keys(const float* q, const float* keys, std::int64_t stride, std::int64_t head_dim, std::int64_t n,
                          float scale, float* scores) {
  for (std::int64_t s = 0; s < n; s += kKeyBlock) {
    Lanes a{}, b{}, c{}, d{};
    const float* column = keys + s;
    for (std::int64_t i = 0; i < head_dim; ++i, column += stride) {
      a += q[i] * lanes_at(column);
      b += q[i] * lanes_at(column + kLanes);
      c += q[i] * lanes_at(column + 2 * kLanes);
      d += q[i] * lanes_at(column + 3 * kLanes);
    }
    lanes_at(scores + s) = a * scale;
    lanes_at(scores + s + kLanes) = b * scale;
    lanes_at(scores + s + 2 * kLanes) = c * scale;
    lanes_at(scores + s + 3 * kLanes) = d * scale;
  }
}

/// Replaces scores[0, n) by their exponentials below the maximum, and returns their sum.
NS_INLINE float exponentiate(float* scores, std::int64_t n) {
  const std::int64_t end = (n + kLanes - 1) / kLanes * kLanes;
  std::fill(scores + n, scores + end, -std::numeric_limits<float>::infinity());
  Lanes top = lanes_at(scores);
  for (std::int64_t s = kLanes; s < end; s += kLanes) {
    const Lanes x = lanes_at(scores + s);
    top = x > top ? x : top;
  }
  float largest = top[0];
  for (int lane = 1; lane < kLanes; ++lane) largest = std::max(largest, top[lane]);
  Lanes total{};
  for (std::int64_t s = 0; s < end; s += kLanes) {
    Lanes x = lanes_at(scores + s) - largest;
    exponential(x);
    lanes_at(scores + s) = x;
    total += x;
  }
  return sum_of(total);
}

/// out = sum over s < n of weights[s] * value s, divided by `total`.
NS_INLINE void mix_values(const float* weights, const float* values, std::int64_t stride, std::int64_t head_dim,
                          std::int64_t n, float total, float* out) {
  const float share = 1.0F / total;
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= head_dim; i += 2 * kLanes) {
    Lanes a{}, b{};
    const float* value = values + i;
    for (std::int64_t s = 0; s < n; ++s, value += stride) {
      a += weights[s] * lanes_at(value);
      b += weights[s] * lanes_at(value + kLanes);
    }
    lanes_at(out + i) = a * share;
    lanes_at(out + i + kLanes) = b * share;
  }
  for (; i + kLanes <= head_dim; i += kLanes) {
    Lanes a{};
    for (std::int64_t s = 0; s < n; ++s) a += weights[s] * lanes_at(values + s * stride + i);
    lanes_at(out + i) = a * share;
  }
  for (; i < head_dim; ++i) {
    float a = 0;
    for (std::int64_t s = 0; s < n; ++s) a += weights[s] * values[s * stride + i];
    out[i] = a * share;
  }
}

/// Scratch of one thread.
struct Scratch {
  std::vector<float> scores;
  std::vector<float> keys;  ///< [head_dim, stride], where the job's keys are not transposed
};

/// Attention of the queries of one row that share a key head.
NS_INLINE void attend_group(const Attention& job, std::int64_t b, std::int64_t kv_head, Scratch& scratch) {
  const std::int64_t group = job.H / job.kv_heads, width = job.head_dim;
  const float* keys = job.keys;
  std::int64_t stride = job.keys_stride;
  if (job.key_layout == Attention::KeyLayout::transposed) {
    keys += (b * job.kv_heads + kv_head) * width * stride;
  } else {
    const float* in = job.keys + b * job.T * job.keys_stride + kv_head * width;
    stride = round_to_key_block(job.T);
    for (std::int64_t t = 0; t < job.n_tokens[b]; ++t, in += job.keys_stride) {
      for (std::int64_t i = 0; i < width; ++i) scratch.keys[static_cast<std::size_t>(i * stride + t)] = in[i];
    }
    keys = scratch.keys.data();
  }
  const float* values = job.values + b * job.values_row + kv_head * job.values_head;
  const float scale = 1.0F / std::sqrt(static_cast<float>(width));
  float* scores = scratch.scores.data();
  for (std::int64_t t = 0; t < job.T; ++t) {
    const std::int64_t n = job.first[b] + t + 1;
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      float* out = job.out + ((b * job.T + t) * job.H + head) * width;
      if (t >= job.n_tokens[b]) {
        std::fill(out, out + width, 0.0F);
        continue;
      }
      score_keys(job.q + (b * job.T + t) * job.q_stride + head * width, keys, stride, width, n, scale, scores);
      const float total = exponentiate(scores, n);
      mix_values(scores, values, job.values_stride, width, n, total, out);
    }
  }
}

NS_INLINE void attend_body(const Attention& job, std::int64_t unit, Scratch& scratch) {
  attend_group(job, unit / job.kv_heads, unit % job.kv_heads, scratch);
}

#if defined(__x86_64__)
#define NS_AVX2 [[gnu::target("avx2,fma")]]
NS_AVX2 void rms_norm_avx2(const float* x, std::int64_t group_stride, const float* weight, std::int64_t group,
                           float* out, std::int64_t rows, std::int64_t width, float eps) {
  rms_norm_body(x, group_stride, weight, group, out, rows, width, eps);
}
NS_AVX2 void rotate_avx2(const float* x, std::int64_t token_stride, const float* cos, const float* sin,
                         std::int64_t table_rows, float* out, std::int64_t tokens, std::int64_t heads,
                         std::int64_t head_dim) {
  rotate_body(x, token_stride, cos, sin, table_rows, out, tokens, heads, head_dim);
}
NS_AVX2 void attend_avx2(const Attention& job, std::int64_t unit, Scratch& scratch) {
  attend_body(job, unit, scratch);
}

bool has_avx2() {
  static const bool answer = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return answer;
}
#endif

void attend_plain(const Attention& job, std::int64_t unit, Scratch& scratch) {
  attend_body(job, unit, scratch);
}

}  // namespace

void rms_norm(const float* x, std::int64_t group_stride, const float* weight, std::int64_t group, float* out,
              std::int64_t rows, std::int64_t width, float eps) {
#if defined(__x86_64__)
  if (has_avx2()) return rms_norm_avx2(x, group_stride, weight, group, out, rows, width, eps);
#endif
  rms_norm_body(x, group_stride, weight, group, out, rows, width, eps);
}

void rotate(const float* x, std::int64_t token_stride, const float* cos, const float* sin, std::int64_t table_rows,
            float* out, std::int64_t tokens, std::int64_t heads, std::int64_t head_dim) {
#if defined(__x86_64__)
  if (has_avx2()) return rotate_avx2(x, token_stride, cos, sin, table_rows, out, tokens, heads, head_dim);
#endif
  rotate_body(x, token_stride, cos, sin, table_rows, out, tokens, heads, head_dim);
}

void attend(const Attention& job, int threads) {
  auto* kernel = attend_plain;
#if defined(__x86_64__)
  if (has_avx2()) kernel = attend_avx2;
#endif
  const std::int64_t longest = *std::max_element(job.first, job.first + job.B) + job.T;
  const std::int64_t units = job.B * job.kv_heads;
  const bool is_large = job.T * job.H * job.B * job.head_dim * longest > kParallelWork;
#pragma omp parallel num_threads(threads) if (is_large)
  {
    Scratch scratch;
    scratch.scores.resize(static_cast<std::size_t>(round_to_key_block(longest)));
    if (job.key_layout == Attention::KeyLayout::by_token) {
      scratch.keys.resize(static_cast<std::size_t>(job.head_dim * round_to_key_block(job.T)));
    }
#pragma omp for schedule(static)
    for (std::int64_t unit = 0; unit < units; ++unit) kernel(job, unit, scratch);
  }
}

void write_cache(const CacheWrite& job) {
  const std::int64_t width = job.head_dim;
  for (std::int64_t b = 0; b < job.B; ++b) {
    for (std::int64_t t = 0; t < job.n_tokens[b]; ++t) {
      const std::int64_t position = job.first[b] + t;
      const float* k = job.k + (b * job.T + t) * job.k_stride;
      const float* v = job.v + (b * job.T + t) * job.v_stride;
      float* keys = job.keys + b * job.kv_heads * width * job.capacity + position;
      for (std::int64_t i = 0; i < job.kv_heads * width; ++i) keys[i * job.capacity] = k[i];
      for (std::int64_t head = 0; head < job.kv_heads; ++head) {
        std::copy(v + head * width, v + (head + 1) * width,
                  job.values + ((b * job.kv_heads + head) * job.capacity + position) * width);
      }
    }
  }
}

}  // namespace neurosweep::cpu
