#include "framework/base/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <string_view>
#include <utility>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 10> kUnits = {{{"", 1},
                                                                         {"B", 1},
                                                                         {"KB", 1e3},
                                                                         {"MB", 1e6},
                                                                         {"GB", 1e9},
                                                                         {"TB", 1e12},
                                                                         {"KiB", 0x1p10},
                                                                         {"MiB", 0x1p20},
                                                                         {"GiB", 0x1p30},
                                                                         {"TiB", 0x1p40}}};

}  // namespace

std::int64_t parse_bytes(const std::string& text) {
  const auto fail = [&] {
    return input_error("'{}' is no amount of memory: write it like \"8GiB\", \"512MiB\" or \"2GB\"", text);
  };
  std::size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception&) {
    throw fail();
  }
  const std::string unit = text.substr(std::min(text.find_first_not_of(' ', end), text.size()));
  const auto found = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& each) { return each.first == unit; });
  if (found == kUnits.end()) throw fail();
  const double bytes = number * found->second;
  if (!std::isfinite(bytes) || bytes < 1 || bytes > 0x1p62) throw fail();
  return static_cast<std::int64_t>(bytes);
}

std::string bytes_text(std::int64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (number >= 0x1p30) return fmt::format("{:.2f} GiB", number / 0x1p30);
  if (number >= 0x1p20) return fmt::format("{:.1f} MiB", number / 0x1p20);
  return fmt::format("{} bytes", bytes);
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace neurosweep
