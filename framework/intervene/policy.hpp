#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "framework/base/ids.hpp"

namespace neurosweep {

/// Limits of one neuron's activation, as f32; without an end where it is infinite. Half precision keeps within them.
struct ActivationLimits {
  NeuronId id;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// Tokens at which a policy is enforced: those that a reply is decided from (the last of the prompt and all generated
/// ones), or every token.
enum class PolicyScope { generated, all };

/// What a model must keep to while it runs.
struct Policy {
  PolicyScope scope = PolicyScope::generated;
  std::vector<ActivationLimits> limits;  ///< each neuron at most once; envelopes and floors
  std::vector<NeuronId> denied;          ///< nothing may touch them: no intervention, steering or limit
  /// Largest norm of what steering adds to the neurons of a layer at a token, over the norm of the layer's activations
  /// there before; infinite: no cap.
  double steering_cap = std::numeric_limits<double>::infinity();

  bool empty() const {
    return limits.empty() && denied.empty() && steering_cap == std::numeric_limits<double>::infinity();
  }
};

/// Hash of what a policy says, in whatever order it names neurons.
std::string policy_hash(const Policy& policy);

/// Fails for a policy that no run of the model could keep, before anything runs.
///   touched  neurons that interventions and steering act on
///   throws   Error{input}: nothing in it, a neuron outside the model, limits twice for a neuron, low above high, a
///            number that is not one, a negative cap, a limit on a denied neuron, a denied neuron that is touched
void check_policy(const Policy& policy, std::span<const NeuronId> touched, std::int64_t L, std::int64_t M);

}  // namespace neurosweep
