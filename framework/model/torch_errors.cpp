#include "framework/model/torch_errors.hpp"

namespace neurosweep {

namespace {

/// The part of an allocator's message that says how much was asked for and how much there is: the CUDA allocator goes
/// on with advice about its settings.
std::string amounts_in(const std::string& message) {
  constexpr std::string_view kLastFact = " is free.";
  const std::size_t end = message.find(kLastFact);
  return end == std::string::npos ? message : message.substr(0, end + kLastFact.size() - 1);
}

}  // namespace

OutOfMemory::OutOfMemory(const std::string& doing, std::string why)
    : Error(ErrorKind::device,
            fmt::format("{}: out of memory ({}): use fewer slots, a shorter context or a smaller batch", doing, why)),
      why_(std::move(why)) {}

void throw_torch_error(const char* doing, const c10::Error& cause) {
  const std::string text = cause.what_without_backtrace();
  const std::string first_line = text.substr(0, text.find('\n'));
  const bool no_memory = dynamic_cast<const c10::OutOfMemoryError*>(&cause) != nullptr ||
                         text.find("can't allocate memory") != std::string::npos;
  if (no_memory) throw OutOfMemory(doing, amounts_in(first_line));
  const bool accelerator = dynamic_cast<const c10::AcceleratorError*>(&cause) != nullptr;
  throw error(accelerator ? ErrorKind::device : ErrorKind::internal, "{}: libtorch failed ({})", doing, first_line);
}

}  // namespace neurosweep
