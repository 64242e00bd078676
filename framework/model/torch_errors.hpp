#pragma once

#include <exception>
#include <utility>

#include <c10/util/Exception.h>

namespace neurosweep {

/// The Error for a libtorch failure: device when memory ran out or an accelerator failed, else internal.
[[noreturn]] void throw_torch_error(const char* doing, const c10::Error& cause);

/// Runs `body` and turns what libtorch throws into Error.
///   doing  what failed, for the message: "running the decoder"
template <class Body>
auto guard_torch(const char* doing, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const c10::Error& cause) {
    throw_torch_error(doing, cause);
  }
}

}  // namespace neurosweep
