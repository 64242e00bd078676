#pragma once

#include <vector>

#include "framework/model/hook.hpp"

namespace neurosweep {

/// Several hooks as one, visited in order. Does not own them.
class CompositeHook final : public ActivationHook {
 public:
  explicit CompositeHook(std::vector<ActivationHook*> hooks);  ///< null entries are left out

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;
  bool wants_predictions() const override;
  void predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) override;

 private:
  std::vector<ActivationHook*> hooks_;
};

}  // namespace neurosweep
