#include "framework/store/unit_difference.hpp"

#include <bit>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace neurosweep {

namespace {

constexpr std::size_t kLongestText = 60;

std::string shown(std::int64_t value) {
  return std::to_string(value);
}

std::string shown(double value) {
  return fmt::format("{:.17g}", value);
}

std::string shown(const std::string& value) {
  return value.size() <= kLongestText ? fmt::format("'{}'", value)
                                      : fmt::format("'{}'...", value.substr(0, kLongestText));
}

template <class T>
std::string shown(const std::optional<T>& value) {
  return value ? shown(*value) : "NULL";
}

template <class T>
std::string compare(const char* name, const T& a, const T& b) {
  return a == b ? "" : fmt::format("{} is {} and {}", name, shown(a), shown(b));
}

std::string compare(const char* name, const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return fmt::format("{} has {} and {} values", name, a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i])) continue;
    return fmt::format("{}[{}] is {:.9g} and {:.9g}", name, i, a[i], b[i]);
  }
  return "";
}

// Calls visit(name, value of a, value of b) for every field: the two lists of a row type run in step.
template <class Row, class Visit>
void for_each_pair(const Row& a, const Row& b, Visit&& visit) {
  int wanted = 0;
  Row::fields(a, [&](const char* name, const auto& left) {
    int at = 0;
    Row::fields(b, [&](const char*, const auto& right) {
      if constexpr (std::is_same_v<decltype(left), decltype(right)>) {
        if (at == wanted) visit(name, left, right);
      }
      ++at;
    });
    ++wanted;
  });
}

template <class Row>
std::string compare_rows(const std::vector<Row>& a, const std::vector<Row>& b) {
  if (a.size() != b.size()) return fmt::format("{} has {} and {} rows", Row::kTable, a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::string found;
    for_each_pair(a[i], b[i], [&](const char* name, const auto& left, const auto& right) {
      if (found.empty()) found = compare(name, left, right);
    });
    if (!found.empty()) return fmt::format("{} {}: {}", Row::kTable, a[i].seq, found);
  }
  return "";
}

}  // namespace

std::string describe_difference(const UnitRows& first, const UnitRows& second) {
  std::string found;
  for_each_table<MeasuredTables>([&]<class Row>() {
    if (found.empty()) found = compare_rows(first.get<Row>(), second.get<Row>());
  });
  return found;
}

}  // namespace neurosweep
