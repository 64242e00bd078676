#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// Few columns whose weighted sum comes close to a target.
struct Pursuit {
  std::vector<std::int64_t> columns;  ///< in the order they were chosen
  std::vector<double> weights;
  double cosine = 0;  ///< of the sum with the target
};

/// Orthogonal matching pursuit: again and again the column that points most along what is left, with all weights
/// fitted anew by least squares. Ends early when nothing is left.
///   target   [D]
///   columns  [D, M]
///   most     columns chosen; cut to M and to D / 2, beyond which any columns do
///   source   Pati, Rezaiifar, Krishnaprasad 1993
Pursuit pursue(const at::Tensor& target, const at::Tensor& columns, std::int64_t most);

}  // namespace neurosweep
