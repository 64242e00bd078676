#pragma once

#include <cstdint>
#include <vector>

#include <c10/core/Device.h>

#include "framework/model/hook.hpp"
#include "framework/model/model_group.hpp"
#include "framework/model/torch_errors.hpp"

namespace neurosweep {

/// Work that goes in batches, for messages.
struct BatchedWork {
  const char* doing;  ///< "sweeping"
  const char* rows;   ///< what a batch is made of: "arms"
  c10::Device device;
  const ModelGroup* group = nullptr;  ///< of the decoder: the others of a group cannot follow a smaller batch
};

/// Gives memory that libtorch keeps for reuse back to the device. The host keeps none.
void release_cached_memory(c10::Device device);

/// Half of a batch that ran out of memory, with a line in the log at the first of its size in this process.
///   throws  Error{device} for a batch of one row, or in a group: what, how much, and what to do
std::int64_t halve_batch(const BatchedWork& work, std::int64_t rows, const OutOfMemory& failure);

/// Makes a hook forget sequences of which a forward ran out of memory.
///   hook    may be null
///   throws  Error{device} when it cannot
void forget_sequences(ActivationHook* hook, const std::vector<std::int64_t>& sequences);

/// Runs `body(rows)` and, whenever it runs out of memory, again with half as many rows, down to 1. The body goes on
/// where it stopped, or starts again.
///   throws  Error{device} when not even one row fits
template <class Body>
auto fit_memory(const BatchedWork& work, std::int64_t rows, Body&& body) {
  while (true) {
    try {
      return guard_torch(work.doing, [&] { return body(rows); });
    } catch (const OutOfMemory& failure) {
      rows = halve_batch(work, rows, failure);
    }
  }
}

}  // namespace neurosweep
