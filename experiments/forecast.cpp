#include <algorithm>
#include <functional>
#include <queue>

#include "experiments/experiment.hpp"

namespace neurosweep {

double decode_steps(const std::vector<std::int64_t>& lengths, std::int64_t slots) {
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> ends;
  std::int64_t last = 0;
  for (const std::int64_t length : lengths) {
    std::int64_t begin = 0;
    if (static_cast<std::int64_t>(ends.size()) == slots) {
      begin = ends.top();
      ends.pop();
    }
    ends.push(begin + length);
    last = std::max(last, begin + length);
  }
  return static_cast<double>(last);
}

void Forecast::Work::add_example(const ReferenceText& text) {
  constexpr std::size_t kEnough = 32;
  if (examples.size() < kEnough) examples.push_back(text);
}

void Forecast::Work::add_decoding(const std::vector<ReferenceText>& texts, const Decoding& how) {
  std::vector<std::int64_t> lengths;
  for (const ReferenceText& text : texts) {
    const std::int64_t correct = static_cast<std::int64_t>(text.tokens.size()) - text.prompt_length;
    const std::int64_t reply = std::min(how.reply > 0 ? how.reply : correct, how.longest);
    lengths.insert(lengths.end(), static_cast<std::size_t>(how.count), reply);
    prompt_tokens += static_cast<double>(how.count * text.prompt_length);
    generated_tokens += static_cast<double>(how.count * reply);
    add_example(text);
  }
  forwards += static_cast<std::int64_t>(lengths.size());
  decode_steps += neurosweep::decode_steps(lengths, how.slots);
}

}  // namespace neurosweep
