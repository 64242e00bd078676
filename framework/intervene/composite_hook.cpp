#include "framework/intervene/composite_hook.hpp"

#include <algorithm>
#include <utility>

namespace neurosweep {

CompositeHook::CompositeHook(std::vector<ActivationHook*> hooks) : hooks_(std::move(hooks)) {
  std::erase(hooks_, nullptr);
}

bool CompositeHook::wants(Site site, LayerIndex layer) const {
  return std::any_of(hooks_.begin(), hooks_.end(), [&](const auto* hook) { return hook->wants(site, layer); });
}

void CompositeHook::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  for (auto* hook : hooks_) {
    if (hook->wants(site, layer)) hook->visit(site, layer, x, rows);
  }
}

bool CompositeHook::forget(const std::vector<std::int64_t>& sequences) {
  return std::all_of(hooks_.begin(), hooks_.end(), [&](auto* hook) { return hook->forget(sequences); });
}

bool CompositeHook::wants_predictions() const {
  return std::any_of(hooks_.begin(), hooks_.end(), [](const auto* hook) { return hook->wants_predictions(); });
}

void CompositeHook::predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) {
  for (auto* hook : hooks_) {
    if (hook->wants_predictions()) hook->predicted(logits, sequences);
  }
}

}  // namespace neurosweep
