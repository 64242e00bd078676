#include "framework/model/fit_memory.hpp"

#include <mutex>
#include <set>
#include <string>
#include <tuple>

#include <c10/core/CachingDeviceAllocator.h>

#include "framework/base/log.hpp"

namespace neurosweep {

namespace {

/// True for the first batch of its work, device and size.
bool is_first(const BatchedWork& work, std::int64_t rows) {
  static std::mutex mutex;
  static std::set<std::tuple<std::string, std::string, std::int64_t>> told;
  const std::lock_guard lock(mutex);
  return told.emplace(work.doing, work.device.str(), rows).second;
}

}  // namespace

void release_cached_memory(c10::Device device) {
  if (!device.is_cuda()) return;
  c10::DeviceAllocator* const allocator = c10::getDeviceAllocator(device.type());
  if (allocator->initialized()) allocator->emptyCache();
}

std::int64_t halve_batch(const BatchedWork& work, std::int64_t rows, const OutOfMemory& failure) {
  if (rows <= 1) {
    throw error(ErrorKind::device,
                "{}: out of memory on {} even with a batch of one ({}): use dtype = \"bfloat16\", shorter texts, more "
                "ranks for a model, or a device with more memory",
                work.doing, work.device.str(), failure.why());
  }
  release_cached_memory(work.device);
  if (work.group != nullptr) {
    throw error(ErrorKind::device,
                "{}: out of memory on {} with a batch of {} {} ({}): the ranks that hold a model together do not make "
                "batches smaller by themselves; set smaller `rows` or `slots`, or more ranks_per_model",
                work.doing, work.device.str(), rows, work.rows, failure.why());
  }
  const std::int64_t half = rows / 2;
  if (is_first(work, rows)) {
    log_warning("{}: a batch of {} {} does not fit into the memory of {} ({}): going on with {}", work.doing, rows,
                work.rows, work.device.str(), failure.why(), half);
  }
  return half;
}

void forget_sequences(ActivationHook* hook, const std::vector<std::int64_t>& sequences) {
  if (hook == nullptr || hook->forget(sequences)) return;
  throw error(ErrorKind::device,
              "out of memory, and what reads the activations here cannot start again: use a smaller batch");
}

}  // namespace neurosweep
