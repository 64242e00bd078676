#include "framework/steer/constant_neurons.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/arch_table.hpp"

namespace neurosweep {

namespace {

/// Columns c scales_i, each for a neuron and its twin, rounded to `type`. What a rounding loses is given to the columns
/// behind it: their weighted sum is c, where plain rounding would err alike in all of them.
///   returns  [D, 2 D] f64
at::Tensor rounded_columns(const at::Tensor& c, const at::Tensor& scales, at::ScalarType type) {
  const std::int64_t D = scales.size(0);
  const at::Tensor columns = at::empty({2 * D, c.size(0)}, at::kDouble);
  at::Tensor lost = at::zeros_like(c);  // of the sum, in units of 1 / scale
  for (std::int64_t k = 0; k < 2 * D; ++k) {
    const double scale = scales[k % D].item<double>();
    const at::Tensor wanted = c + lost;
    const at::Tensor column = (wanted * scale).to(type).to(at::kDouble);
    columns[k].copy_(column);
    lost = wanted - column / scale;
  }
  return columns.t().contiguous();
}

}  // namespace

ConstantNeurons::ConstantNeurons(const LayerTensors& model, LayerIndex layer, at::Tensor c) : c_(std::move(c)) {
  const ArchSpec& arch = model.arch();
  const std::string name = model.name(layer, model.names().mlp_norm);
  const at::Tensor w = model.checkpoint().tensor(name).to(at::kDouble);
  type_ = model.checkpoint().tensor(model.name(layer, model.names().gate)).scalar_type();
  g_ = w.reciprocal().to(type_).to(at::kDouble);
  scales_ = (g_ * w).square().reciprocal() / static_cast<double>(arch.D);
  if (!at::isfinite(g_).all().item<bool>() || !at::isfinite(scales_).all().item<bool>()) {
    throw input_error("{}: tensor '{}': a weight is 0 or nearly so, and no neurons can make a constant behind it",
                      model.checkpoint().path_of(name), name);
  }
}

std::function<at::Tensor()> ConstantNeurons::gate() const {
  if (!c_.defined()) return [D = g_.size(0)] { return at::zeros({2 * D, D}, at::kDouble); };
  return [g = g_] { return at::cat({at::diag(g), at::diag(-g)}, 0); };
}

std::function<at::Tensor()> ConstantNeurons::down() const {
  if (!c_.defined()) return [D = g_.size(0)] { return at::zeros({D, 2 * D}, at::kDouble); };
  return [c = c_, scales = scales_, type = type_] { return rounded_columns(c, scales, type); };
}

}  // namespace neurosweep
