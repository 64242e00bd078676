#include "framework/model/memory_map.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include <ATen/ATen.h>

namespace neurosweep {

void release_pages(const at::Tensor& tensor) {
#if defined(MADV_PAGEOUT)
  if (!tensor.defined() || !tensor.is_cpu()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + tensor.nbytes()) / page * page;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_PAGEOUT);  // advice: may be refused
#endif
}

}  // namespace neurosweep
