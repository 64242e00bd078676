#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "cluster/comm.hpp"

namespace neurosweep::testing {

inline std::vector<std::int64_t> numbered(std::int64_t count) {
  std::vector<std::int64_t> units(static_cast<std::size_t>(count));
  std::iota(units.begin(), units.end(), 0);
  return units;
}

/// On rank 0 the units of all ranks, elsewhere nothing.
inline std::vector<std::int64_t> gather_units(const Comm& comm, const std::vector<std::int64_t>& mine) {
  const auto* bytes = reinterpret_cast<const char*>(mine.data());
  std::vector<std::int64_t> all;
  for (const std::string& part : comm.gather(std::string(bytes, mine.size() * sizeof(std::int64_t)))) {
    for (std::size_t offset = 0; offset < part.size(); offset += sizeof(std::int64_t)) {
      std::int64_t unit = 0;
      part.copy(reinterpret_cast<char*>(&unit), sizeof unit, offset);
      all.push_back(unit);
    }
  }
  return all;
}

}  // namespace neurosweep::testing
