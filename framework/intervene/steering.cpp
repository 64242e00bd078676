#include "framework/intervene/steering.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

template <class Enum>
struct Named {
  std::string_view name;
  Enum value;
};
constexpr Named<SteerScope> kScopes[] = {
    {"all", SteerScope::all}, {"generated", SteerScope::generated}, {"first", SteerScope::first}};
constexpr Named<Doubt> kDoubts[] = {{"", Doubt::ignored}, {"entropy", Doubt::entropy}, {"margin", Doubt::margin}};

template <class Enum, std::size_t N>
Enum find_named(const Named<Enum> (&table)[N], std::string_view name, const char* what) {
  std::vector<std::string_view> names;
  for (const auto& row : table) {
    if (row.name == name) return row.value;
    names.push_back(row.name.empty() ? "\"\"" : row.name);
  }
  throw input_error("unknown {} '{}' (valid: {})", what, name, fmt::join(names, ", "));
}

void check_policy(const SteerOrder& order) {
  const SteerPolicy& policy = order.policy;
  for (const double value : {policy.strength, policy.cap, policy.full_doubt}) {
    if (!std::isfinite(value)) throw input_error("steering of sequence {}: {} is not finite", order.sequence, value);
  }
  if (policy.scope == SteerScope::first && policy.steps < 1) {
    throw input_error("steering of sequence {}: scope 'first' needs at least one step", order.sequence);
  }
  if (policy.cap < 0 || policy.full_doubt <= 0) {
    throw input_error("steering of sequence {}: cap {} must not be negative, full doubt {} must be positive",
                      order.sequence, policy.cap, policy.full_doubt);
  }
}

void check_neurons(const SteerOrder& order, const ArchSpec& arch) {
  if (!order.vector || order.vector->empty()) {
    throw input_error("steering of sequence {}: no neuron to steer", order.sequence);
  }
  std::set<NeuronId> seen;
  for (const SteeredNeuron& neuron : *order.vector) {
    const std::string name = fmt::format("neuron {}:{}", to_int(neuron.id.layer), to_int(neuron.id.neuron));
    if (to_int(neuron.id.layer) < 0 || to_int(neuron.id.layer) >= arch.L || to_int(neuron.id.neuron) < 0 ||
        to_int(neuron.id.neuron) >= arch.M) {
      throw input_error("steering: {} is outside the model ({} layers of {} neurons): is it a vector of this model?",
                        name, arch.L, arch.M);
    }
    if (!seen.insert(neuron.id).second) throw input_error("steering: {} is there twice", name);
    if (!std::isfinite(neuron.push) || !std::isfinite(neuron.rate) || !std::isfinite(neuron.target)) {
      throw input_error("steering: {} has a value that is not finite", name);
    }
    if (neuron.rate < 0 || order.policy.strength * neuron.rate > 1) {
      throw input_error("steering: {} would be pulled by {} of the way to its target: expected 0 to 1", name,
                        order.policy.strength * neuron.rate);
    }
  }
}

/// Doubt of every row of logits [n, V].
at::Tensor doubts_of(const at::Tensor& logits, Doubt kind) {
  if (kind == Doubt::entropy) {
    const at::Tensor logp = at::log_softmax(logits, -1);
    return -(logp.exp() * logp).sum(-1);
  }
  const at::Tensor best = std::get<0>(at::softmax(logits, -1).topk(2, -1));
  return 1 - (best.select(-1, 0) - best.select(-1, 1));
}

double limit_of(const SteerPolicy& policy) {
  return policy.cap > 0 ? policy.cap : std::numeric_limits<double>::infinity();
}

}  // namespace

SteerScope steer_scope(std::string_view name) {
  return find_named(kScopes, name, "scope of steering");
}

Doubt doubt_kind(std::string_view name) {
  return find_named(kDoubts, name, "measure of doubt");
}

Steering::Steering(const std::vector<SteerOrder>& orders, const ArchSpec& arch)
    : touched_layers_(static_cast<std::size_t>(arch.L)) {
  const Piece held = neurons_of(arch);
  for (const SteerOrder& order : orders) {
    check_policy(order);
    check_neurons(order, arch);
    Run run{order.policy, std::vector<SteeringVector>(static_cast<std::size_t>(arch.L)), 1, 0, 0};
    for (const SteeredNeuron& neuron : *order.vector) {
      const auto layer = static_cast<std::size_t>(to_int(neuron.id.layer));
      touched_layers_[layer] = true;
      if (!held.holds(to_int(neuron.id.neuron))) continue;
      run.layers[layer].push_back(neuron);
      run.layers[layer].back().id.neuron = NeuronIndex(to_int(neuron.id.neuron) - held.first);
    }
    doubts_ = doubts_ || order.policy.doubt != Doubt::ignored;
    if (!runs_.emplace(order.sequence, std::move(run)).second) {
      throw input_error("steering: sequence {} has two orders", order.sequence);
    }
  }
  while (first_layer_ < arch.L && !touched_layers_[static_cast<std::size_t>(first_layer_)]) ++first_layer_;
}

bool Steering::wants(Site site, LayerIndex layer) const {
  return site == Site::neuron && touched_layers_[static_cast<std::size_t>(to_int(layer))];
}

void Steering::visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  const auto touches = find_touches(layer, rows);
  if (touches.empty()) return;
  x = x.contiguous();
  if (x.device().is_cpu() && x.scalar_type() == at::kFloat) {
    steer_floats(layer, x, touches);
  } else {
    steer_any(layer, x, touches);
  }
}

std::vector<Steering::Touch> Steering::find_touches(LayerIndex layer, const BatchRows& rows) {
  std::vector<Touch> touches;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const auto found = runs_.find(rows.sequence[b]);
    if (found == runs_.end()) continue;
    Run& run = found->second;
    const SteerPolicy& policy = run.policy;
    const std::int64_t first = rows.first_position[b], start = rows.prompt_length[b] - 1;
    const std::int64_t from = policy.scope == SteerScope::all ? 0 : start;
    const std::int64_t to = policy.scope == SteerScope::first ? start + policy.steps : first + rows.n_tokens[b];
    const std::int64_t begin = std::max<std::int64_t>(0, from - first), end = std::min(to - first, rows.n_tokens[b]);
    if (begin >= end) continue;
    if (to_int(layer) == first_layer_) {
      run.tokens += end - begin;
      run.strength_sum += static_cast<double>(end - begin) * policy.strength * run.share;
    }
    touches.push_back({&run, static_cast<std::int64_t>(b), begin, end});
  }
  return touches;
}

void Steering::steer_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  const std::int64_t T = x.size(1), M = x.size(2);
  float* const data = x.mutable_data_ptr<float>();
  for (const Touch& touch : touches) {
    const auto strength = static_cast<float>(touch.run->policy.strength * touch.run->share);
    const auto limit = static_cast<float>(limit_of(touch.run->policy));
    for (std::int64_t t = touch.begin; t < touch.end; ++t) {
      float* const a = data + (touch.row * T + t) * M;
      for (const SteeredNeuron& neuron : touch.run->layers[static_cast<std::size_t>(to_int(layer))]) {
        float& value = a[to_int(neuron.id.neuron)];
        const float change = strength * (neuron.push + neuron.rate * (neuron.target - value));
        value += std::clamp(change, -limit, limit);
      }
    }
  }
}

void Steering::steer_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  const std::int64_t T = x.size(1), M = x.size(2);
  std::vector<std::int64_t> index;
  std::vector<float> push, rate, target, limit;
  for (const Touch& touch : touches) {
    const auto strength = static_cast<float>(touch.run->policy.strength * touch.run->share);
    for (std::int64_t t = touch.begin; t < touch.end; ++t) {
      for (const SteeredNeuron& neuron : touch.run->layers[static_cast<std::size_t>(to_int(layer))]) {
        index.push_back((touch.row * T + t) * M + to_int(neuron.id.neuron));
        push.push_back(strength * neuron.push);
        rate.push_back(strength * neuron.rate);
        target.push_back(neuron.target);
        limit.push_back(static_cast<float>(limit_of(touch.run->policy)));
      }
    }
  }
  std::vector<float> numbers;
  for (const auto* each : {&push, &rate, &target, &limit}) numbers.insert(numbers.end(), each->begin(), each->end());
  const at::Tensor there = to_device(at::tensor(numbers, at::kFloat).view({4, -1}), x.device());
  const at::Tensor at_index = to_device(at::tensor(index, at::kLong), x.device());
  at::Tensor flat = x.view({-1});
  const at::Tensor a = flat.index_select(0, at_index).to(at::kFloat);
  const at::Tensor change = there[0] + there[1] * (there[2] - a), most = there[3];
  flat.index_copy_(0, at_index, (a + at::minimum(at::maximum(change, -most), most)).to(x.scalar_type()));
}

bool Steering::forget(const std::vector<std::int64_t>& sequences) {
  for (const std::int64_t sequence : sequences) {
    const auto found = runs_.find(sequence);
    if (found == runs_.end()) continue;
    Run& run = found->second;
    run.share = 1;
    run.tokens = 0;
    run.strength_sum = 0;
  }
  return true;
}

void Steering::predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) {
  for (const Doubt kind : {Doubt::entropy, Doubt::margin}) {
    std::vector<std::pair<std::int64_t, Run*>> rows;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto found = runs_.find(sequences[i]);
      if (found == runs_.end() || found->second.policy.doubt != kind) continue;
      rows.emplace_back(static_cast<std::int64_t>(i), &found->second);
    }
    if (rows.empty()) continue;
    const at::Tensor doubts = doubts_of(logits, kind).cpu();
    for (const auto& [row, run] : rows) {
      run->share = std::clamp(doubts.const_data_ptr<float>()[row] / run->policy.full_doubt, 0.0, 1.0);
    }
  }
}

void Steering::check_applied() const {
  for (const auto& [sequence, run] : runs_) {
    if (run.tokens == 0) {
      throw input_error("steering of sequence {} had no effect: no token in its scope was fed to the model", sequence);
    }
  }
}

double Steering::mean_strength(std::int64_t sequence) const {
  const auto found = runs_.find(sequence);
  if (found == runs_.end() || found->second.tokens == 0) return 0;
  return found->second.strength_sum / static_cast<double>(found->second.tokens);
}

}  // namespace neurosweep
