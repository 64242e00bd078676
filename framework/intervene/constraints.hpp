#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/intervene/policy.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// The policy of one sequence.
struct PolicyOrder {
  std::int64_t sequence = 0;  ///< as in BatchRows::sequence
  std::shared_ptr<const Policy> policy;
};

/// What a hook that is kept within policies does.
struct Guarded {
  ActivationHook* hook = nullptr;  ///< null: nothing acts on the model
  std::vector<NeuronId> neurons;   ///< every neuron that it acts on: what a cap measures and makes smaller
};

/// `floor`: raised to the least value; `ceiling`: lowered to the largest; `cap`: steering of a layer made smaller.
enum class ConstraintRule { floor, ceiling, cap };
std::string_view rule_name(ConstraintRule rule);

/// One limit that was enforced on one sequence; or the limits of a layer whose neurons have no entry of their own.
struct Enforcement {
  std::int64_t sequence = 0;
  ConstraintRule rule = ConstraintRule::floor;
  std::int64_t layer = 0;
  std::int64_t neuron = -1;  ///< -1: the layer, for a cap; else its neurons beyond kMostLogged together
  std::int64_t times = 0;    ///< tokens; of neurons together, over neurons and tokens
  std::int64_t first_position = 0;
  double largest = 0;  ///< correction; of a cap, norm of steering over that of the layer before it was made smaller
};

/// Keeps sequences within their policies at every forward. It runs the guarded hook itself, so that the order is fixed:
/// what the hook does, then the cap on it, then the limits of neurons, which have the last word. For whole decoders.
class Constraints final : public ActivationHook {
 public:
  /// Floors and ceilings of neurons that have an entry each in the log of a sequence. Further ones share one for their
  /// layer and rule, so that the log stays short and the sum of its times is all that was enforced.
  static constexpr std::size_t kMostLogged = 1000;

  ///   dtype   of activations: limits are rounded to it inwards, so that no activation is beyond what the policy says
  ///   throws  Error{input} as check_policy, a sequence twice, or limits that hold no number of the dtype
  Constraints(const std::vector<PolicyOrder>& orders, Guarded guarded, const ArchSpec& arch, at::ScalarType dtype);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;
  bool wants_predictions() const override { return guarded_.hook != nullptr && guarded_.hook->wants_predictions(); }
  void predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) override;

  /// Everything that was enforced, by sequence, layer, neuron, rule.
  std::vector<Enforcement> log() const;

 private:
  /// Limits of a policy in one layer.
  struct LayerLimits {
    std::vector<std::int64_t> neurons;
    std::vector<float> low, high;     ///< numbers of dtype_
    std::vector<std::int64_t> slots;  ///< of a neuron's floor in the log, its ceiling's comes behind it
  };
  /// A policy made ready; sequences share it.
  struct Ready {
    PolicyScope scope;
    double cap;
    std::vector<LayerLimits> layers;  ///< [L]
    std::size_t n_slots;              ///< of a log: two for every limited neuron, then one for each layer and rule
  };
  struct Run {
    std::shared_ptr<const Ready> policy;
    std::vector<std::int32_t> places;  ///< [n_slots] index into log, -1: not there; empty before the first
    std::vector<Enforcement> log;
    std::size_t n_neurons = 0;  ///< entries of the log that are of one neuron
  };
  /// Columns [begin, end) of batch row `row` are within a policy's scope.
  struct Touch {
    std::int64_t sequence;
    Run* run;
    std::int64_t row, begin, end, first_position;
  };
  std::vector<Touch> find_touches(const BatchRows& rows);
  /// Steered columns of a layer's touched tokens and the norms of all its neurons there, before the hook acts.
  struct Before {
    std::vector<float> floats;  ///< [tokens, columns], where the layer is read by floats
    at::Tensor any;             ///< [B, T, columns] f32, elsewhere
    std::vector<double> norms;  ///< [tokens], of touches in their order
  };
  void find_steered();
  void keep_floats(LayerIndex layer, const at::Tensor& x, const std::vector<Touch>& touches);
  void keep_any(LayerIndex layer, const at::Tensor& x, const std::vector<Touch>& touches);
  void cap_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);
  void cap_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);
  void limit_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);
  void limit_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);
  /// What was enforced where, without its sequence and place.
  struct Event {
    ConstraintRule rule;
    std::int64_t layer, neuron;
    std::size_t slot;
    double size;
  };
  static Event layer_event(const Ready& policy, ConstraintRule rule, std::int64_t layer, double size);
  static void note(const Touch& touch, std::int64_t column, Event event);

  Guarded guarded_;
  at::ScalarType dtype_;
  std::unordered_map<std::int64_t, Run> runs_;
  std::vector<bool> limited_layers_;                ///< [L]
  std::vector<std::vector<std::int64_t>> steered_;  ///< [L] neurons that the hook acts on, ascending
  Before before_;
  bool capped_ = false;
};

}  // namespace neurosweep
