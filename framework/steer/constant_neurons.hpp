#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/layer_tensors.hpp"

namespace neurosweep {

/// 2 D neurons of a gated MLP behind an RMSNorm that together write a constant c.
/// For each residual coordinate i there are two, with gate and up both g_i e_i, and both -g_i e_i. Every activation
/// here is f(z) = z s(z) with s(z) + s(-z) = 1, so the two give z f(z) + (-z) f(-z) = z^2, where z = g_i w_i n_i and
/// n is the normalised residual, whose squares sum to D (but for norm_eps). With columns c / (D (g_i w_i)^2) all of
/// them write c.
class ConstantNeurons {
 public:
  ///   c       [D] f64; undefined: neurons that write nothing
  ///   throws  Error{input}: a weight of the norm is 0, or too small for the dtype of the gate
  ConstantNeurons(const LayerTensors& model, LayerIndex layer, at::Tensor c);

  std::function<at::Tensor()> gate() const;  ///< [2 D, D] f64, each value one of the gate's dtype
  std::function<at::Tensor()> up() const { return gate(); }
  std::function<at::Tensor()> down() const;  ///< [D, 2 D] f64, likewise

 private:
  at::ScalarType type_ = at::kFloat;  ///< of the weights in the file
  at::Tensor c_;
  at::Tensor g_;       ///< [D] f64
  at::Tensor scales_;  ///< [D] f64, 1 / (D (g w)^2)
};

}  // namespace neurosweep
