#include "framework/intervene/chosen_neurons.hpp"

#include <set>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

ChosenNeurons::ChosenNeurons(std::span<const NeuronId> neurons, const ArchSpec& arch, ModelGroup* group)
    : size_(neurons.size()), group_(group), layers_(static_cast<std::size_t>(arch.L)) {
  if (neurons.empty()) throw input_error("no neuron to read");
  std::set<NeuronId> seen;
  for (std::size_t k = 0; k < neurons.size(); ++k) {
    const NeuronId id = neurons[k];
    if (to_int(id.layer) < 0 || to_int(id.layer) >= arch.L || to_int(id.neuron) < 0 || to_int(id.neuron) >= arch.M) {
      throw input_error("neuron {}:{} is outside the model ({} layers of {} neurons)", to_int(id.layer),
                        to_int(id.neuron), arch.L, arch.M);
    }
    if (!seen.insert(id).second) {
      throw input_error("neuron {}:{} is there twice", to_int(id.layer), to_int(id.neuron));
    }
    Layer& layer = layers_[static_cast<std::size_t>(to_int(id.layer))];
    layer.places.push_back(k);
    layer.dense.push_back(static_cast<std::int64_t>(layer.columns.size()));
    layer.columns.push_back(to_int(id.neuron) - neurons_of(arch).first);
  }
  first_ = seen.begin()->layer;
}

at::Tensor ChosenNeurons::pick(LayerIndex layer, const at::Tensor& x) const {
  const at::Tensor columns = at::tensor(of(layer).columns, at::kLong).to(x.device());
  if (group_ == nullptr) return x.detach().index_select(2, columns).to(at::kFloat).cpu().contiguous();
  const at::Tensor is_elsewhere = (columns < 0).logical_or(columns >= x.size(2));
  const at::Tensor own = x.detach().index_select(2, columns.clamp(0, x.size(2) - 1)).to(at::kFloat);
  return sum_over_parts(group_, own.masked_fill(is_elsewhere, 0)).cpu().contiguous();
}

ChosenNeurons::View ChosenNeurons::read(LayerIndex layer, const at::Tensor& x) const {
  View view;
  view.T_ = x.size(1);
  if (group_ == nullptr && x.device().is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous()) {
    view.held_ = x.detach();
    view.columns_ = of(layer).columns.data();
  } else {
    view.held_ = pick(layer, x);
    view.columns_ = of(layer).dense.data();
  }
  view.stride_ = view.held_.size(2);
  view.data_ = view.held_.const_data_ptr<float>();
  return view;
}

}  // namespace neurosweep
