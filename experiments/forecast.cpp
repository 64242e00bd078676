#include <algorithm>
#include <functional>
#include <queue>

#include "experiments/experiment.hpp"

namespace neurosweep {

void Forecast::Work::add_example(const ReferenceText& text) {
  constexpr std::size_t kEnough = 32;
  if (examples.size() < kEnough) examples.push_back(text);
}

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

}  // namespace neurosweep
