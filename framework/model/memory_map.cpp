#include "framework/model/memory_map.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include <ATen/ATen.h>

namespace neurosweep {

namespace {

/// Gives advice on the whole pages in a piece of memory; it may be refused.
void advise(const void* data, std::size_t bytes, int advice) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + bytes) / page * page;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, advice);
}

}  // namespace

void release_pages(const at::Tensor& tensor) {
#if defined(MADV_PAGEOUT)
  if (tensor.defined() && tensor.is_cpu()) advise(tensor.const_data_ptr(), tensor.nbytes(), MADV_PAGEOUT);
#endif
}

void forget_pages(const void* data, std::size_t bytes) {
  advise(data, bytes, MADV_DONTNEED);
}

}  // namespace neurosweep
