#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/intervene/kinds.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep {

/// One single-neuron intervention of a sweep.
struct SweepArm {
  NeuronId neuron;
  InterventionKind kind = InterventionKind::zero;
  float value = 0;
  Span span = Span::all;
};

/// One sequence on which arms are tried.
struct SweepPrompt {
  std::vector<std::int64_t> input;  ///< [T] the tokens that are fed
  std::int64_t prompt_length = 0;   ///< for the arms' spans
  std::int64_t n_scored = 0;        ///< logits are wanted at the last n_scored positions, >= 1
};

/// Runs every arm on one prompt exactly, computing only what the arm can change: an arm of layer l starts from the
/// cached residual below layer l, and the head reads the scored positions only. Arms of a layer share batches.
/// Results do not depend on anything but the arguments: batches are a function of the prompt and the list of arms.
class SuffixSweep {
 public:
  /// Logits [B, n_scored, V] f32 of arms `arms[which[b]]`.
  using Sink = std::function<void(std::span<const std::size_t> which, const at::Tensor& logits)>;

  ///   rows  arms in one forward, at most
  SuffixSweep(const Decoder& decoder, std::int64_t rows);

  const Decoder& decoder() const { return decoder_; }

  /// The logits without an intervention, [n_scored, V] f32. Must come before `run`.
  at::Tensor baseline(const SweepPrompt& prompt);

  /// Runs all arms on the prompt of the last `baseline`.
  ///   throws  Error{input}: an arm outside the model, or one that touched no position
  void run(std::span<const SweepArm> arms, const Sink& sink) const;

 private:
  void run_batch(std::span<const SweepArm> arms, std::span<const std::size_t> which, const Sink& sink) const;

  const Decoder& decoder_;
  std::int64_t rows_;
  SweepPrompt prompt_;
  std::vector<at::Tensor> residuals_;  ///< [l] = [1, T, D], input of layer l
};

}  // namespace neurosweep
