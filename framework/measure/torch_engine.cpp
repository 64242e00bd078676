#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/measure/sweep_engine.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/fit_memory.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kLogitBytes = std::int64_t{256} << 20;

LayerIndex lowest_layer(JointArm arm) {
  LayerIndex lowest = arm.front().neuron.layer;
  for (const SweepArm& edit : arm) lowest = std::min(lowest, edit.neuron.layer);
  return lowest;
}

class TorchEngine final : public SweepEngine {
 public:
  TorchEngine(const Decoder& decoder, const SweepLimits& limits) : decoder_(decoder), limits_(limits) {}

  at::Tensor baseline(const SweepPrompt& prompt) override {
    prompt_ = prompt;
    residuals_.clear();
    const at::NoGradGuard no_grad;
    const auto T = static_cast<std::int64_t>(prompt.input.size());
    const BatchRows rows = full_rows(1, T, prompt.prompt_length);
    at::Tensor x = decoder_.embed(padded_tokens({prompt.input}), rows);
    for (std::int64_t l = 0; l < decoder_.arch().L; ++l) {
      residuals_.push_back(x.clone());
      x = decoder_.run_layers(x, LayerIndex(l), LayerIndex(l + 1), rows, nullptr, nullptr);
    }
    return decoder_.head(x.narrow(1, T - prompt.n_scored, prompt.n_scored)).squeeze(0);
  }

  void run(std::span<const JointArm> arms, const SuffixSweep::Sink& sink) const override {
    std::vector<std::vector<std::size_t>> by_layer(residuals_.size());
    for (std::size_t i = 0; i < arms.size(); ++i) {
      by_layer[static_cast<std::size_t>(to_int(lowest_layer(arms[i])))].push_back(i);
    }
    std::int64_t rows = rows_per_batch();
    for (const auto& which : by_layer) {
      std::size_t done = 0;
      rows = fit_memory({"sweeping", "arms", decoder_.device(), decoder_.group()}, rows, [&](std::int64_t fitting) {
        while (done < which.size()) {
          const std::size_t n = std::min(static_cast<std::size_t>(fitting), which.size() - done);
          run_batch(arms, std::span(which).subspan(done, n), sink);
          done += n;
        }
        return fitting;
      });
    }
  }

 private:
  /// Arms of one forward: as asked, but never so many that their logits alone fill the memory.
  std::int64_t rows_per_batch() const {
    const std::int64_t bytes = limits_.bytes > 0 ? std::min(limits_.bytes, kLogitBytes) : kLogitBytes;
    const std::int64_t fit = bytes / (prompt_.n_scored * decoder_.arch().V * static_cast<std::int64_t>(sizeof(float)));
    return std::clamp<std::int64_t>(fit, 1, limits_.rows);
  }

  void run_batch(std::span<const JointArm> arms, std::span<const std::size_t> which,
                 const SuffixSweep::Sink& sink) const {
    const at::NoGradGuard no_grad;
    const auto B = static_cast<std::int64_t>(which.size());
    const auto T = static_cast<std::int64_t>(prompt_.input.size());
    const LayerIndex layer = lowest_layer(arms[which[0]]);
    std::vector<Intervention> edits;
    for (std::int64_t b = 0; b < B; ++b) {
      for (const SweepArm& edit : arms[which[static_cast<std::size_t>(b)]]) {
        edits.push_back({b, edit.neuron, edit.kind, edit.value, edit.span});
      }
    }
    InterventionSet hook(std::move(edits), decoder_.arch());
    const at::Tensor x = residuals_[static_cast<std::size_t>(to_int(layer))].expand({B, -1, -1}).contiguous();
    const at::Tensor out = decoder_.run_layers(x, layer, LayerIndex(decoder_.arch().L),
                                               full_rows(B, T, prompt_.prompt_length), &hook, nullptr);
    hook.check_applied();
    sink(which, decoder_.head(out.narrow(1, T - prompt_.n_scored, prompt_.n_scored)));
  }

  const Decoder& decoder_;
  SweepLimits limits_;
  SweepPrompt prompt_;
  std::vector<at::Tensor> residuals_;  ///< [l] = [1, T, D], input of layer l
};

}  // namespace

std::unique_ptr<SweepEngine> make_torch_engine(const Decoder& decoder, const SweepLimits& limits) {
  return std::make_unique<TorchEngine>(decoder, limits);
}

}  // namespace neurosweep
