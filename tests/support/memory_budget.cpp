#include "tests/support/memory_budget.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

namespace neurosweep::testing {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

std::atomic<std::int64_t> used = 0, limit = kNoLimit, highest = 0, refused = 0;

/// One allocation of the allocator beneath.
struct Block {
  c10::DataPtr memory;
  std::int64_t bytes;
};

void free_block(void* context) {
  auto* block = static_cast<Block*>(context);
  used -= block->bytes;
  delete block;
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t n) override {
    const auto bytes = static_cast<std::int64_t>(n);
    const std::int64_t now = used += bytes;
    if (now > limit) {
      used -= bytes;
      ++refused;
      C10_THROW_ERROR(OutOfMemoryError,
                      fmt::format("Pretended device out of memory. Tried to allocate {} bytes", bytes));
    }
    for (std::int64_t seen = highest; seen < now && !highest.compare_exchange_weak(seen, now);) continue;
    auto* block = new Block{c10::GetDefaultCPUAllocator()->allocate(n), bytes};
    void* const data = block->memory.get();
    return {data, block, free_block, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t n) const override { default_copy_data(to, from, n); }
};

/// Stays for the rest of the process: tensors that it made may live as long.
void install() {
  static CountingAllocator allocator;
  static const bool once = [] {
    c10::SetAllocator(c10::DeviceType::CPU, &allocator, /*priority=*/1);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

MemoryBudget::MemoryBudget() {
  install();
  start_ = used;
  highest = start_;
  refused = 0;
}

MemoryBudget::MemoryBudget(std::int64_t bytes) : MemoryBudget() {
  limit = start_ + bytes;
}

MemoryBudget::~MemoryBudget() {
  limit = kNoLimit;
}

std::int64_t MemoryBudget::peak() const {
  return highest - start_;
}

std::int64_t MemoryBudget::refusals() const {
  return refused;
}

}  // namespace neurosweep::testing
