#pragma once

#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Set of a round whose neurons have ranges.
inline constexpr const char* kEnvelopeSet = "enveloped";

/// Writes activation_envelope of an experiment from its ranges of successful replies, for each model and task and for
/// the pool of the tasks: `low` is the quantile `outside` of the replies' least activations, `high` the quantile
/// 1 - `outside` of their largest. Replaces what it had.
///   returns  one line for each model and task without a successful reply; logged too
std::vector<std::string> reduce_envelopes(Database& db, const std::string& experiment,
                                          const std::vector<std::string>& models, const std::vector<std::string>& tasks,
                                          double outside);

}  // namespace neurosweep
