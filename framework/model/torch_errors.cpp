#include "framework/model/torch_errors.hpp"

#include <string>

#include "framework/base/error.hpp"

namespace neurosweep {

void throw_torch_error(const char* doing, const c10::Error& cause) {
  const std::string text = cause.what_without_backtrace();
  const std::string first_line = text.substr(0, text.find('\n'));
  const bool no_memory = dynamic_cast<const c10::OutOfMemoryError*>(&cause) != nullptr ||
                         text.find("can't allocate memory") != std::string::npos;
  if (no_memory) {
    throw error(ErrorKind::device, "{}: out of memory ({}): use fewer slots, a shorter context or a smaller batch",
                doing, first_line);
  }
  const bool accelerator = dynamic_cast<const c10::AcceleratorError*>(&cause) != nullptr;
  throw error(accelerator ? ErrorKind::device : ErrorKind::internal, "{}: libtorch failed ({})", doing, first_line);
}

}  // namespace neurosweep
