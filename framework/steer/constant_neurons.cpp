#include "framework/steer/constant_neurons.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/arch_table.hpp"

namespace neurosweep {

ConstantNeurons::ConstantNeurons(const LayerTensors& model, LayerIndex layer, at::Tensor c) : c_(std::move(c)) {
  const ArchSpec& arch = model.arch();
  const std::string name = model.name(layer, model.names().mlp_norm);
  const at::Tensor w = model.checkpoint().tensor(name).to(at::kDouble);
  const at::ScalarType type = model.checkpoint().tensor(model.name(layer, model.names().gate)).scalar_type();
  g_ = w.reciprocal().to(type).to(at::kDouble);
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
  return [c = c_, scales = scales_] {
    const at::Tensor columns = at::outer(c, scales);
    return at::cat({columns, columns}, 1);
  };
}

}  // namespace neurosweep
