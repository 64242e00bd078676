#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>

#include <c10/util/Exception.h>

#include "framework/base/error.hpp"

namespace neurosweep {

/// Memory of a device, or of the host, ran out: Error{device}. What was done is undone, and may be done in smaller
/// parts.
class OutOfMemory : public Error {
 public:
  ///   doing  what failed: "running the decoder"
  ///   why    what the allocator says
  OutOfMemory(const std::string& doing, std::string why);
  const std::string& why() const { return why_; }

 private:
  std::string why_;
};

/// The Error for a libtorch failure: OutOfMemory, device when an accelerator failed, else internal.
[[noreturn]] void throw_torch_error(const char* doing, const c10::Error& cause);

/// Runs `body` and turns what libtorch throws into Error, and an allocation that failed into OutOfMemory.
///   doing  what failed, for the message: "running the decoder"
template <class Body>
auto guard_torch(const char* doing, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const c10::Error& cause) {
    throw_torch_error(doing, cause);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(doing, "the host has no memory left for this process");
  }
}

}  // namespace neurosweep
