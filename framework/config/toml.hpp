#pragma once

#include <string>
#include <string_view>

#include "framework/config/tree.hpp"

namespace neurosweep {

/// Reads a TOML file into a tree.
///   throws  Error{io}: cannot be read; Error{input}: not TOML, with line and column
ConfigNode parse_toml(const std::string& path);

/// The same from a text; `origin` stands for the path in messages.
ConfigNode parse_toml_text(std::string_view text, const std::string& origin);

/// The right side of --set: a TOML value, or, if it is none, the text itself as a string.
ConfigNode parse_toml_value(const std::string& text, const std::string& origin);

/// Applies "table.key=value" assignments in order.
void apply_settings(ConfigNode& root, const std::vector<std::string>& assignments);

}  // namespace neurosweep
