#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// How the residual stream h^0 (the embedding), h^1, ..., h^L moves through the layers, mean over tokens.
struct TraceGeometry {
  std::int64_t n_tokens = 0;
  double magnitude = 0;  ///< mean over l of |h^(l+1) - h^l|, over |h^L - h^0| + 1e-6
  double angle = 0;      ///< mean over l of the angle of h^l and h^(l+1), over that of h^0 and h^L + 1e-6
};

/// Geometry of each sequence over its generated tokens that were fed through the model, streamed in f64: memory does
/// not grow with the length of a trace. h^0 is what layer 0 adds taken from its output. For forwards that run all
/// layers; what other hooks before it change at a site is seen as changed.
///   source  arXiv:2601.19847 appendix D
class Trajectory final : public ActivationHook {
 public:
  explicit Trajectory(const ArchSpec& arch) : L_(arch.L) {}

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;

  /// Geometry of a sequence; n_tokens = 0 when no generated token of it was seen.
  TraceGeometry of(std::int64_t sequence) const;

 private:
  void start_forward(const BatchRows& rows, const at::Tensor& x);
  void step(LayerIndex layer, const at::Tensor& h);
  void finish_tokens(const at::Tensor& h);

  std::int64_t L_;
  std::unordered_map<std::int64_t, TraceGeometry> sums_;
  std::vector<std::int64_t> sequences_;  ///< [n] of the forward's generated tokens
  at::Tensor columns_;                   ///< [n] their columns in the flattened batch
  at::Tensor added_, start_, previous_;  ///< [n, D] f64: by layer 0, h^0, h^l
  at::Tensor length_, turn_;             ///< [n] f64: sums over layers
};

}  // namespace neurosweep
