#include "framework/config/toml.hpp"

#include <toml++/toml.h>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"

namespace neurosweep {

namespace {

ConfigNode convert(const toml::node& node, const std::string& origin) {
  const auto& begin = node.source().begin;
  ConfigNode result;
  result.place = {origin, static_cast<int>(begin.line), static_cast<int>(begin.column)};
  if (const auto* table = node.as_table()) {
    ConfigTable entries;
    for (const auto& [key, value] : *table) {
      ConfigNode entry = convert(value, origin);
      const auto& place = key.source().begin;
      if (!value.is_table() && !value.is_array_of_tables()) {
        entry.place = {origin, static_cast<int>(place.line), static_cast<int>(place.column)};
      }
      entries.emplace_back(std::string(key.str()), std::move(entry));
    }
    result.value = std::move(entries);
  } else if (const auto* array = node.as_array()) {
    ConfigArray elements;
    for (const auto& element : *array) elements.push_back(convert(element, origin));
    result.value = std::move(elements);
  } else if (const auto* text = node.as_string()) {
    result.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.value = static_cast<std::int64_t>(integer->get());
  } else if (const auto* real = node.as_floating_point()) {
    result.value = real->get();
  } else if (const auto* boolean = node.as_boolean()) {
    result.value = boolean->get();
  } else {
    throw input_error("{}: dates and times are not used here; expected a string, number, boolean, array or table",
                      to_text(result.place));
  }
  return result;
}

}  // namespace

ConfigNode parse_toml_text(std::string_view text, const std::string& origin) {
  try {
    return convert(toml::parse(text, origin), origin);
  } catch (const toml::parse_error& failure) {
    const auto& place = failure.source().begin;
    throw input_error("{}:{}:{}: not TOML ({})", origin, place.line, place.column, failure.description());
  }
}

ConfigNode parse_toml(const std::string& path) { return parse_toml_text(read_text_file(path), path); }

ConfigNode parse_toml_value(const std::string& text, const std::string& origin) {
  ConfigNode node;
  try {
    node = *parse_toml_text("value = " + text, origin).find("value");
  } catch (const Error&) {
    node.value = text;
  }
  node.place = {origin, 0, 0};
  return node;
}

void apply_settings(ConfigNode& root, const std::vector<std::string>& assignments) {
  for (const auto& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw input_error("--set {}: expected table.key=value, such as --set study.seed=3", assignment);
    }
    set_value(root, assignment.substr(0, equals),
              parse_toml_value(assignment.substr(equals + 1), "--set " + assignment));
  }
}

}  // namespace neurosweep
