#include "framework/intervene/trajectory.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

constexpr double kNoDivisionByZero = 1e-6;

/// Angle between rows, [n]; a quarter turn where one of them is zero.
at::Tensor angle_between(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor norms = a.norm(2, 1).mul(b.norm(2, 1)).clamp_min(1e-300);
  return a.mul(b).sum(1).div(norms).clamp(-1, 1).acos();
}

at::Tensor distance(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).norm(2, 1);
}

}  // namespace

bool Trajectory::wants(Site site, LayerIndex layer) const {
  return site == Site::residual || (layer == LayerIndex{0} && site != Site::neuron);
}

void Trajectory::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  if (!wants(site, layer)) return;
  if (site == Site::attention_out) start_forward(rows, x);
  if (sequences_.empty()) return;
  const at::Tensor value = x.detach().flatten(0, 1).index_select(0, columns_).to(at::kDouble);
  if (site == Site::attention_out) {
    added_ = value;
  } else if (site == Site::mlp_out) {
    added_ = added_.add(value);
  } else {
    step(layer, value);
  }
}

void Trajectory::start_forward(const BatchRows& rows, const at::Tensor& x) {
  sequences_.clear();
  std::vector<std::int64_t> columns;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const std::int64_t begin = std::max<std::int64_t>(0, rows.prompt_length[b] - rows.first_position[b]);
    for (std::int64_t t = begin; t < rows.n_tokens[b]; ++t) {
      sequences_.push_back(rows.sequence[b]);
      columns.push_back(static_cast<std::int64_t>(b) * x.size(1) + t);
    }
  }
  columns_ = to_device(at::tensor(columns, at::kLong), x.device());
}

void Trajectory::step(LayerIndex layer, const at::Tensor& h) {
  if (layer == LayerIndex{0}) {
    start_ = previous_ = h.sub(added_);
    length_ = at::zeros({h.size(0)}, h.options());
    turn_ = at::zeros_like(length_);
  }
  length_.add_(distance(h, previous_));
  turn_.add_(angle_between(previous_, h));
  previous_ = h;
  if (to_int(layer) == L_ - 1) finish_tokens(h);
}

void Trajectory::finish_tokens(const at::Tensor& h) {
  const auto layers = static_cast<double>(L_);
  const at::Tensor magnitude = length_.div(layers).div(distance(h, start_).add(kNoDivisionByZero));
  const at::Tensor angle = turn_.div(layers).div(angle_between(start_, h).add(kNoDivisionByZero));
  const at::Tensor both = at::stack({magnitude, angle}).cpu();
  const auto* numbers = both.const_data_ptr<double>();
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    TraceGeometry& sum = sums_[sequences_[i]];
    ++sum.n_tokens;
    sum.magnitude += numbers[i];
    sum.angle += numbers[sequences_.size() + i];
  }
}

bool Trajectory::forget(const std::vector<std::int64_t>& sequences) {
  for (const std::int64_t sequence : sequences) sums_.erase(sequence);
  return true;
}

TraceGeometry Trajectory::of(std::int64_t sequence) const {
  const auto found = sums_.find(sequence);
  if (found == sums_.end()) return {};
  const auto& [n, magnitude, angle] = found->second;
  return {n, magnitude / static_cast<double>(n), angle / static_cast<double>(n)};
}

}  // namespace neurosweep
