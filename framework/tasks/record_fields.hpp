#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tasks/records.hpp"

namespace neurosweep {

/// Text, or a number or boolean as text; nothing for anything else.
std::optional<std::string> scalar_text(const Json& value);

/// The scalar under the first of these keys that the record has, or nothing.
std::optional<std::string> find_text(const TaskRecord& record, std::initializer_list<std::string_view> keys);

/// The same for a field that must be there.
///   throws  Error{input} with path:line: none of the keys (with the fields found), or no scalar
std::string need_text(const TaskRecord& record, std::initializer_list<std::string_view> keys);

/// An array of texts. Throws Error{input} with path:line.
std::vector<std::string> need_list(const TaskRecord& record, std::string_view key);

/// A number in one spelling, as "51" for 51.0 and 051. Throws Error{input} with path:line where `text` is none.
std::string number_text(const TaskRecord& record, const std::string& text);

}  // namespace neurosweep
