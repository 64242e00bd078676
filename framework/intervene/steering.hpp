#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// One neuron under steering of strength s: a <- a + s (push + rate (target - a)).
struct SteeredNeuron {
  NeuronId id;
  float push = 0;
  float rate = 0;  ///< 0..1: how much of the way to the target
  float target = 0;
};

/// Neurons that are steered together.
///   source   arXiv:2601.19847 eq. (3): push = S', rate = 0
using SteeringVector = std::vector<SteeredNeuron>;

/// Tokens that steering acts on. A generated token is decided where the token before it is fed: `generated` starts at
/// the last token of the prompt, and `first` covers the first n of those steps.
enum class SteerScope { all, generated, first };

/// The model's doubt about its last prediction that scales the strength: the entropy in nats, or one minus the
/// distance between the two largest probabilities.
enum class Doubt { ignored, entropy, margin };

/// The scope or doubt of this name. Throws Error{input} with the valid ones.
SteerScope steer_scope(std::string_view name);
Doubt doubt_kind(std::string_view name);

struct SteerPolicy {
  double strength = 1;
  SteerScope scope = SteerScope::generated;
  std::int64_t steps = 0;  ///< of scope `first`
  double cap = 0;          ///< largest change of an activation; 0: none
  Doubt doubt = Doubt::ignored;
  double full_doubt = 1;  ///< doubt from which on the whole strength acts; below, in proportion
};

/// Steering of one sequence.
struct SteerOrder {
  std::int64_t sequence = 0;  ///< as in BatchRows::sequence
  std::shared_ptr<const SteeringVector> vector;
  SteerPolicy policy;
};

/// Steers sequences during forwards, each in its own way, at neurons only. With doubt, the strength at a token follows
/// from what the model predicted one step before, and is whole where nothing was predicted yet; such orders are for
/// generation, where every step is seen. In a part of a decoder every rank is given all orders and steers its own
/// neurons.
class Steering final : public ActivationHook {
 public:
  ///   throws  Error{input}: a neuron outside the model or twice, a value that is not finite, a pull beyond its target
  ///           (strength times rate above 1), no neuron, scope `first` without steps, a sequence twice
  Steering(const std::vector<SteerOrder>& orders, const ArchSpec& arch);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;
  bool wants_predictions() const override { return doubts_; }
  void predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) override;

  /// Throws Error{input} naming the first sequence in which no token was steered.
  void check_applied() const;

  /// Strength at the tokens of a sequence's scope, mean over those that were fed; 0 for one that is not steered.
  double mean_strength(std::int64_t sequence) const;

 private:
  /// An order and what has come of it.
  struct Run {
    SteerPolicy policy;
    std::vector<SteeringVector> layers;  ///< [L] neurons of this rank, counted from its first
    double share = 1;                    ///< of the strength, by the doubt about the last prediction
    std::int64_t tokens = 0;             ///< in scope, fed
    double strength_sum = 0;
  };
  /// Columns [begin, end) of batch row `row` are steered.
  struct Touch {
    Run* run;
    std::int64_t row, begin, end;
  };
  std::vector<Touch> find_touches(LayerIndex layer, const BatchRows& rows);
  void steer_floats(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);
  void steer_any(LayerIndex layer, at::Tensor& x, const std::vector<Touch>& touches);

  std::unordered_map<std::int64_t, Run> runs_;
  std::vector<bool> touched_layers_;  ///< [L]
  bool doubts_ = false;
  std::int64_t first_layer_ = 0;  ///< the lowest that is steered: where tokens are counted
};

}  // namespace neurosweep
