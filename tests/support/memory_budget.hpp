#pragma once

#include <cstddef>
#include <cstdint>

namespace neurosweep::testing {

/// While it lives, libtorch's memory on the CPU is as scarce as a GPU's: what would bring the bytes in use above a
/// limit fails with c10::OutOfMemoryError. Only tensors count, not the kernels' own buffers.
class MemoryBudget {
 public:
  /// No limit: counts only.
  MemoryBudget();
  /// At most `bytes` beside what is in use now.
  explicit MemoryBudget(std::int64_t bytes);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  std::int64_t peak() const;      ///< most bytes in use at once, beside those at the start
  std::int64_t refusals() const;  ///< allocations that failed

 private:
  std::int64_t start_;
};

}  // namespace neurosweep::testing
