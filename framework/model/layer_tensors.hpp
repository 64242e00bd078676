#pragma once

#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/checkpoint.hpp"

namespace neurosweep {

struct TensorNames;

/// What stands before the names of a family in this checkpoint: "" where a base model was saved without it.
std::string tensor_prefix(const Checkpoint& checkpoint, const TensorNames& names);

/// A checkpoint folder by the parts of its layers, as its files hold them: nothing is loaded or converted.
class LayerTensors {
 public:
  /// throws  as read_arch() and Checkpoint::open()
  explicit LayerTensors(const std::string& dir);

  const std::string& dir() const { return dir_; }
  const ArchSpec& arch() const { return arch_; }
  const TensorNames& names() const { return names_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }

  /// "model.layers.3.mlp.down_proj" + suffix; `part` is a name of TensorNames.
  std::string name(LayerIndex layer, std::string_view part, std::string_view suffix = ".weight") const;

  /// W_down of a layer.
  ///   returns  [D, M], a view of the file, whose layout may be the transposed one
  ///   throws   Error{input}: missing, or of another shape than config.json says
  at::Tensor down(LayerIndex layer) const;

  /// Takes a layer's W_down out of memory, when its columns have been read; it is read again when needed.
  void forget_down(LayerIndex layer) const;

  /// A tensor as the file holds it, copied; what was read of the file takes no memory afterwards.
  at::Tensor copy(const std::string& name) const;

  /// Dimension of a weight in the file along which its inputs lie.
  std::int64_t input_dim() const;

 private:
  std::string dir_;
  ArchSpec arch_;
  const TensorNames& names_;
  Checkpoint checkpoint_;
  std::string prefix_;
};

}  // namespace neurosweep
