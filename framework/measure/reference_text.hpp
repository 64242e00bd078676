#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// A prompt and its correct completion as tokens, for teacher-forced scoring.
struct ReferenceText {
  std::vector<std::int64_t> tokens;  ///< prompt, completion, and eos where the model has one
  std::int64_t prompt_length = 0;    ///< tokens of the prompt
  std::int64_t answer_begin = 0;     ///< first token of the answer, or prompt_length where the answer is not found
};

/// Tokens of prompt and completion, encoded apart, as a model that generates meets them.
///   eos     appended when >= 0
///   throws  Error{input}: an empty prompt or completion, or more than `context` tokens; `what` names the item
ReferenceText make_reference(const Tokenizer& tokenizer, const std::string& prompt, const std::string& completion,
                             const std::string& answer, std::int64_t eos, std::int64_t context,
                             const std::string& what);

/// Number of generated tokens before the first one of the answer: where its text last occurs in the completion.
///   tokens   generated
///   returns  nothing when there is no answer, or it does not stand in the text as it is
std::optional<std::int64_t> find_answer_token(const Tokenizer& tokenizer, const std::vector<std::int64_t>& tokens,
                                              const std::string& completion, const std::optional<std::string>& answer);

}  // namespace neurosweep
