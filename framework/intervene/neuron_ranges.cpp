#include "framework/intervene/neuron_ranges.hpp"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

namespace neurosweep {

void NeuronRanges::visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  const auto read = neurons_.read(layer, x);
  const auto places = neurons_.places(layer);
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const std::int64_t begin = std::max<std::int64_t>(0, rows.prompt_length[b] - 1 - rows.first_position[b]);
    if (begin >= rows.n_tokens[b]) continue;
    const auto [found, is_new] = ranges_.try_emplace(rows.sequence[b]);
    Range& range = found->second;
    if (is_new) {
      range.least.assign(neurons_.size(), std::numeric_limits<float>::infinity());
      range.largest.assign(neurons_.size(), -std::numeric_limits<float>::infinity());
    }
    if (layer == neurons_.first_layer()) range.n_tokens += rows.n_tokens[b] - begin;
    for (std::int64_t t = begin; t < rows.n_tokens[b]; ++t) {
      for (std::size_t k = 0; k < places.size(); ++k) {
        const float a = read.at(static_cast<std::int64_t>(b), t, k);
        range.least[places[k]] = std::min(range.least[places[k]], a);
        range.largest[places[k]] = std::max(range.largest[places[k]], a);
      }
    }
  }
}

NeuronRanges::Range NeuronRanges::of(std::int64_t sequence) const {
  const auto found = ranges_.find(sequence);
  return found == ranges_.end() ? Range{} : found->second;
}

}  // namespace neurosweep
