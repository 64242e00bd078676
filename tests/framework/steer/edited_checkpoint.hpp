#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/decoder.hpp"
#include "framework/steer/checkpoint_edit.hpp"
#include "framework/steer/steering_file.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

/// A golden checkpoint with float32 weights, in a folder of its own.
class FloatCheckpoint {
 public:
  explicit FloatCheckpoint(const std::string& golden);
  std::string dir() const { return temp_.path().string(); }

 private:
  TempDir temp_;
};

/// Golden checkpoints, one of each family.
inline const std::vector<std::string> kOfEachFamily = {"llama-gqa-llama3rope", "qwen2-tied", "qwen3-fp16", "gpt2"};

/// Random pushes, or targets, on neurons of every layer.
SteeringPattern random_pattern(const ArchSpec& arch, SteeringForm form);

/// Writes edits of a checkpoint into the folder `into`, which is made.
CheckpointEdit write_edited(const std::string& dir, const std::vector<WeightEdit>& edits, BiasForm form,
                            const std::string& into);

/// Logits of a checkpoint on two fixed sequences, steered at every token where a pattern is given.
at::Tensor logits_of(const std::string& dir, const SteeringPattern* pattern = nullptr, double strength = 1);

/// Logits of a decoder on the same sequences.
at::Tensor logits_of(const Decoder& decoder);

/// The same of a checkpoint with constants added to the residual stream behind layers, at every token.
at::Tensor logits_with_directions(const std::string& dir, const std::map<LayerIndex, at::Tensor>& directions);

/// W_down of a layer, [D, M] f64.
at::Tensor down_of(const std::string& dir, std::int32_t layer);

}  // namespace neurosweep::testing
