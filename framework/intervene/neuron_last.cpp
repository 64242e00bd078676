#include "framework/intervene/neuron_last.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

void NeuronLast::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  if (site != Site::neuron) return;
  if (layer == LayerIndex{0}) start_forward(rows, x);
  if (from_.numel() == 0) return;
  const at::Tensor a = x.detach().flatten(0, 1).index_select(0, from_).to(at::kFloat);
  last_.select(1, to_int(layer)).index_copy_(0, to_, a);
}

void NeuronLast::start_forward(const BatchRows& rows, const at::Tensor& x) {
  std::vector<std::int64_t> from, to;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const bool generated = rows.first_position[b] + rows.n_tokens[b] > rows.prompt_length[b];
    if (rows.n_tokens[b] == 0 || !generated) continue;
    from.push_back(static_cast<std::int64_t>(b) * x.size(1) + rows.n_tokens[b] - 1);
    to.push_back(place_of(rows.sequence[b], x));
  }
  from_ = to_device(at::tensor(from, at::kLong), x.device());
  to_ = to_device(at::tensor(to, at::kLong), x.device());
}

std::int64_t NeuronLast::place_of(std::int64_t sequence, const at::Tensor& x) {
  const auto [place, is_new] = places_.try_emplace(sequence, used_rows_);
  used_rows_ += is_new ? 1 : 0;
  const std::int64_t held = last_.defined() ? last_.size(0) : 0;
  if (is_new && place->second == held) {
    const at::Tensor more =
        at::zeros({std::max<std::int64_t>(held, 8), L_, neurons_.count}, x.options().dtype(at::kFloat));
    last_ = held > 0 ? at::cat({last_, more}) : more;
  }
  return place->second;
}

bool NeuronLast::forget(const std::vector<std::int64_t>& sequences) {
  for (const std::int64_t sequence : sequences) places_.erase(sequence);
  return true;
}

at::Tensor NeuronLast::of(std::int64_t sequence) const {
  const auto place = places_.find(sequence);
  if (place == places_.end()) {
    throw input_error("sequence {} has no generated token: it has no last activations", sequence);
  }
  return join_pieces(group_, last_.select(0, place->second), M_).flatten().cpu();
}

}  // namespace neurosweep
