#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace neurosweep {

struct ConfigNode;
using ConfigArray = std::vector<ConfigNode>;
using ConfigTable = std::vector<std::pair<std::string, ConfigNode>>;  ///< in file order

/// Where a value was written, for messages: "study.toml:12:3".
struct SourcePlace {
  std::string origin;  ///< file path, or "--set"
  int line = 0;        ///< 1-based; 0: unknown
  int column = 0;
};

std::string to_text(const SourcePlace& place);

/// A configuration value with its place in the file. Free of the parser that made it.
struct ConfigNode {
  std::variant<bool, std::int64_t, double, std::string, ConfigArray, ConfigTable> value;
  SourcePlace place;

  const char* type_name() const;  ///< "boolean", "integer", "number", "string", "array", "table"
  bool is_table() const { return std::holds_alternative<ConfigTable>(value); }
  const ConfigNode* find(const std::string& key) const;  ///< member of a table, or null
};

/// Canonical text of a tree: keys sorted, numbers in full precision; equal for equal content whatever the layout.
std::string canonical_text(const ConfigNode& node);

/// Sets the value at a dotted path ("experiments.attempts.items"), making tables on the way; arrays of tables are
/// entered by the `name` key of their elements (`kind` where there is none) or by index.
///   throws  Error{input} when the path enters a value that is no table, or an array without such an element
void set_value(ConfigNode& root, const std::string& path, ConfigNode value);

}  // namespace neurosweep
