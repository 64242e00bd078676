#include "framework/intervene/chosen_neurons.hpp"

#include <set>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

ChosenNeurons::ChosenNeurons(std::span<const NeuronId> neurons, const ArchSpec& arch)
    : size_(neurons.size()), layers_(static_cast<std::size_t>(arch.L)) {
  if (neurons.empty()) throw input_error("no neuron to read");
  std::set<NeuronId> seen;
  std::vector<std::vector<std::int64_t>> columns(layers_.size());
  for (std::size_t k = 0; k < neurons.size(); ++k) {
    const NeuronId id = neurons[k];
    if (to_int(id.layer) < 0 || to_int(id.layer) >= arch.L || to_int(id.neuron) < 0 || to_int(id.neuron) >= arch.M) {
      throw input_error("neuron {}:{} is outside the model ({} layers of {} neurons)", to_int(id.layer),
                        to_int(id.neuron), arch.L, arch.M);
    }
    if (!seen.insert(id).second) {
      throw input_error("neuron {}:{} is there twice", to_int(id.layer), to_int(id.neuron));
    }
    const auto layer = static_cast<std::size_t>(to_int(id.layer));
    layers_[layer].places.push_back(k);
    columns[layer].push_back(to_int(id.neuron));
  }
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    if (!columns[l].empty()) layers_[l].columns = at::tensor(columns[l], at::kLong);
  }
  first_ = seen.begin()->layer;
}

at::Tensor ChosenNeurons::read(LayerIndex layer, const at::Tensor& x) const {
  return x.detach().index_select(2, of(layer).columns.to(x.device())).to(at::kFloat).cpu().contiguous();
}

}  // namespace neurosweep
