#include "experiments/transfer_texts.hpp"

#include <span>

#include "framework/base/error.hpp"
#include "framework/text/token_ends.hpp"

namespace neurosweep {

namespace {

std::vector<std::int64_t> completion_ends(const ModelReading& reading, const std::string& completion) {
  const auto tokens = std::span(reading.text.tokens).subspan(static_cast<std::size_t>(reading.text.prompt_length));
  return token_ends(reading.tokenizer, tokens, completion);
}

/// Tokens of a completion that spell something.
std::vector<std::int64_t> spelling_tokens(const std::vector<std::int64_t>& ends) {
  std::vector<std::int64_t> tokens;
  for (std::size_t t = 0; t < ends.size(); ++t) {
    if (ends[t] != (t == 0 ? 0 : ends[t - 1])) tokens.push_back(static_cast<std::int64_t>(t));
  }
  return tokens;
}

}  // namespace

SampleKind sample_kind(const std::string& align, const std::string& where) {
  if (align == "characters") return SampleKind::token;
  if (align == "means") return SampleKind::mean;
  throw input_error("{} = '{}' (valid: characters, means)", where, align);
}

void add_shared_text(SharedTexts& texts, SampleKind kind, const std::string& completion, const ModelReading& donor,
                     const ModelReading& receiver) {
  const auto donor_ends = completion_ends(donor, completion), receiver_ends = completion_ends(receiver, completion);
  ObservedText a{donor.text.tokens, {}}, b{receiver.text.tokens, {}};
  if (kind == SampleKind::mean) {
    a.at = spelling_tokens(donor_ends);
    b.at = spelling_tokens(receiver_ends);
    if (a.at.empty() || b.at.empty()) a.at = b.at = {};
  } else {
    for (const auto& [from, to] : meeting_tokens(donor_ends, receiver_ends)) {
      a.at.push_back(from);
      b.at.push_back(to);
    }
  }
  for (std::int64_t& at : a.at) at += donor.text.prompt_length;
  for (std::int64_t& at : b.at) at += receiver.text.prompt_length;
  texts.donor.push_back(std::move(a));
  texts.receiver.push_back(std::move(b));
}

}  // namespace neurosweep
