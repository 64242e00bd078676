#pragma once

#include <string>
#include <vector>

#include "tests/support/run_program.hpp"

namespace neurosweep::testing {

/// What goes wrong in a program; see fault_shim.cpp.
struct FaultSetting {
  std::string name;  ///< "NS_FAULT", ...
  std::string value;
};

/// The words that run a program with the shim and these settings.
inline std::vector<std::string> words_with_fault(const std::vector<FaultSetting>& settings,
                                                 const std::vector<std::string>& words) {
  std::vector<std::string> all = {"env", "LD_PRELOAD=" NS_FAULT_SHIM};
  for (const auto& [name, value] : settings) all.push_back(name + "=" + value);
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

}  // namespace neurosweep::testing
