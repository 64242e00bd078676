#include "framework/config/table_reader.hpp"

#include <algorithm>

#include "framework/base/error.hpp"

namespace neurosweep {

TableReader::TableReader(const ConfigNode& table, std::string what) : table_(table), what_(std::move(what)) {
  if (!table.is_table()) {
    throw input_error("{}: {} must be a table, found {}", to_text(table.place), what_, table.type_name());
  }
}

const ConfigNode* TableReader::take(const char* key) {
  known_.emplace_back(key);
  return table_.find(key);
}

void TableReader::finish() const {
  for (const auto& [key, node] : std::get<ConfigTable>(table_.value)) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string guess = nearest(key, known_);
    throw input_error("{}: unknown key '{}' in {}{}", to_text(node.place), key, what_,
                      guess.empty() ? fmt::format(" (valid: {})", fmt::join(known_, ", "))
                                    : fmt::format("; did you mean '{}'?", guess));
  }
}

void TableReader::fail_missing(const char* key, const char* help) const {
  throw input_error("{}: {} lacks the key '{}' ({})", to_text(table_.place), what_, key, help);
}

void TableReader::fail_type(const ConfigNode& node, const char* key, const char* expected) const {
  throw input_error("{}: '{}' in {} must be {}, found {}", to_text(node.place), key, what_, expected, node.type_name());
}

void TableReader::check_range(const ConfigNode& node, const char* key, double value, Range range) const {
  if (value >= range.low && value <= range.high) return;
  throw input_error("{}: '{}' in {} must be {}, found {}", to_text(node.place), key, what_,
                    range.high >= kPositive.high ? fmt::format("at least {}", range.low)
                                                 : fmt::format("between {} and {}", range.low, range.high),
                    value);
}

void TableReader::read(const ConfigNode& node, const char* key, bool& value, Range) const {
  const auto* found = std::get_if<bool>(&node.value);
  if (!found) fail_type(node, key, "true or false");
  value = *found;
}

void TableReader::read(const ConfigNode& node, const char* key, std::int64_t& value, Range range) const {
  const auto* found = std::get_if<std::int64_t>(&node.value);
  if (!found) fail_type(node, key, "an integer");
  check_range(node, key, static_cast<double>(*found), range);
  value = *found;
}

void TableReader::read(const ConfigNode& node, const char* key, double& value, Range range) const {
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) {
    value = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    value = *real;
  } else {
    fail_type(node, key, "a number");
  }
  check_range(node, key, value, range);
}

void TableReader::read(const ConfigNode& node, const char* key, std::string& value, Range) const {
  const auto* found = std::get_if<std::string>(&node.value);
  if (!found) fail_type(node, key, "a string");
  value = *found;
}

void TableReader::read(const ConfigNode& node, const char* key, std::vector<std::string>& value, Range) const {
  const auto* found = std::get_if<ConfigArray>(&node.value);
  if (!found) fail_type(node, key, "an array of strings");
  value.clear();
  for (const auto& element : *found) {
    const auto* text = std::get_if<std::string>(&element.value);
    if (!text) fail_type(element, key, "an array of strings");
    value.push_back(*text);
  }
}

void TableReader::read(const ConfigNode& node, const char* key, std::vector<double>& value, Range range) const {
  const auto* found = std::get_if<ConfigArray>(&node.value);
  if (!found) fail_type(node, key, "an array of numbers");
  value.clear();
  for (const auto& element : *found) read(element, key, value.emplace_back(), range);
}

void TableReader::read(const ConfigNode& node, const char* key, std::vector<ConfigNode>& value, Range) const {
  const auto* found = std::get_if<ConfigArray>(&node.value);
  if (!found) fail_type(node, key, "an array of tables");
  value.clear();
  for (const auto& element : *found) {
    if (!element.is_table()) fail_type(element, key, "an array of tables");
    value.push_back(element);
  }
}

void KeyHelp::add(const char* key, const std::string& state, const char* help) {
  text_ += fmt::format("  {:<18} {:<22} {}\n", key, state, help);
}

std::string KeyHelp::show(bool value) {
  return value ? "true" : "false";
}
std::string KeyHelp::show(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string KeyHelp::show(double value) {
  return fmt::format("{}", value);
}
std::string KeyHelp::show(const std::string& value) {
  std::string escaped;
  for (char c : value) escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  return "\"" + escaped + "\"";
}
std::string KeyHelp::show(const std::vector<std::string>& value) {
  return fmt::format("[{}]", fmt::join(value, ", "));
}

std::string KeyHelp::show(const std::vector<double>& value) {
  return fmt::format("[{}]", fmt::join(value, ", "));
}
std::string KeyHelp::show(const std::vector<ConfigNode>& tables) {
  return fmt::format("{} tables", tables.empty() ? "no" : "some");
}

}  // namespace neurosweep
