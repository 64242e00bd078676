#include "framework/intervene/policy.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"

namespace neurosweep {

namespace {

std::string name_of(NeuronId id) {
  return fmt::format("neuron {}:{}", to_int(id.layer), to_int(id.neuron));
}

void check_inside(NeuronId id, std::int64_t L, std::int64_t M) {
  if (to_int(id.layer) < 0 || to_int(id.layer) >= L || to_int(id.neuron) < 0 || to_int(id.neuron) >= M) {
    throw input_error("policy: {} is outside the model ({} layers of {} neurons): is it a policy of this model?",
                      name_of(id), L, M);
  }
}

void check_limits(const Policy& policy, const std::set<NeuronId>& denied, std::int64_t L, std::int64_t M) {
  std::set<NeuronId> seen;
  for (const ActivationLimits& limits : policy.limits) {
    check_inside(limits.id, L, M);
    if (std::isnan(limits.low) || std::isnan(limits.high) || (std::isinf(limits.low) && std::isinf(limits.high))) {
      throw input_error("policy: {} is to be at least {} and at most {}: expected a number for one of them",
                        name_of(limits.id), limits.low, limits.high);
    }
    if (limits.low > limits.high) {
      throw input_error("policy: {} cannot be at least {} and at most {}: no activation satisfies it",
                        name_of(limits.id), limits.low, limits.high);
    }
    if (!seen.insert(limits.id).second) throw input_error("policy: {} has limits twice", name_of(limits.id));
    if (denied.contains(limits.id)) {
      throw input_error("policy: {} is denied and has limits, which would change it: drop one of the two",
                        name_of(limits.id));
    }
  }
}

}  // namespace

std::string policy_hash(const Policy& policy) {
  ContentHash hash;
  const auto add_neuron = [&](NeuronId id) { hash.add_integer(to_int(id.layer)).add_integer(to_int(id.neuron)); };
  hash.add_text(policy.scope == PolicyScope::all ? "all" : "generated").add_real(policy.steering_cap);
  const std::set<NeuronId> denied(policy.denied.begin(), policy.denied.end());
  hash.add_integer(std::ssize(denied));
  for (const NeuronId id : denied) add_neuron(id);
  std::vector<ActivationLimits> limits = policy.limits;
  std::ranges::sort(limits, {}, &ActivationLimits::id);
  for (const ActivationLimits& each : limits) {
    add_neuron(each.id);
    hash.add_real(each.low).add_real(each.high);
  }
  return hash.hex();
}

void check_policy(const Policy& policy, std::span<const NeuronId> touched, std::int64_t L, std::int64_t M) {
  if (policy.empty()) throw input_error("policy: it limits nothing");
  if (!(policy.steering_cap >= 0)) {
    throw input_error("policy: a cap of {} on steering: expected 0 or more", policy.steering_cap);
  }
  for (const NeuronId& id : policy.denied) check_inside(id, L, M);
  const std::set<NeuronId> denied(policy.denied.begin(), policy.denied.end());
  check_limits(policy, denied, L, M);
  for (const NeuronId& id : touched) {
    if (denied.contains(id)) {
      throw input_error("policy: {} is denied, and the steering or an intervention acts on it: leave it out there",
                        name_of(id));
    }
  }
}

}  // namespace neurosweep
