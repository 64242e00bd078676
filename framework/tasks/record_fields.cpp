#include "framework/tasks/record_fields.hpp"

#include <fmt/ranges.h>

#include "framework/tasks/number.hpp"

namespace neurosweep {

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return json_text(value);
  return std::nullopt;
}

std::optional<std::string> find_text(const TaskRecord& record, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const auto found = record.object.find(key);
    if (found == record.object.end() || found->is_null()) continue;
    if (auto text = scalar_text(*found)) return text;
    throw input_error("{}: field '{}' must be text, a number or a boolean, found {}", record.place, key,
                      found->type_name());
  }
  return std::nullopt;
}

std::string need_text(const TaskRecord& record, std::initializer_list<std::string_view> keys) {
  if (auto text = find_text(record, keys)) return *text;
  std::vector<std::string> names;
  for (const auto& [key, value] : record.object.items()) names.push_back(key);
  throw input_error("{}: no field '{}' (fields: {}): name the right field or format in the task's settings",
                    record.place, *keys.begin(), fmt::join(names, ", "));
}

std::vector<std::string> need_list(const TaskRecord& record, std::string_view key) {
  return require<std::vector<std::string>>(record.object, key, record.place);
}

std::string number_text(const TaskRecord& record, const std::string& text) {
  const auto number = whole_number(text);
  if (!number) throw input_error("{}: the answer '{}' is not a number", record.place, text);
  return to_text(*number);
}

}  // namespace neurosweep
