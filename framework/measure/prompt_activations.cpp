#include "framework/measure/prompt_activations.hpp"

#include <functional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
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

/// Columns of a layer's neurons [T, M], of which this rank may hold a part. returns [T, columns] f32
at::Tensor pick_neurons(const Decoder& decoder, const at::Tensor& a, const std::vector<std::int64_t>& columns) {
  const Piece held = neurons_of(decoder.arch());
  const at::Tensor own = to_device(at::tensor(columns, at::kLong), a.device()) - held.first;
  const at::Tensor is_held = (own >= 0).logical_and(own < held.count);
  const at::Tensor picked = a.index_select(1, own.clamp(0, held.count - 1)).to(at::kFloat);
  return sum_over_parts(decoder.group(), picked.masked_fill(is_held.logical_not(), 0));
}

std::vector<float> values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).cpu().contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

}  // namespace

std::vector<float> measure_prompt_means(const Decoder& decoder, const std::vector<std::int64_t>& prompt) {
  std::vector<float> means;
  read_neurons(decoder, prompt, [&](LayerIndex, const at::Tensor& a) {
    const at::Tensor own = a.to(at::kDouble).mean(0).to(at::kFloat);
    const auto layer = values_of(join_pieces(decoder.group(), own, decoder.arch().M));
    means.insert(means.end(), layer.begin(), layer.end());
  });
  return means;
}

std::vector<float> measure_prompt_tokens(const Decoder& decoder, const std::vector<std::int64_t>& prompt,
                                         std::span<const NeuronId> neurons) {
  const ArchSpec& arch = decoder.arch();
  const std::size_t K = neurons.size();
  for (const NeuronId& id : neurons) {
    if (to_int(id.layer) < 0 || to_int(id.layer) >= arch.L || to_int(id.neuron) < 0 || to_int(id.neuron) >= arch.M) {
      throw input_error("no neuron {}.{} in a model of {} layers with {} neurons each", to_int(id.layer),
                        to_int(id.neuron), arch.L, arch.M);
    }
  }
  std::vector<float> tokens(prompt.size() * K);
  read_neurons(decoder, prompt, [&](LayerIndex layer, const at::Tensor& a) {
    std::vector<std::int64_t> columns;
    std::vector<std::size_t> places;
    for (std::size_t k = 0; k < K; ++k) {
      if (neurons[k].layer != layer) continue;
      columns.push_back(to_int(neurons[k].neuron));
      places.push_back(k);
    }
    if (columns.empty()) return;
    const auto picked = values_of(pick_neurons(decoder, a, columns));
    for (std::size_t i = 0; i < picked.size(); ++i)
      tokens[i / places.size() * K + places[i % places.size()]] = picked[i];
  });
  return tokens;
}

}  // namespace neurosweep
