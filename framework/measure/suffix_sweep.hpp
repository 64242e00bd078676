#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

/// How much one sweep may hold at a time. Neither changes a result.
struct SweepLimits {
  std::int64_t rows = 64;  ///< arms in one batch, at most
  std::int64_t bytes = 0;  ///< for batches and their logits, of all threads together; 0: what runs best
};

class SweepEngine;

/// Runs every arm on one prompt exactly, computing only what the arm can change. An arm of layer l starts from the
/// cached residual after layer l plus what its neuron's change adds to it, at the first token that it changes; keys and
/// values of the tokens before are the baseline's; the last layer and the head run at the scored positions only. Arms
/// join a batch at their own layer, and a joint arm starts at the lowest layer that it changes. An arm that changes no
/// activation costs nothing.
///
/// In a group of ranks an arm starts at the input of its layer, and all its positions run (collective).
///
/// On the CPU a result depends on nothing but prompt and arm: not on the batch, the other arms, or the threads (one
/// batch each, at::get_num_threads() of them).
class SuffixSweep {
 public:
  /// Logits [B, n_scored, V] f32 of arms `which`, valid during the call. Calls come one at a time, in any order. Where
  /// a call itself runs out of memory on a GPU, its arms come again, fewer at a time.
  using Sink = std::function<void(std::span<const std::size_t> which, const at::Tensor& logits)>;

  ///   rows  arms in one batch, at most
  SuffixSweep(const Decoder& decoder, std::int64_t rows);
  SuffixSweep(const Decoder& decoder, const SweepLimits& limits);
  ~SuffixSweep();

  /// The logits without an intervention, [n_scored, V] f32. Must come before `run`.
  at::Tensor baseline(const SweepPrompt& prompt);

  /// Runs all arms on the prompt of the last `baseline`.
  ///   throws  Error{input}: an arm outside the model, or one that touched no position
  void run(std::span<const SweepArm> arms, const Sink& sink) const;

  /// The same for joint arms: all edits of a set act together. An empty set is an error.
  void run_sets(std::span<const std::vector<SweepArm>> sets, const Sink& sink) const;

 private:
  void check(const SweepArm& arm) const;

  const Decoder& decoder_;
  SweepPrompt prompt_;
  std::unique_ptr<SweepEngine> engine_;
};

}  // namespace neurosweep
