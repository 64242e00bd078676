#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/config/json.hpp"

namespace neurosweep {

using TokenId = std::int32_t;

/// The tokens of a model: spelling to id and back.
class Vocabulary {
 public:
  Vocabulary() = default;

  /// Reads the "vocab" object of a model.
  ///   throws  Error{input}: an id that is no integer, or as add() does
  Vocabulary(const Json& spec, const std::string& origin);

  /// Adds a token. Throws Error{input} when the id is out of range, or the spelling or the id is taken by another.
  void add(const std::string& token, std::int64_t id, const std::string& origin);

  std::optional<TokenId> find(std::string_view token) const;
  const std::string* text(std::int64_t id) const;                                 ///< null where no token has this id
  std::int64_t size() const { return static_cast<std::int64_t>(texts_.size()); }  ///< highest id + 1

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, TokenId, Hash, std::equal_to<>> ids_;
  std::vector<std::optional<std::string>> texts_;
};

}  // namespace neurosweep
