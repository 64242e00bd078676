#include "framework/text/token_ends.hpp"

#include <string>

namespace neurosweep {

std::vector<std::int64_t> token_ends(const Tokenizer& tokenizer, std::span<const std::int64_t> tokens,
                                     std::string_view text) {
  std::vector<std::int64_t> ends;
  for (std::size_t t = 1; t <= tokens.size(); ++t) {
    const std::string spelled = tokenizer.decode(tokens.first(t), SkipSpecialTokens::yes);
    ends.push_back(text.starts_with(spelled) ? static_cast<std::int64_t>(spelled.size()) : -1);
  }
  return ends;
}

}  // namespace neurosweep
