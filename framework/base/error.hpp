#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace neurosweep {

/// What went wrong, in the terms a caller or a batch system can act on.
enum class ErrorKind {
  input,     ///< bad command line, study, model, task or token input
  io,        ///< a file could not be read or written
  store,     ///< a shard or a result database is damaged, foreign or of another schema version
  mpi,       ///< the message layer failed
  device,    ///< an accelerator failed or ran out of memory
  internal,  ///< a bug in neurosweep
};

/// Exit statuses of every program, stable across versions.
namespace exit_status {
inline constexpr int kComplete = 0;
inline constexpr int kInput = 2;        ///< usage or bad input
inline constexpr int kFailedUnits = 3;  ///< finished, but some units failed
inline constexpr int kIo = 4;
inline constexpr int kStore = 5;
inline constexpr int kMpi = 6;
inline constexpr int kDevice = 7;
inline constexpr int kInternal = 70;
inline constexpr int kCheckpointed = 85;  ///< stopped on request; run again to go on
}  // namespace exit_status

/// The only exception type: one line of "problem (why): suggestion" and a kind.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// The status a program ends with after an error of this kind.
int exit_code(ErrorKind kind);

/// "input", "io", ...
const char* kind_name(ErrorKind kind);

/// Error{kind} with a formatted message: throw error(ErrorKind::io, "{}: cannot open ({})", path, why).
template <class... Args>
Error error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
Error input_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::input, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error{internal} when a condition that only a bug can break does not hold.
void ensure(bool condition, const char* what);

/// Text of the current errno, as "No space left on device".
std::string errno_text();

/// The candidate nearest to `word` by edit distance, or "" when none is near.
template <class Range>
std::string nearest(const std::string& word, const Range& candidates);

int edit_distance(const std::string& a, const std::string& b);

template <class Range>
std::string nearest(const std::string& word, const Range& candidates) {
  std::string best;
  int best_distance = 1 + static_cast<int>(word.size()) / 2;
  for (const auto& candidate : candidates) {
    const std::string text(candidate);
    const int distance = edit_distance(word, text);
    if (distance < best_distance) {
      best_distance = distance;
      best = text;
    }
  }
  return best;
}

}  // namespace neurosweep
