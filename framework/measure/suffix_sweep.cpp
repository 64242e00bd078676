#include "framework/measure/suffix_sweep.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/base/error.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/model/batch.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kLogitBytesPerBatch = std::int64_t{256} << 20;

/// Arms of one forward: as asked, but never so many that their logits alone fill the memory.
std::int64_t rows_per_batch(std::int64_t wanted, std::int64_t n_scored, std::int64_t V) {
  const std::int64_t fit = kLogitBytesPerBatch / (n_scored * V * static_cast<std::int64_t>(sizeof(float)));
  return std::clamp<std::int64_t>(fit, 1, wanted);
}

}  // namespace

SuffixSweep::SuffixSweep(const Decoder& decoder, std::int64_t rows) : decoder_(decoder), rows_(rows) {
  if (rows < 1) throw input_error("rows per batch must be at least 1, found {}", rows);
}

at::Tensor SuffixSweep::baseline(const SweepPrompt& prompt) {
  const auto T = static_cast<std::int64_t>(prompt.input.size());
  if (T < 1 || prompt.n_scored < 1 || prompt.n_scored > T) {
    throw input_error("a sweep prompt has {} tokens and {} scored positions; expected 1 <= scored <= tokens", T,
                      prompt.n_scored);
  }
  prompt_ = prompt;
  residuals_.clear();
  const at::NoGradGuard no_grad;
  const BatchRows rows = full_rows(1, T, prompt.prompt_length);
  at::Tensor x = decoder_.embed(padded_tokens({prompt.input}), rows);
  for (std::int64_t l = 0; l < decoder_.arch().L; ++l) {
    residuals_.push_back(x.clone());
    x = decoder_.run_layers(x, LayerIndex(l), LayerIndex(l + 1), rows, nullptr, nullptr);
  }
  return decoder_.head(x.narrow(1, T - prompt.n_scored, prompt.n_scored)).squeeze(0);
}

void SuffixSweep::run(std::span<const SweepArm> arms, const Sink& sink) const {
  ensure(!residuals_.empty(), "SuffixSweep::run before baseline");
  std::vector<std::vector<std::size_t>> by_layer(residuals_.size());
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::int32_t layer = to_int(arms[i].neuron.layer);
    if (layer < 0 || layer >= decoder_.arch().L) {
      throw input_error("an arm names layer {}, but the model has layers 0 to {}", layer, decoder_.arch().L - 1);
    }
    by_layer[layer].push_back(i);
  }
  const std::int64_t batch = rows_per_batch(rows_, prompt_.n_scored, decoder_.arch().V);
  for (const auto& which : by_layer) {
    for (std::size_t begin = 0; begin < which.size(); begin += batch) {
      const std::size_t count = std::min<std::size_t>(batch, which.size() - begin);
      run_batch(arms, std::span(which).subspan(begin, count), sink);
    }
  }
}

void SuffixSweep::run_batch(std::span<const SweepArm> arms, std::span<const std::size_t> which,
                            const Sink& sink) const {
  const at::NoGradGuard no_grad;
  const auto B = static_cast<std::int64_t>(which.size());
  const auto T = static_cast<std::int64_t>(prompt_.input.size());
  const LayerIndex layer = arms[which[0]].neuron.layer;
  std::vector<Intervention> interventions;
  for (std::int64_t b = 0; b < B; ++b) {
    const SweepArm& arm = arms[which[b]];
    interventions.push_back({b, arm.neuron, arm.kind, arm.value, arm.span});
  }
  InterventionSet hook(std::move(interventions), decoder_.arch());
  const at::Tensor x = residuals_[to_int(layer)].expand({B, -1, -1}).contiguous();
  const at::Tensor out = decoder_.run_layers(x, layer, LayerIndex(decoder_.arch().L),
                                             full_rows(B, T, prompt_.prompt_length), &hook, nullptr);
  hook.check_applied();
  sink(which, decoder_.head(out.narrow(1, T - prompt_.n_scored, prompt_.n_scored)));
}

}  // namespace neurosweep
