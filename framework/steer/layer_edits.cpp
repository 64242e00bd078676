#include "framework/steer/layer_edits.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// Makes edits on columns that are read when they are first needed.
class Editor {
 public:
  explicit Editor(const LayerTensors& model) : model_(model) {}

  void make(const FoldEdit& edit) {
    for (const PatternNeuron& neuron : edit.pattern.neurons) {
      const at::Tensor column = column_of(neuron.id);
      add_to_bias(neuron.id.layer, column * (edit.strength * neuron.value));
      if (edit.pattern.form == SteeringForm::pull) set_column(neuron.id, column * (1 - edit.strength));
    }
  }

  void make(const ScaleEdit& edit) {
    for (const NeuronId id : edit.neurons) set_column(id, column_of(id) * edit.factor);
  }

  void make(const RankOneEdit& edit) {
    std::map<LayerIndex, at::Tensor> moves;  // W_down (target - key)
    std::map<LayerIndex, double> norms;      // key^T key
    for (std::size_t i = 0; i < edit.neurons.size(); ++i) {
      const NeuronId id = edit.neurons[i];
      const at::Tensor move = column_of(id) * (edit.target[i] - edit.key[i]);
      const auto [place, is_new] = moves.emplace(id.layer, move);
      if (!is_new) place->second = place->second + move;
      norms[id.layer] += edit.key[i] * edit.key[i];
    }
    for (std::size_t i = 0; i < edit.neurons.size(); ++i) {
      const NeuronId id = edit.neurons[i];
      if (edit.key[i] == 0) continue;
      set_column(id, column_of(id) + moves.at(id.layer) * (edit.strength * edit.key[i] / norms.at(id.layer)));
    }
  }

  LayerWeightEdits take() {
    for (const auto& [layer, edit] : edits_) {
      if (edit.bias.defined()) check_finite(layer, edit.bias);
      for (const auto& [neuron, column] : edit.columns) check_finite(layer, column);
    }
    return std::move(edits_);
  }

 private:
  at::Tensor column_of(NeuronId id) {
    const ArchSpec& arch = model_.arch();
    if (to_int(id.layer) < 0 || to_int(id.layer) >= arch.L || to_int(id.neuron) < 0 || to_int(id.neuron) >= arch.M) {
      throw input_error("{}: neuron {} of layer {} is outside the model of {} layers with {} neurons", model_.dir(),
                        to_int(id.neuron), to_int(id.layer), arch.L, arch.M);
    }
    const auto layer = edits_.find(id.layer);
    if (layer != edits_.end()) {
      const auto column = layer->second.columns.find(id.neuron);
      if (column != layer->second.columns.end()) return column->second;
    }
    if (id.layer != read_layer_) model_.forget_down(read_layer_);
    read_layer_ = id.layer;
    return model_.down(id.layer).select(1, to_int(id.neuron)).to(at::kDouble);
  }

  void set_column(NeuronId id, at::Tensor column) { edits_[id.layer].columns[id.neuron] = std::move(column); }

  void add_to_bias(LayerIndex layer, const at::Tensor& direction) {
    at::Tensor& bias = edits_[layer].bias;
    bias = bias.defined() ? bias + direction : direction;
  }

  void check_finite(LayerIndex layer, const at::Tensor& numbers) const {
    if (at::isfinite(numbers).all().item<bool>()) return;
    throw input_error("{}: the edits of layer {} give numbers that are not finite", model_.dir(), to_int(layer));
  }

  const LayerTensors& model_;
  LayerWeightEdits edits_;
  LayerIndex read_layer_{};  ///< whose columns were read last
};

}  // namespace

LayerWeightEdits make_layer_edits(const LayerTensors& model, const std::vector<WeightEdit>& edits) {
  Editor editor(model);
  for (const WeightEdit& edit : edits) {
    std::visit([&](const auto& each) { editor.make(each); }, edit);
  }
  return editor.take();
}

std::map<LayerIndex, at::Tensor> constant_directions(const LayerTensors& model, const SteeringPattern& pattern,
                                                     double strength) {
  if (pattern.form == SteeringForm::pull) {
    throw input_error(
        "a pull towards a template is no constant: what it adds depends on the activation (`neurosweep edit` folds it "
        "exactly into the weights; `generate --steer` follows it)");
  }
  std::map<LayerIndex, at::Tensor> directions;
  for (auto& [layer, edit] : make_layer_edits(model, {FoldEdit{pattern, strength}})) {
    if (edit.bias.count_nonzero().item<std::int64_t>() > 0) directions.emplace(layer, std::move(edit.bias));
  }
  if (directions.empty()) throw input_error("{}: the direction is 0 in every layer", model.dir());
  return directions;
}

}  // namespace neurosweep
