#include "framework/measure/reference_text.hpp"

#include <algorithm>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// Index of the first token that holds a character of the last occurrence of `answer` in `completion`.
std::int64_t first_answer_token(const Tokenizer& tokenizer, const std::string& completion,
                                const std::vector<std::int64_t>& tokens, const std::string& answer) {
  const std::size_t at = answer.empty() ? std::string::npos : completion.rfind(answer);
  if (at == std::string::npos) return 0;
  const auto before = tokenizer.encode(completion.substr(0, at), AddSpecialTokens::no);
  const auto differs = std::mismatch(before.begin(), before.end(), tokens.begin(), tokens.end());
  return differs.second - tokens.begin();
}

}  // namespace

ReferenceText make_reference(const Tokenizer& tokenizer, const std::string& prompt, const std::string& completion,
                             const std::string& answer, std::int64_t eos, std::int64_t context,
                             const std::string& what) {
  ReferenceText text;
  text.tokens = tokenizer.encode(prompt, AddSpecialTokens::yes);
  text.prompt_length = static_cast<std::int64_t>(text.tokens.size());
  const auto target = tokenizer.encode(completion, AddSpecialTokens::no);
  if (text.tokens.empty() || target.empty()) {
    throw input_error("{}: the {} has no tokens", what, text.tokens.empty() ? "prompt" : "target");
  }
  text.answer_begin = text.prompt_length + first_answer_token(tokenizer, completion, target, answer);
  text.tokens.insert(text.tokens.end(), target.begin(), target.end());
  if (eos >= 0) text.tokens.push_back(eos);
  const auto length = static_cast<std::int64_t>(text.tokens.size());
  if (length > context) {
    throw input_error("{}: prompt and target have {} tokens, the model's context has {}; choose shorter items", what,
                      length, context);
  }
  return text;
}

std::optional<std::int64_t> find_answer_token(const Tokenizer& tokenizer, const std::vector<std::int64_t>& tokens,
                                              const std::string& completion, const std::optional<std::string>& answer) {
  if (!answer || answer->empty()) return std::nullopt;
  const std::size_t at = completion.rfind(*answer);
  if (at == std::string::npos) return std::nullopt;
  // The longest run of tokens whose text ends at or before the answer.
  std::int64_t low = 0, high = static_cast<std::int64_t>(tokens.size());
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    const std::span<const std::int64_t> first(tokens.data(), static_cast<std::size_t>(middle));
    if (tokenizer.decode(first, SkipSpecialTokens::yes).size() <= at)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace neurosweep
