#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// A word behind `neurosweep`, with its own options.
struct Verb {
  std::string_view name;
  std::string_view summary;
  int (*run)(const std::vector<std::string>& words);  ///< returns the exit status; throws Error
};

/// Verbs without libtorch, in the front door itself.
std::span<const Verb> front_verbs();

/// Verbs of neurosweep-engine.
std::span<const Verb> engine_verbs();

/// Runs the verb that the words begin with; prints an Error as one line and returns its status.
int run_verb(std::span<const Verb> verbs, const std::vector<std::string>& words);

}  // namespace neurosweep
