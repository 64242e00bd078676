#include "tests/framework/steer/edited_checkpoint.hpp"

#include <filesystem>
#include <random>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/intervene/steering.hpp"
#include "framework/model/batch.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep::testing {

FloatCheckpoint::FloatCheckpoint(const std::string& golden) {
  for (const char* file : {"config.json", "generation_config.json"}) {
    std::filesystem::copy(golden_dir(golden) + "/" + file, temp_.file(file));
  }
  auto tensors = read_safetensors(golden_dir(golden) + "/model.safetensors");
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kFloat);
  write_safetensors(temp_.file("model.safetensors"), tensors);
}

SteeringPattern random_pattern(const ArchSpec& arch, SteeringForm form) {
  std::mt19937 bits(5);
  std::normal_distribution<double> normal(0, 1.5);
  SteeringPattern pattern{form, "random", {}};
  for (std::int32_t l = 0; l < arch.L; ++l) {
    for (const std::int64_t m : {2 * l, 11 + l, static_cast<std::int32_t>(arch.M) - 1}) {
      pattern.neurons.push_back({{LayerIndex(l), NeuronIndex(static_cast<std::int32_t>(m))}, normal(bits), 0.1});
    }
  }
  return pattern;
}

CheckpointEdit write_edited(const std::string& dir, const std::vector<WeightEdit>& edits, BiasForm form,
                            const std::string& into) {
  const LayerTensors model(dir);
  CheckpointEdit edit = edit_checkpoint(model, make_layer_edits(model, edits), form);
  std::filesystem::create_directory(into);
  write_checkpoint(dir, model.checkpoint(), edit.changes, into);
  return edit;
}

namespace {

constexpr std::int64_t kTokens = 16;

at::Tensor logits(const Decoder& decoder, ActivationHook* hook) {
  const at::NoGradGuard no_grad;
  const at::Tensor tokens =
      padded_tokens({random_tokens(decoder.arch(), kTokens, 1), random_tokens(decoder.arch(), kTokens, 2)});
  return decoder.forward(tokens, full_rows(2, kTokens, kTokens), hook);
}

/// Adds constants to the residual stream.
class AddDirections final : public ActivationHook {
 public:
  explicit AddDirections(const std::map<LayerIndex, at::Tensor>& directions) : directions_(directions) {}
  bool wants(Site site, LayerIndex layer) const override {
    return site == Site::residual && directions_.contains(layer);
  }
  void visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    x = x + directions_.at(layer).to(x.scalar_type());
  }

 private:
  const std::map<LayerIndex, at::Tensor>& directions_;
};

}  // namespace

at::Tensor logits_with_directions(const std::string& dir, const std::map<LayerIndex, at::Tensor>& directions) {
  AddDirections hook(directions);
  return logits(load_decoder(dir), &hook);
}

at::Tensor logits_of(const Decoder& decoder) {
  return logits(decoder, nullptr);
}

at::Tensor logits_of(const std::string& dir, const SteeringPattern* pattern, double strength) {
  const Decoder decoder = load_decoder(dir);
  if (pattern == nullptr) return logits(decoder, nullptr);
  auto vector = std::make_shared<SteeringVector>();
  const bool pulls = pattern->form == SteeringForm::pull;
  for (const PatternNeuron& neuron : pattern->neurons) {
    const auto value = static_cast<float>(neuron.value);
    vector->push_back(pulls ? SteeredNeuron{neuron.id, 0, 1, value} : SteeredNeuron{neuron.id, value, 0, 0});
  }
  const SteerPolicy policy{strength, SteerScope::all};
  Steering steering({{0, vector, policy}, {1, vector, policy}}, decoder.arch());
  return logits(decoder, &steering);
}

at::Tensor down_of(const std::string& dir, std::int32_t layer) {
  return LayerTensors(dir).down(LayerIndex(layer)).to(at::kDouble);
}

}  // namespace neurosweep::testing
