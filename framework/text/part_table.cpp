#include "framework/text/part_table.hpp"

#include "framework/text/regex.hpp"

namespace neurosweep {

const Json& require_part(const Json& object, std::string_view key, const std::string& origin) {
  const Json* part = find_key(object, key, origin);
  if (!part) throw_missing_key(key, origin);
  return *part;
}

std::string pattern_of(const Json& spec, const std::string& origin) {
  const Json& pattern = require_part(spec, "pattern", origin);
  if (find_key(pattern, "Regex", origin)) return require<std::string>(pattern, "Regex", origin);
  return literal_pattern(require<std::string>(pattern, "String", origin));
}

}  // namespace neurosweep
