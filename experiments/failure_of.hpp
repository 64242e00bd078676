#pragma once

#include <exception>
#include <new>
#include <optional>
#include <string>

#include "framework/base/error.hpp"

namespace neurosweep {

/// What `action` throws, as one line; nothing when it ends well.
template <class Action>
std::optional<Error> failure_of(Action&& action) {
  try {
    action();
  } catch (const Error& thrown) {
    return thrown;
  } catch (const std::bad_alloc&) {
    return error(ErrorKind::device, "out of memory: the host has none left for this process; use fewer ranks");
  } catch (const std::exception& thrown) {
    const std::string text = thrown.what();
    return Error(ErrorKind::internal, text.substr(0, text.find('\n')));
  }
  return std::nullopt;
}

}  // namespace neurosweep
