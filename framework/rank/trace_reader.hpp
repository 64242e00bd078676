#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// What pairing and probing need to know of a trace.
struct TraceKey {
  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string task;
  std::string item;
  std::int64_t attempt = 0;
  std::int64_t correct = 0;  ///< 0 or 1
};

/// A model of the store. Error{input} when it has none of that name.
ModelRow read_model(const Database& db, const std::string& name);

/// Traces of a model in a trace experiment, on any of `tasks`, that have finite values in `table`; in store order.
///   table  "activation_mean" or "activation_last"
std::vector<TraceKey> read_traces(const Database& db, const std::string& experiment, const std::string& model,
                                  const std::vector<std::string>& tasks, const std::string& table);

/// Mean activations of a trace, [L*M].
///   expected  neurons of the model
///   throws    Error{store} when the trace has another number of them
std::vector<float> read_means(const Database& db, const TraceKey& key, std::int64_t expected);

}  // namespace neurosweep
