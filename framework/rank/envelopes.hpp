#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Set of a round whose neurons have ranges.
inline constexpr const char* kEnvelopeSet = "enveloped";

struct EnvelopeOptions {
  double outside = 0;  ///< share of the replies that may go beyond a bound
  /// Activations held at once, f32. Of n replies a neuron needs about 2 (n outside + 2), or all 2 n where those are
  /// fewer; where all neurons together need more than this, replies are read again for each part of the neurons.
  std::size_t most_kept = std::size_t{1} << 26;
};

/// Writes activation_envelope of an experiment from its ranges of successful replies, for each model and task and for
/// the pool of the tasks: `low` is the quantile `outside` of the replies' least activations, `high` the quantile
/// 1 - `outside` of their largest. Replaces what it had.
///   returns  one line for each model and task without a successful reply; logged too
std::vector<std::string> reduce_envelopes(Database& db, const std::string& experiment,
                                          const std::vector<std::string>& models, const std::vector<std::string>& tasks,
                                          const EnvelopeOptions& options);

}  // namespace neurosweep
