#include "framework/measure/prompt_activations.hpp"

#include <functional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/intervene/chosen_neurons.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

/// Hands the neurons of one sequence over, layer by layer.
class NeuronReader final : public ActivationHook {
 public:
  using Read = std::function<void(LayerIndex, const at::Tensor&)>;  ///< [T, M]

  explicit NeuronReader(Read read) : read_(std::move(read)) {}

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    if (site == Site::neuron) read_(layer, x.detach().select(0, 0));
  }

 private:
  Read read_;
};

/// One prompt alone in its batch: no neighbour and no padding changes a number.
void read_neurons(const Decoder& decoder, const std::vector<std::int64_t>& prompt, NeuronReader::Read read) {
  const auto T = static_cast<std::int64_t>(prompt.size());
  if (T == 0) throw input_error("an empty prompt has no activations");
  if (T > decoder.arch().context) {
    throw input_error("a prompt of {} tokens is longer than the model's context of {}", T, decoder.arch().context);
  }
  guard_torch("reading the activations of a prompt", [&] {
    const c10::NoGradGuard no_grad;
    NeuronReader hook(std::move(read));
    const BatchRows rows = full_rows(1, T, T);
    decoder.run_layers(decoder.embed(padded_tokens({prompt}), rows), LayerIndex{0},
                       static_cast<LayerIndex>(decoder.arch().L), rows, &hook, nullptr);
  });
}

}  // namespace

std::vector<float> measure_prompt_means(const Decoder& decoder, const std::vector<std::int64_t>& prompt) {
  std::vector<float> means;
  read_neurons(decoder, prompt, [&](LayerIndex, const at::Tensor& a) {
    const at::Tensor own = a.to(at::kDouble).mean(0).to(at::kFloat);
    const auto layer = to_floats(join_pieces(decoder.group(), own, decoder.arch().M));
    means.insert(means.end(), layer.begin(), layer.end());
  });
  return means;
}

std::vector<float> measure_prompt_tokens(const Decoder& decoder, const std::vector<std::int64_t>& prompt,
                                         std::span<const NeuronId> neurons) {
  const std::size_t K = neurons.size();
  const ChosenNeurons chosen(neurons, decoder.arch(), decoder.group());
  std::vector<float> tokens(prompt.size() * K);
  read_neurons(decoder, prompt, [&](LayerIndex layer, const at::Tensor& a) {
    const auto places = chosen.places(layer);
    if (places.empty()) return;
    const auto view = chosen.read(layer, a.unsqueeze(0));
    for (std::size_t t = 0; t < prompt.size(); ++t) {
      for (std::size_t k = 0; k < places.size(); ++k) {
        tokens[t * K + places[k]] = view.at(0, static_cast<std::int64_t>(t), k);
      }
    }
  });
  return tokens;
}

}  // namespace neurosweep
