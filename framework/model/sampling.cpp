#include "framework/model/sampling.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "framework/base/error.hpp"
#include "framework/model/cpu/rows.hpp"
#include "framework/model/ops.hpp"

namespace neurosweep {
namespace {

/// One round of splitmix64: a bijection of 64 bits whose output passes statistical tests.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// Index of the entry of each row in which the running sum first exceeds uniform * total.
///   weights  [B, V] f64, >= 0, with a positive sum
at::Tensor pick(const at::Tensor& weights, const at::Tensor& uniforms) {
  const at::Tensor sums = weights.cumsum(-1);
  const at::Tensor total = sums.narrow(-1, sums.size(-1) - 1, 1);
  const at::Tensor target = at::mul(total, uniforms.to(weights.device()).unsqueeze(-1));
  return at::searchsorted(sums, target, /*out_int32=*/false, /*right=*/true).clamp_max_(weights.size(-1) - 1);
}

at::Tensor sample(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingSpec& spec) {
  const at::Tensor p = at::softmax(logits.to(at::kDouble).div(spec.temperature), -1);
  if (spec.top_p >= 1) return pick(p, uniforms);
  auto [sorted, order] = at::sort(p, /*stable=*/true, -1, /*descending=*/true);
  const at::Tensor before = sorted.cumsum(-1) - sorted;
  const at::Tensor kept = sorted.masked_fill(before >= spec.top_p, 0.0);
  return order.gather(-1, pick(kept, uniforms));
}

/// The largest logit of every row, the first of equals.
///   logits  [B, V] f32 on the CPU
SampledTokens take_most_likely(const at::Tensor& logits) {
  constexpr std::int64_t kParallelWork = 1 << 16;  // logits that are worth a second thread
  const std::int64_t B = logits.size(0), V = logits.size(1);
  SampledTokens sampled{at::empty({B}, at::kLong), at::empty({B}, at::kFloat)};
  auto* token = sampled.tokens.mutable_data_ptr<std::int64_t>();
  auto* logprob = sampled.logprobs.mutable_data_ptr<float>();
  const auto* x = logits.const_data_ptr<float>();
  at::parallel_for(0, B, std::max<std::int64_t>(1, kParallelWork / V), [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(end - begin));
    cpu::log_sum_exp(x + begin * V, V, end - begin, sums.data());
    for (std::int64_t b = begin; b < end; ++b) {
      token[b] = cpu::largest_at(x + b * V, V);
      logprob[b] = static_cast<float>(x[b * V + token[b]] - sums[static_cast<std::size_t>(b - begin)]);
    }
  });
  return sampled;
}

}  // namespace

void check_sampling(const SamplingSpec& spec) {
  if (!(spec.temperature >= 0)) {
    throw input_error("temperature {}: expected 0 (greedy) or a positive number", spec.temperature);
  }
  if (!(spec.top_p > 0 && spec.top_p <= 1)) throw input_error("top_p {}: expected a number in (0, 1]", spec.top_p);
}

double uniform_at(std::uint64_t seed, std::uint64_t counter) {
  return static_cast<double>(mix(mix(seed) ^ mix(~counter)) >> 11) * 0x1.0p-53;
}

SampledTokens sample_tokens(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingSpec& spec) {
  if (spec.temperature == 0 && runs_cpu_kernels(logits)) return take_most_likely(logits.contiguous());
  const at::Tensor tokens =
      spec.temperature == 0 ? at::argmax(logits, -1, /*keepdim=*/true) : sample(logits, uniforms, spec);
  const at::Tensor logprobs = logits.gather(-1, tokens).squeeze(-1) - at::logsumexp(logits, -1);
  // Both are exact in f64: the host waits for the device once.
  const at::Tensor both = at::stack({tokens.squeeze(-1).to(at::kDouble), logprobs.to(at::kDouble)}).cpu();
  return {both.select(0, 0).to(at::kLong), both.select(0, 1).to(at::kFloat)};
}

}  // namespace neurosweep
