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

/// Positions of a completion's tokens that spell something, but for a sequence's first.
std::vector<std::int64_t> spelling_positions(const std::vector<std::int64_t>& ends, std::int64_t prompt_length) {
  std::vector<std::int64_t> positions;
  for (std::size_t t = 0; t < ends.size(); ++t) {
    const std::int64_t position = prompt_length + static_cast<std::int64_t>(t);
    if (position > 0 && ends[t] != (t == 0 ? 0 : ends[t - 1])) positions.push_back(position);
  }
  return positions;
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
    a.at = spelling_positions(donor_ends, donor.text.prompt_length);
    b.at = spelling_positions(receiver_ends, receiver.text.prompt_length);
    if (a.at.empty() || b.at.empty()) a.at = b.at = {};
  } else {
    for (const auto& [from, to] : meeting_tokens(donor_ends, receiver_ends)) {
      const std::int64_t in_donor = donor.text.prompt_length + from, in_receiver = receiver.text.prompt_length + to;
      if (in_donor == 0 || in_receiver == 0) continue;
      a.at.push_back(in_donor);
      b.at.push_back(in_receiver);
    }
  }
  texts.donor.push_back(std::move(a));
  texts.receiver.push_back(std::move(b));
}

}  // namespace neurosweep
