#include "framework/measure/layer_edit.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// Values of the neurons that this rank holds.
at::Tensor values_tensor(std::span<const float> values, const ArchSpec& arch, const KindInfo& kind) {
  if (!kind.needs_value) return at::zeros({1, 1});
  const auto n = static_cast<std::int64_t>(values.size());
  if (n != 1 && n != arch.L * arch.M) {
    throw input_error("a screen by '{}' got {} values: expected 1, or one for each of the model's {} neurons",
                      kind.name, n, arch.L * arch.M);
  }
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end()) {
    throw input_error("a screen's value {} is {}: expected a finite number", bad - values.begin(), *bad);
  }
  const at::Tensor flat = at::tensor(at::ArrayRef<float>(values.data(), values.size()), at::kFloat);
  const Piece held = neurons_of(arch);
  return n == 1 ? flat.view({1, 1}) : flat.view({arch.L, arch.M}).narrow(1, held.first, held.count);
}

}  // namespace

at::Tensor LayerEdit::change(LayerIndex layer, const at::Tensor& a) const {
  const at::Tensor before = a.detach().narrow(-2, begin, count);
  at::Tensor after = before.clone();
  kind.apply(after, values[values.size(0) > 1 ? to_int(layer) : 0]);
  return after.to(at::kFloat) - before.to(at::kFloat);
}

LayerEdit make_layer_edit(const Decoder& decoder, InterventionKind kind, std::span<const float> values, Span span,
                          std::int64_t prompt_length, std::int64_t T) {
  const KindInfo& info = kind_info(kind);
  const auto [begin, end] = positions_of(span, prompt_length, T);
  if (begin >= end) throw input_error("the span {} covers no fed position of the text", span_name(span));
  return {info, values_tensor(values, decoder.arch(), info).to(decoder.device()), begin, end - begin};
}

}  // namespace neurosweep
