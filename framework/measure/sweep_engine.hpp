#pragma once

#include <memory>
#include <span>
#include <vector>

#include "framework/measure/suffix_sweep.hpp"

namespace neurosweep {

/// Edits of one arm, which act together; at least one.
using JointArm = std::span<const SweepArm>;

/// How a SuffixSweep computes. Prompts and arms have been checked when they get here.
class SweepEngine {
 public:
  virtual ~SweepEngine() = default;
  virtual at::Tensor baseline(const SweepPrompt& prompt) = 0;
  virtual void run(std::span<const JointArm> arms, const SuffixSweep::Sink& sink) const = 0;
};

/// By the CPU's own kernels, on f32 activations, for a whole decoder.
std::unique_ptr<SweepEngine> make_packed_engine(const Decoder& decoder, const SweepLimits& limits);

/// By Decoder::run_layers, on any device and in a group: an arm starts at the input of its lowest layer.
std::unique_ptr<SweepEngine> make_torch_engine(const Decoder& decoder, const SweepLimits& limits);

}  // namespace neurosweep
