#include "framework/intervene/constraints.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kWholeLayer = -1;
constexpr std::size_t kRules = 3;

/// Norm of a row. Sixteen sums, for vector registers.
double norm_of(const float* row, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) sums[j] += row[i + j] * row[i + j];
  }
  for (; i < n; ++i) sums[0] += row[i] * row[i];
  double sum = 0;
  for (const float each : sums) sum += each;
  return std::sqrt(sum);
}

/// Size of a change by the size of what it changes.
double ratio_of(double change, double whole) {
  return change == 0 ? 0 : change / std::max(whole, 1e-12);
}

/// The least number of T that is not below `value`.
template <class T>
float least_from(float value) {
  T number(value);
  // Numbers of one sign are in the order of their bits.
  if (static_cast<float>(number) < value) number.x = static_cast<std::uint16_t>(number.x + (value > 0 ? 1 : -1));
  return static_cast<float>(number);
}

float round_up(float value, at::ScalarType dtype) {
  if (dtype == at::kHalf) return least_from<at::Half>(value);
  if (dtype == at::kBFloat16) return least_from<at::BFloat16>(value);
  return value;
}

/// Least and largest number of `dtype` within limits.
std::pair<float, float> round_limits(const ActivationLimits& limits, at::ScalarType dtype) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  const float low = round_up(static_cast<float>(limits.low), dtype);
  const float high = -round_up(-static_cast<float>(limits.high), dtype);
  if (low <= high && low != kInfinite && high != -kInfinite) return {low, high};
  throw input_error(
      "policy: neuron {}:{} is to be at least {} and at most {}, and {}, which the model runs in, has no number there: "
      "widen the limits, or run it in float32",
      to_int(limits.id.layer), to_int(limits.id.neuron), limits.low, limits.high, at::toString(dtype));
}

}  // namespace

std::string_view rule_name(ConstraintRule rule) {
  switch (rule) {
    case ConstraintRule::floor:
      return "floor";
    case ConstraintRule::ceiling:
      return "ceiling";
    case ConstraintRule::cap:
      break;
  }
  return "cap";
}

Constraints::Constraints(const std::vector<PolicyOrder>& orders, Guarded guarded, const ArchSpec& arch,
                         at::ScalarType dtype)
    : guarded_(std::move(guarded)),
      dtype_(dtype),
      limited_layers_(static_cast<std::size_t>(arch.L)),
      steered_(static_cast<std::size_t>(arch.L)) {
  ensure(arch.part.count == 1, "a policy is kept on whole decoders");
  std::unordered_map<const Policy*, std::shared_ptr<const Ready>> known;
  for (const PolicyOrder& order : orders) {
    auto& ready = known[order.policy.get()];
    if (!ready) {
      check_policy(*order.policy, guarded_.neurons, arch.L, arch.M);
      Ready made{order.policy->scope, order.policy->steering_cap,
                 std::vector<LayerLimits>(static_cast<std::size_t>(arch.L)), 0};
      for (const ActivationLimits& limits : order.policy->limits) {
        const auto layer = static_cast<std::size_t>(to_int(limits.id.layer));
        made.layers[layer].neurons.push_back(to_int(limits.id.neuron));
        const auto [low, high] = round_limits(limits, dtype);
        made.layers[layer].low.push_back(low);
        made.layers[layer].high.push_back(high);
        made.layers[layer].slots.push_back(static_cast<std::int64_t>(made.n_slots));
        made.n_slots += 2;
        limited_layers_[layer] = true;
      }
      made.n_slots += kRules * made.layers.size();
      capped_ = capped_ || std::isfinite(made.cap);
      ready = std::make_shared<const Ready>(std::move(made));
    }
    if (!runs_.emplace(order.sequence, Run{ready, {}, {}}).second) {
      throw input_error("policy: sequence {} has two", order.sequence);
    }
  }
  if (capped_) find_steered();
}

void Constraints::find_steered() {
  for (const NeuronId& id : guarded_.neurons) {
    steered_[static_cast<std::size_t>(to_int(id.layer))].push_back(to_int(id.neuron));
  }
  for (std::size_t l = 0; l < steered_.size(); ++l) {
    std::ranges::sort(steered_[l]);
    const auto repeated = std::ranges::unique(steered_[l]);
    steered_[l].erase(repeated.begin(), repeated.end());
    const bool acts = guarded_.hook != nullptr && guarded_.hook->wants(Site::neuron, LayerIndex(l));
    ensure(!acts || !steered_[l].empty(), "a capped hook acts on a layer of which it lists no neuron");
  }
}

bool Constraints::wants(Site site, LayerIndex layer) const {
  if (guarded_.hook != nullptr && guarded_.hook->wants(site, layer)) return true;
  return site == Site::neuron && limited_layers_[static_cast<std::size_t>(to_int(layer))];
}

void Constraints::visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  const bool acts = guarded_.hook != nullptr && guarded_.hook->wants(site, layer);
  const auto touches = site == Site::neuron ? find_touches(rows) : std::vector<Touch>{};
  const bool caps = acts && capped_ && !touches.empty();
  const bool floats = x.device().is_cpu() && x.scalar_type() == at::kFloat;
  if (!touches.empty()) x = x.contiguous();
  if (caps) floats ? keep_floats(layer, x, touches) : keep_any(layer, x, touches);
  if (acts) guarded_.hook->visit(site, layer, x, rows);
  if (touches.empty()) return;
  x = x.contiguous();
  if (caps) floats ? cap_floats(layer, x, touches) : cap_any(layer, x, touches);
  if (!limited_layers_[static_cast<std::size_t>(to_int(layer))]) return;
  ensure(x.scalar_type() == dtype_, "limits are rounded to the dtype of the activations");
  floats ? limit_floats(layer, x, touches) : limit_any(layer, x, touches);
}

bool Constraints::forget(const std::vector<std::int64_t>& sequences) {
  for (const std::int64_t sequence : sequences) {
    const auto found = runs_.find(sequence);
    if (found != runs_.end()) found->second = Run{found->second.policy, {}, {}};
  }
  return guarded_.hook == nullptr || guarded_.hook->forget(sequences);
}

void Constraints::predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) {
  guarded_.hook->predicted(logits, sequences);
}

std::vector<Constraints::Touch> Constraints::find_touches(const BatchRows& rows) {
  std::vector<Touch> touches;
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    const auto found = runs_.find(rows.sequence[b]);
    if (found == runs_.end()) continue;
    const std::int64_t first = rows.first_position[b];
    const bool all = found->second.policy->scope == PolicyScope::all;
    const std::int64_t begin = all ? 0 : std::max<std::int64_t>(0, rows.prompt_length[b] - 1 - first);
    if (begin >= rows.n_tokens[b]) continue;
    touches.push_back({rows.sequence[b], &found->second, static_cast<std::int64_t>(b), begin, rows.n_tokens[b], first});
  }
  return touches;
}

void Constraints::keep_floats(LayerIndex layer, const at::Tensor& x, const std::vector<Touch>& touches) {
  const std::int64_t T = x.size(1), M = x.size(2);
  const auto& columns = steered_[static_cast<std::size_t>(to_int(layer))];
  const auto* const data = x.const_data_ptr<float>();
  before_.floats.clear();
  before_.norms.clear();
  for (const Touch& touch : touches) {
    for (std::int64_t t = touch.begin; t < touch.end; ++t) {
      const float* const a = data + (touch.row * T + t) * M;
      for (const std::int64_t column : columns) before_.floats.push_back(a[column]);
      before_.norms.push_back(norm_of(a, M));
    }
  }
}

void Constraints::cap_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  const std::int64_t T = x.size(1), M = x.size(2);
  const auto& columns = steered_[static_cast<std::size_t>(to_int(layer))];
  auto* const data = x.mutable_data_ptr<float>();
  const float* from = before_.floats.data();
  const double* whole = before_.norms.data();
  for (const Touch& touch : touches) {
    const double cap = touch.run->policy->cap;
    for (std::int64_t t = touch.begin; t < touch.end; ++t, from += columns.size(), ++whole) {
      float* const a = data + (touch.row * T + t) * M;
      double change = 0;
      for (std::size_t k = 0; k < columns.size(); ++k) {
        const double moved = static_cast<double>(a[columns[k]]) - from[k];
        change += moved * moved;
      }
      const double ratio = ratio_of(std::sqrt(change), *whole);
      if (ratio <= cap) continue;
      note(touch, t, layer_event(*touch.run->policy, ConstraintRule::cap, to_int(layer), ratio));
      const auto share = static_cast<float>(cap / ratio);
      for (std::size_t k = 0; k < columns.size(); ++k) a[columns[k]] = from[k] + share * (a[columns[k]] - from[k]);
    }
  }
}

void Constraints::keep_any(LayerIndex layer, const at::Tensor& x, const std::vector<Touch>& touches) {
  const at::Tensor columns = at::tensor(steered_[static_cast<std::size_t>(to_int(layer))]).to(x.device());
  before_.any = x.detach().index_select(2, columns).to(at::kFloat);
  const at::Tensor norms = x.detach().to(at::kFloat).norm(2, {-1}).cpu().contiguous();
  before_.norms.clear();
  for (const Touch& touch : touches) {
    const float* const row = norms.const_data_ptr<float>() + touch.row * x.size(1);
    before_.norms.insert(before_.norms.end(), row + touch.begin, row + touch.end);
  }
}

void Constraints::cap_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  const at::Tensor columns = at::tensor(steered_[static_cast<std::size_t>(to_int(layer))]).to(x.device());
  const at::Tensor change = x.detach().index_select(2, columns).to(at::kFloat).sub(before_.any);
  const at::Tensor size = change.norm(2, {-1}).cpu().contiguous();
  const double* whole = before_.norms.data();
  for (const Touch& touch : touches) {
    const double cap = touch.run->policy->cap;
    for (std::int64_t t = touch.begin; t < touch.end; ++t, ++whole) {
      const double ratio = ratio_of(size.const_data_ptr<float>()[touch.row * x.size(1) + t], *whole);
      if (ratio <= cap) continue;
      note(touch, t, layer_event(*touch.run->policy, ConstraintRule::cap, to_int(layer), ratio));
      const at::Tensor kept = before_.any[touch.row][t].add(change[touch.row][t], cap / ratio);
      x[touch.row][t].index_copy_(0, columns, kept.to(x.scalar_type()));
    }
  }
}

void Constraints::limit_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  const std::int64_t T = x.size(1), M = x.size(2);
  float* const data = x.mutable_data_ptr<float>();
  for (const Touch& touch : touches) {
    const LayerLimits& limits = touch.run->policy->layers[static_cast<std::size_t>(to_int(layer))];
    for (std::int64_t t = touch.begin; t < touch.end; ++t) {
      float* const a = data + (touch.row * T + t) * M;
      for (std::size_t k = 0; k < limits.neurons.size(); ++k) {
        float& value = a[limits.neurons[k]];
        const bool low = value < limits.low[k];
        if (!low && !(value > limits.high[k])) continue;
        const float kept = low ? limits.low[k] : limits.high[k];
        note(touch, t,
             {low ? ConstraintRule::floor : ConstraintRule::ceiling, to_int(layer), limits.neurons[k],
              static_cast<std::size_t>(limits.slots[k]) + (low ? 0 : 1), std::abs(static_cast<double>(kept) - value)});
        value = kept;
      }
    }
  }
}

void Constraints::limit_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches) {
  for (const Touch& touch : touches) {
    const LayerLimits& limits = touch.run->policy->layers[static_cast<std::size_t>(to_int(layer))];
    if (limits.neurons.empty()) continue;
    const auto there = [&](const auto& values) { return at::tensor(values).to(x.device()); };
    const at::Tensor columns = there(limits.neurons);
    at::Tensor rows = x.select(0, touch.row).narrow(0, touch.begin, touch.end - touch.begin);
    const at::Tensor a = rows.index_select(1, columns).to(at::kFloat);
    const at::Tensor kept = at::minimum(at::maximum(a, there(limits.low)), there(limits.high));
    rows.index_copy_(1, columns, kept.to(x.scalar_type()));
    const at::Tensor change = kept.sub(a).cpu().contiguous();
    const auto* values = change.const_data_ptr<float>();
    const auto K = static_cast<std::int64_t>(limits.neurons.size());
    for (std::int64_t i = 0; i < change.numel(); ++i) {
      if (values[i] == 0) continue;
      const bool low = values[i] > 0;
      const auto k = static_cast<std::size_t>(i % K);
      note(touch, touch.begin + i / K,
           {low ? ConstraintRule::floor : ConstraintRule::ceiling, to_int(layer), limits.neurons[k],
            static_cast<std::size_t>(limits.slots[k]) + (low ? 0 : 1), std::abs(static_cast<double>(values[i]))});
    }
  }
}

Constraints::Event Constraints::layer_event(const Ready& policy, ConstraintRule rule, std::int64_t layer, double size) {
  const std::size_t from_end = kRules * (policy.layers.size() - static_cast<std::size_t>(layer));
  return {rule, layer, kWholeLayer, policy.n_slots - from_end + static_cast<std::size_t>(rule), size};
}

void Constraints::note(const Touch& touch, std::int64_t column, Event event) {
  Run& run = *touch.run;
  if (run.places.empty()) run.places.assign(run.policy->n_slots, -1);
  if (event.neuron != kWholeLayer && run.places[event.slot] < 0) {
    if (run.n_neurons < kMostLogged)
      ++run.n_neurons;
    else
      event = layer_event(*run.policy, event.rule, event.layer, event.size);
  }
  std::int32_t& place = run.places[event.slot];
  if (place < 0) {
    place = static_cast<std::int32_t>(run.log.size());
    run.log.push_back({touch.sequence, event.rule, event.layer, event.neuron, 0, touch.first_position + column, 0});
  }
  Enforcement& entry = run.log[static_cast<std::size_t>(place)];
  ++entry.times;
  entry.largest = std::max(entry.largest, event.size);
}

std::vector<Enforcement> Constraints::log() const {
  std::vector<Enforcement> all;
  for (const auto& [sequence, run] : runs_) all.insert(all.end(), run.log.begin(), run.log.end());
  std::ranges::sort(all, {}, [](const Enforcement& each) {
    return std::tuple(each.sequence, each.layer, each.neuron, static_cast<int>(each.rule));
  });
  return all;
}

}  // namespace neurosweep
