#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/intervene/kinds.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// One edit of one neuron of one sequence, as data.
struct Intervention {
  std::int64_t row = 0;  ///< the sequence, as in BatchRows::sequence
  NeuronId neuron;
  InterventionKind kind = InterventionKind::zero;
  float value = 0;  ///< mean: the neuron's mean over the caller's reference; scale: factor; add, set: activation
  Span span = Span::all;
};

/// "scale 0.5 of neuron 3:17 in sequence 2 (span all)", for messages.
std::string describe(const Intervention& intervention);

/// Throws Error{input} for a layer or neuron outside the model, or a value that is not finite.
void check_intervention(const Intervention& intervention, const ArchSpec& arch);

/// Applies interventions during a forward. Every batch row may have its own; the cost grows with the activations
/// touched. Several on the same neuron of one row act in the given order. `scale` by 1 changes no bit.
/// In a part of a decoder every rank is given all of them and writes those on its own neurons.
class InterventionSet final : public ActivationHook {
 public:
  ///   throws  Error{input}: layer or neuron outside the model, a value that is not finite
  InterventionSet(std::vector<Intervention> interventions, const ArchSpec& arch);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;

  /// Throws Error{input} naming the first intervention that has touched no position since the last reset, and why.
  void check_applied() const;
  void reset();

 private:
  /// One (intervention, batch row) with the columns [begin, end) that it touches.
  struct Touch {
    std::int32_t item;
    std::int32_t row;
    std::int32_t begin, end;
    bool operator==(const Touch&) const = default;
  };
  /// Touched activations of one kind, ready for gather, apply and scatter; no activation appears twice.
  struct Step {
    InterventionKind kind;
    at::Tensor index;  ///< [E] int64 into x flattened
    at::Tensor value;  ///< [E] f32
  };
  struct LayerPlan {
    std::unordered_map<std::int64_t, std::vector<std::int32_t>> of_sequence;  ///< indices of interventions, in order
    std::vector<Touch> touches;                                               ///< of the last visit
    std::int64_t T = 0;
    std::vector<Step> steps;
  };
  std::vector<Touch> find_touches(const LayerPlan& plan, const BatchRows& rows);
  std::vector<Step> make_steps(const std::vector<Touch>& touches, const at::Tensor& x) const;

  struct Item {
    Intervention intervention;
    std::int32_t turn = 0;     ///< how many interventions on the same neuron and row come before
    bool seen = false;         ///< its sequence was in a batch
    bool seen_tokens = false;  ///< ... with at least one token
    std::int64_t touched = 0;  ///< positions
  };
  static void forget(Item& item);
  Piece neurons_;  ///< that this rank writes
  std::vector<Item> items_;
  std::vector<LayerPlan> layers_;
};

}  // namespace neurosweep
