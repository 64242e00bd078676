#include "framework/text/vocabulary.hpp"

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

// An id beyond this is a corrupt file, not a vocabulary.
constexpr std::int64_t kMaxId = 10'000'000;

}  // namespace

Vocabulary::Vocabulary(const Json& spec, const std::string& origin) {
  if (!spec.is_object()) throw input_error("{}: must be an object of token to id, found {}", origin, spec.type_name());
  ids_.reserve(spec.size());
  for (const auto& [token, value] : spec.items()) {
    const auto id = json_as<std::int64_t>(value, token, origin);
    if (id < 0 || id > kMaxId)
      throw input_error("{}: id {} of token '{}' is not in [0, {}]", origin, id, token, kMaxId);
    add(token, static_cast<TokenId>(id), origin);
  }
}

void Vocabulary::add(const std::string& token, std::int64_t id, const std::string& origin) {
  if (id < 0 || id > kMaxId) throw input_error("{}: id {} of token '{}' is not in [0, {}]", origin, id, token, kMaxId);
  const auto [found, is_new] = ids_.emplace(token, static_cast<TokenId>(id));
  if (!is_new && found->second != id) {
    throw input_error("{}: token '{}' has two ids, {} and {}", origin, token, found->second, id);
  }
  const auto index = static_cast<std::size_t>(id);
  if (index >= texts_.size()) texts_.resize(index + 1);
  if (texts_[index] && *texts_[index] != token) {
    throw input_error("{}: id {} stands for two tokens, '{}' and '{}'", origin, id, *texts_[index], token);
  }
  texts_[index] = token;
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string* Vocabulary::text(std::int64_t id) const {
  if (id < 0 || id >= size()) return nullptr;
  const auto& text = texts_[static_cast<std::size_t>(id)];
  return text ? &*text : nullptr;
}

}  // namespace neurosweep
