#pragma once

#include <span>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "framework/config/json.hpp"

namespace neurosweep {

/// The value of a key that must be there, in place: vocabularies are too large to copy.
const Json& require_part(const Json& object, std::string_view key, const std::string& origin);

/// A row of a table of tokenizer parts: the "type" in the file, and how to make the part from its object.
template <class Part>
struct PartKind {
  const char* type;
  Part (*make)(const Json& spec, const std::string& origin);
};

/// Makes the part whose "type" the object states.
///   throws  Error{input}: a type without a row, with the types that have one
template <class Part>
Part make_part(std::span<const PartKind<Part>> kinds, const Json& spec, const std::string& origin) {
  const auto type = require<std::string>(spec, "type", origin);
  std::vector<std::string> types;
  for (const PartKind<Part>& kind : kinds) {
    if (kind.type == type) return kind.make(spec, origin);
    types.push_back(kind.type);
  }
  throw input_error("{}: type '{}' is not supported: supported are {}", origin, type, fmt::join(types, ", "));
}

/// The objects of a "Sequence" part, each turned into a part.
template <class Part>
std::vector<Part> make_parts(Part (*make)(const Json&, const std::string&), const Json& spec, const char* key,
                             const std::string& origin) {
  const Json& list = require_part(spec, key, origin);
  if (!list.is_array()) throw input_error("{}: key '{}' must be an array, found {}", origin, key, list.type_name());
  std::vector<Part> parts;
  for (const Json& item : list) parts.push_back(make(item, fmt::format("{}.{}[{}]", origin, key, parts.size())));
  return parts;
}

/// The regular expression of a part's "pattern", {"String": ...} or {"Regex": ...}.
std::string pattern_of(const Json& spec, const std::string& origin);

}  // namespace neurosweep
