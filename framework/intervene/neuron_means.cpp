#include "framework/intervene/neuron_means.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

NeuronMeans::NeuronMeans(const ArchSpec& arch, ModelGroup* group)
    : L_(arch.L), M_(arch.M), neurons_(neurons_of(arch)), group_(group) {}

bool NeuronMeans::wants(Site site, LayerIndex) const {
  return site == Site::neuron;
}

void NeuronMeans::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  if (site != Site::neuron) return;
  if (layer == LayerIndex{0}) start_forward(rows, x);
  if (parts_.empty()) return;
  at::Tensor sums = sums_.select(1, to_int(layer));
  const at::Tensor a = x.detach();
  if (x.size(1) == 1) {
    sums.index_add_(0, sum_index_, a.select(1, 0).index_select(0, batch_index_).to(at::kDouble));
    return;
  }
  for (const auto& part : parts_) {
    sums.select(0, part.sum).add_(a.select(0, part.b).narrow(0, part.begin, part.n).sum(0, false, at::kDouble));
  }
}

void NeuronMeans::start_forward(const BatchRows& rows, const at::Tensor& x) {
  parts_.clear();
  std::vector<std::int64_t> from, to;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const std::int64_t begin = std::max<std::int64_t>(0, rows.prompt_length[b] - rows.first_position[b]);
    if (begin >= rows.n_tokens[b]) continue;
    auto [place, is_new] = places_.try_emplace(rows.sequence[b]);
    if (is_new) place->second.row = new_row(x);
    place->second.tokens += rows.n_tokens[b] - begin;
    parts_.push_back({static_cast<std::int64_t>(b), place->second.row, begin, rows.n_tokens[b] - begin});
    from.push_back(parts_.back().b);
    to.push_back(parts_.back().sum);
  }
  batch_index_ = to_device(at::tensor(from, at::kLong), x.device());
  sum_index_ = to_device(at::tensor(to, at::kLong), x.device());
}

std::int64_t NeuronMeans::new_row(const at::Tensor& x) {
  if (free_rows_.empty()) {
    const std::int64_t old = sums_.defined() ? sums_.size(0) : 0, added = std::max<std::int64_t>(old, 8);
    const at::Tensor zeros = at::zeros({added, L_, neurons_.count}, x.options().dtype(at::kDouble));
    sums_ = sums_.defined() ? at::cat({sums_, zeros}) : zeros;
    for (std::int64_t row = old + added; row-- > old;) free_rows_.push_back(row);
  }
  const std::int64_t row = free_rows_.back();
  free_rows_.pop_back();
  return row;
}

bool NeuronMeans::forget(const std::vector<std::int64_t>& sequences) {
  for (const std::int64_t sequence : sequences) {
    const auto place = places_.find(sequence);
    if (place != places_.end()) free_row(place);
  }
  return true;
}

void NeuronMeans::free_row(Places::iterator place) {
  sums_.select(0, place->second.row).zero_();
  free_rows_.push_back(place->second.row);
  places_.erase(place);
}

std::int64_t NeuronMeans::count(std::int64_t sequence) const {
  const auto place = places_.find(sequence);
  return place == places_.end() ? 0 : place->second.tokens;
}

at::Tensor NeuronMeans::take(std::int64_t sequence) {
  const auto place = places_.find(sequence);
  if (place == places_.end()) throw input_error("sequence {} has no generated token: it has no neuron means", sequence);
  const at::Tensor sums = sums_.select(0, place->second.row);
  const at::Tensor own = sums.div(static_cast<double>(place->second.tokens)).to(at::kFloat);
  const at::Tensor means = join_pieces(group_, own, M_).flatten().cpu();
  free_row(place);
  return means;
}

}  // namespace neurosweep
