#include "framework/measure/aligned_samples.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/torch_errors.hpp"

namespace neurosweep {

namespace {

/// Keeps chosen tokens of one text after another.
class SampleHook final : public ActivationHook {
 public:
  SampleHook(std::span<const LayerIndex> layers, SampleKind kind, SampleSites sites) : kind_(kind), sites_(sites) {
    for (const LayerIndex layer : layers) kept_[layer];
  }

  void start_text(at::Tensor at) { at_ = std::move(at); }

  bool wants(Site site, LayerIndex layer) const override {
    const bool kept = site == Site::residual || (site == Site::neuron && sites_ == SampleSites::both);
    return kept && kept_.contains(layer);
  }

  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    if (!wants(site, layer)) return;
    at::Tensor picked = x.detach().select(0, 0).index_select(0, at_).to(at::kFloat);
    if (kind_ == SampleKind::mean) picked = picked.to(at::kDouble).mean(0, true).to(at::kFloat);
    Kept& kept = kept_.at(layer);
    (site == Site::neuron ? kept.neurons : kept.residual).push_back(std::move(picked));
  }

  std::map<LayerIndex, LayerSamples> take() {
    std::map<LayerIndex, LayerSamples> samples;
    for (auto& [layer, kept] : kept_) samples[layer] = {join(kept.neurons), join(kept.residual)};
    return samples;
  }

 private:
  struct Kept {
    std::vector<at::Tensor> neurons, residual;
  };

  /// Frees the parts: only one layer is there twice.
  static at::Tensor join(std::vector<at::Tensor>& parts) {
    if (parts.empty()) return {};
    at::Tensor all = at::cat(parts);
    parts.clear();
    return all;
  }

  SampleKind kind_;
  SampleSites sites_;
  at::Tensor at_;
  std::map<LayerIndex, Kept> kept_;
};

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> meeting_tokens(std::span<const std::int64_t> a_ends,
                                                                  std::span<const std::int64_t> b_ends) {
  std::map<std::int64_t, std::int64_t> first_of_b;
  for (std::size_t t = 0; t < b_ends.size(); ++t) {
    if (b_ends[t] > 0) first_of_b.try_emplace(b_ends[t], static_cast<std::int64_t>(t));
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  std::int64_t last = 0;
  for (std::size_t t = 0; t < a_ends.size(); ++t) {
    if (a_ends[t] <= last) continue;
    last = a_ends[t];
    const auto met = first_of_b.find(last);
    if (met != first_of_b.end()) pairs.emplace_back(static_cast<std::int64_t>(t), met->second);
  }
  return pairs;
}

void thin_observations(std::vector<ObservedText>& a, std::vector<ObservedText>& b, std::int64_t most) {
  std::int64_t n = 0;
  ensure(a.size() == b.size(), "two models read the same texts");
  for (std::size_t i = 0; i < a.size(); ++i) {
    ensure(a[i].at.size() == b[i].at.size(), "two models are observed at as many tokens of a text");
    n += std::ssize(a[i].at);
  }
  if (n <= most) return;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::int64_t> kept_a, kept_b;
    for (std::size_t k = 0; k < a[i].at.size(); ++k, ++number) {
      if (number * most / n == (number + 1) * most / n) continue;
      kept_a.push_back(a[i].at[k]);
      kept_b.push_back(b[i].at[k]);
    }
    a[i].at = std::move(kept_a);
    b[i].at = std::move(kept_b);
  }
}

std::map<LayerIndex, LayerSamples> read_samples(const Decoder& decoder, const std::vector<ObservedText>& texts,
                                                std::span<const LayerIndex> layers, SampleKind kind,
                                                SampleSites sites) {
  ensure(!layers.empty(), "samples are read of a layer at least");
  if (std::ranges::all_of(texts, [](const ObservedText& text) { return text.at.empty(); })) {
    throw input_error("there is no token at which both models have read the same text: nothing to compare");
  }
  SampleHook hook(layers, kind, sites);
  const auto end = static_cast<LayerIndex>(to_int(layers.back()) + 1);
  guard_torch("observing texts", [&] {
    const c10::NoGradGuard no_grad;
    for (const ObservedText& text : texts) {
      if (text.at.empty()) continue;
      const auto T = static_cast<std::int64_t>(text.tokens.size());
      if (T > decoder.arch().context) {
        throw input_error("a text of {} tokens is longer than the model's context of {}", T, decoder.arch().context);
      }
      hook.start_text(at::tensor(text.at, at::kLong).to(decoder.device()));
      const BatchRows rows = full_rows(1, T, T);
      decoder.run_layers(decoder.embed(padded_tokens({text.tokens}), rows), LayerIndex{0}, end, rows, &hook, nullptr);
    }
  });
  return hook.take();
}

}  // namespace neurosweep
