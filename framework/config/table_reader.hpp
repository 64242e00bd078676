#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "framework/config/tree.hpp"

namespace neurosweep {

/// Bounds of a number, inclusive.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

inline constexpr Range kAnyNumber{};
inline constexpr Range kPositive{1, 9.0e15};
inline constexpr Range kNotNegative{0, 9.0e15};

/// Reads the keys of one table into a struct. Every spec struct has one list of its keys,
/// `template <class Visitor> void visit_keys(Visitor& v)`, which reads the file and prints the help.
class TableReader {
 public:
  /// `what` names the table in messages, such as "[models.small]".
  TableReader(const ConfigNode& table, std::string what);

  template <class T>
  void required(const char* key, T& value, const char* help, Range range = kAnyNumber) {
    const ConfigNode* node = take(key);
    if (!node) fail_missing(key, help);
    read(*node, key, value, range);
  }

  template <class T>
  void optional(const char* key, T& value, const char* /*help*/, Range range = kAnyNumber) {
    if (const ConfigNode* node = take(key)) read(*node, key, value, range);
  }

  /// Throws Error{input} for the first key that was never asked for, with the nearest valid one.
  void finish() const;

 private:
  const ConfigNode* take(const char* key);
  [[noreturn]] void fail_missing(const char* key, const char* help) const;
  void read(const ConfigNode& node, const char* key, bool& value, Range) const;
  void read(const ConfigNode& node, const char* key, std::int64_t& value, Range range) const;
  void read(const ConfigNode& node, const char* key, double& value, Range range) const;
  void read(const ConfigNode& node, const char* key, std::string& value, Range) const;
  void read(const ConfigNode& node, const char* key, std::vector<std::string>& value, Range) const;
  void read(const ConfigNode& node, const char* key, std::vector<double>& value, Range range) const;
  void read(const ConfigNode& node, const char* key, std::vector<ConfigNode>& value, Range) const;  ///< tables
  void check_range(const ConfigNode& node, const char* key, double value, Range range) const;
  [[noreturn]] void fail_type(const ConfigNode& node, const char* key, const char* expected) const;

  const ConfigNode& table_;
  std::string what_;
  std::vector<std::string> known_;
};

/// Fills `spec` from a table: every key checked for name, type and range.
template <class Spec>
void read_keys(const ConfigNode& table, const std::string& what, Spec& spec) {
  TableReader reader(table, what);
  spec.visit_keys(reader);
  reader.finish();
}

/// One line per key of a spec struct: name, default and meaning.
class KeyHelp {
 public:
  template <class T>
  void required(const char* key, T&, const char* help, Range = kAnyNumber) {
    add(key, "required", help);
  }
  template <class T>
  void optional(const char* key, T& value, const char* help, Range = kAnyNumber) {
    add(key, "default " + show(value), help);
  }
  const std::string& text() const { return text_; }

 private:
  void add(const char* key, const std::string& state, const char* help);
  static std::string show(bool value);
  static std::string show(std::int64_t value);
  static std::string show(double value);
  static std::string show(const std::string& value);
  static std::string show(const std::vector<std::string>& value);
  static std::string show(const std::vector<double>& value);
  static std::string show(const std::vector<ConfigNode>& tables);

  std::string text_;
};

template <class Spec>
std::string key_help() {
  Spec defaults;
  KeyHelp help;
  defaults.visit_keys(help);
  return help.text();
}

}  // namespace neurosweep
