#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/base/error.hpp"

namespace neurosweep {

/// A JSON value; objects keep the order of their keys.
using Json = nlohmann::ordered_json;

/// Parses one JSON text in linear time, whatever the number of keys.
///   origin  what the messages start with: a path, or "path:line" for a line of a JSONL file
///   throws  Error{input}: not JSON (with line and column), a key twice in one object, or too deep
Json parse_json(std::string_view text, std::string_view origin);

/// Parses a file. Throws Error{io} when it cannot be read, else as parse_json.
Json read_json(const std::string& path);

/// Compact text of a value, or indented when indent > 0; invalid UTF-8 is replaced by U+FFFD.
std::string json_text(const Json& value, int indent = 0);

/// The member of an object, or null where it is absent or JSON null. Linear in the number of keys.
///   throws  Error{input} when `object` is not an object
const Json* find_key(const Json& object, std::string_view key, std::string_view origin);

/// The value as a T: bool, std::int64_t, double (an integer will do), std::string, or Json (anything).
///   key     the name the message uses
///   throws  Error{input}: expected and found type
template <class T>
T json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
bool json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
std::int64_t json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
double json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
std::string json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
Json json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
std::vector<std::int64_t> json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
std::vector<double> json_as(const Json& value, std::string_view key, std::string_view origin);
template <>
std::vector<std::string> json_as(const Json& value, std::string_view key, std::string_view origin);

/// Throws Error{input}: "ORIGIN: missing key 'KEY'".
[[noreturn]] void throw_missing_key(std::string_view key, std::string_view origin);

/// The value of a key that must be there and not null.
template <class T>
T require(const Json& object, std::string_view key, std::string_view origin) {
  const Json* value = find_key(object, key, origin);
  if (!value) throw_missing_key(key, origin);
  return json_as<T>(*value, key, origin);
}

/// The value of a key, or the fallback where it is absent or null; a value of another type is still an error.
template <class T>
T optional_or(const Json& object, std::string_view key, std::type_identity_t<T> fallback, std::string_view origin) {
  const Json* value = find_key(object, key, origin);
  return value ? json_as<T>(*value, key, origin) : fallback;
}

}  // namespace neurosweep
