#include "framework/intervene/intervention_set.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {
std::string describe(const Intervention& intervention) {
  const KindInfo& kind = kind_info(intervention.kind);
  return fmt::format("{}{} of neuron {}:{} in sequence {} (span {})", kind.name,
                     kind.needs_value ? fmt::format(" {}", intervention.value) : "", to_int(intervention.neuron.layer),
                     to_int(intervention.neuron.neuron), intervention.row, span_name(intervention.span));
}

void check_intervention(const Intervention& intervention, const ArchSpec& arch) {
  const auto layer = to_int(intervention.neuron.layer), neuron = to_int(intervention.neuron.neuron);
  if (layer < 0 || layer >= arch.L) {
    throw input_error("{}: layer {} is outside the model's {} layers", describe(intervention), layer, arch.L);
  }
  if (neuron < 0 || neuron >= arch.M) {
    throw input_error("{}: neuron {} is outside the layer's {} neurons", describe(intervention), neuron, arch.M);
  }
  if (!std::isfinite(intervention.value)) {
    throw input_error("{}: the value is {}, expected a finite number", describe(intervention), intervention.value);
  }
}

InterventionSet::InterventionSet(std::vector<Intervention> interventions, const ArchSpec& arch)
    : neurons_(neurons_of(arch)), layers_(static_cast<std::size_t>(arch.L)) {
  std::map<std::tuple<std::int64_t, NeuronId>, std::int32_t> turns;
  for (auto& intervention : interventions) {
    check_intervention(intervention, arch);
    auto& plan = layers_[static_cast<std::size_t>(to_int(intervention.neuron.layer))];
    plan.of_sequence[intervention.row].push_back(static_cast<std::int32_t>(items_.size()));
    const auto turn = turns[{intervention.row, intervention.neuron}]++;
    items_.push_back({std::move(intervention), turn});
  }
}

bool InterventionSet::wants(Site site, LayerIndex layer) const {
  return site == Site::neuron && !layers_[static_cast<std::size_t>(to_int(layer))].of_sequence.empty();
}

void InterventionSet::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  if (!wants(site, layer)) return;
  LayerPlan& plan = layers_[static_cast<std::size_t>(to_int(layer))];
  std::vector<Touch> touches = find_touches(plan, rows);
  if (touches != plan.touches || plan.T != x.size(1)) {
    plan.steps = make_steps(touches, x);
    plan.touches = std::move(touches);
    plan.T = x.size(1);
  }
  if (plan.steps.empty()) return;
  x = x.contiguous();
  at::Tensor flat = x.view({-1});
  for (const auto& step : plan.steps) {
    at::Tensor a = flat.index_select(0, step.index);
    kind_info(step.kind).apply(a, step.value);
    flat.index_copy_(0, step.index, a);
  }
}

std::vector<InterventionSet::Touch> InterventionSet::find_touches(const LayerPlan& plan, const BatchRows& rows) {
  std::vector<Touch> touches;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const auto found = plan.of_sequence.find(rows.sequence[b]);
    if (found == plan.of_sequence.end()) continue;
    const std::int64_t first = rows.first_position[b];
    for (const auto index : found->second) {
      Item& item = items_[static_cast<std::size_t>(index)];
      item.seen = true;
      item.seen_tokens = item.seen_tokens || rows.n_tokens[b] > 0;
      const auto [from, to] = positions_of(item.intervention.span, rows.prompt_length[b], first + rows.n_tokens[b]);
      const std::int64_t begin = std::max<std::int64_t>(0, from - first), end = to - first;
      if (begin >= end) continue;
      item.touched += end - begin;
      touches.push_back(
          {index, static_cast<std::int32_t>(b), static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)});
    }
  }
  return touches;
}

std::vector<InterventionSet::Step> InterventionSet::make_steps(const std::vector<Touch>& touches,
                                                               const at::Tensor& x) const {
  struct Entries {
    std::vector<std::int64_t> index;
    std::vector<float> value;
  };
  std::map<std::pair<std::int32_t, InterventionKind>, Entries> groups;
  for (const auto& touch : touches) {
    const Item& item = items_[static_cast<std::size_t>(touch.item)];
    const std::int64_t neuron = to_int(item.intervention.neuron.neuron);
    if (!neurons_.holds(neuron)) continue;
    Entries& entries = groups[{item.turn, item.intervention.kind}];
    const std::int64_t row_start = touch.row * x.size(1) * neurons_.count + neuron - neurons_.first;
    for (std::int64_t t = touch.begin; t < touch.end; ++t) {
      entries.index.push_back(row_start + t * neurons_.count);
      entries.value.push_back(item.intervention.value);
    }
  }
  std::vector<Step> steps;
  for (const auto& [key, entries] : groups) {
    steps.push_back({key.second, to_device(at::tensor(entries.index, at::kLong), x.device()),
                     to_device(at::tensor(entries.value, at::kFloat), x.device())});
  }
  return steps;
}

void InterventionSet::check_applied() const {
  for (const auto& item : items_) {
    if (item.touched > 0) continue;
    const char* why = !item.seen          ? "its sequence was in no batch that ran its layer"
                      : !item.seen_tokens ? "its sequence had no tokens"
                                          : "no token of its sequence lies in the span";
    throw input_error("intervention had no effect: {} touched no position ({})", describe(item.intervention), why);
  }
}

bool InterventionSet::forget(const std::vector<std::int64_t>& sequences) {
  const std::set<std::int64_t> forgotten(sequences.begin(), sequences.end());
  for (auto& item : items_) {
    if (forgotten.contains(item.intervention.row)) forget(item);
  }
  return true;
}

void InterventionSet::reset() {
  for (auto& item : items_) forget(item);
}

void InterventionSet::forget(Item& item) {
  item.seen = item.seen_tokens = false;
  item.touched = 0;
}

}  // namespace neurosweep
