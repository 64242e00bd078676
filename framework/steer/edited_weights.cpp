#include "framework/steer/edited_weights.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/arch_table.hpp"

namespace neurosweep {

namespace {

/// Edits the down projections of loaded weights.
class WeightEditor {
 public:
  WeightEditor(const LayerTensors& model, Weights& weights) : model_(model), weights_(weights) {}

  /// returns  whether a number changed
  bool edit(LayerIndex layer, const LayerWeightEdit& edit) {
    changed_ = false;
    if (!edit.columns.empty()) change_columns(layer, edit.columns);
    if (edit.bias.defined()) add_to_bias(layer, edit.bias);
    return changed_;
  }

 private:
  Linear& down(LayerIndex layer) { return weights_.layers.at(static_cast<std::size_t>(to_int(layer))).down; }

  void change_columns(LayerIndex layer, const std::map<NeuronIndex, at::Tensor>& columns) {
    const at::ScalarType in_file = model_.down(layer).scalar_type();
    model_.forget_down(layer);
    at::Tensor& weight = down(layer).weight;
    weight = weight.clone();  // what is loaded may be the mapped file
    for (const auto& [neuron, column] : columns) {
      at::Tensor place = weight.select(1, to_int(neuron));
      const at::Tensor edited = column.to(in_file).to(place.options());
      check_finite(layer, edited);
      changed_ = changed_ || !edited.equal(place);
      place.copy_(edited);
    }
  }

  void add_to_bias(LayerIndex layer, const at::Tensor& added) {
    at::Tensor& bias = down(layer).bias;
    at::Tensor sum = added;
    if (bias.defined()) {
      sum = model_.checkpoint().tensor(model_.name(layer, model_.names().down, ".bias")).to(at::kDouble) + added;
    }
    const at::Tensor edited = sum.to(at::kFloat).to(down(layer).weight.options());
    check_finite(layer, edited);
    changed_ = changed_ || !(bias.defined() ? edited.equal(bias) : edited.count_nonzero().item<std::int64_t>() == 0);
    bias = edited;
  }

  void check_finite(LayerIndex layer, const at::Tensor& numbers) const {
    if (at::isfinite(numbers).all().item<bool>()) return;
    throw input_error("{}: an edit of layer {} is out of the range of {}", model_.dir(), to_int(layer),
                      at::toString(numbers.scalar_type()));
  }

  const LayerTensors& model_;
  Weights& weights_;
  bool changed_ = false;
};

}  // namespace

EditedWeights edited_weights(const LayerTensors& model, const LayerWeightEdits& edits, const WeightOptions& options) {
  EditedWeights made{read_weights(model.dir(), model.arch(), options), {}};
  WeightEditor editor(model, made.weights);
  for (const auto& [layer, edit] : edits) {
    if (editor.edit(layer, edit)) made.changed.push_back(layer);
  }
  return made;
}

}  // namespace neurosweep
