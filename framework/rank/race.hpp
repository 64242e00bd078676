#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// Why a neuron runs in a race.
enum class RaceRole {
  candidate,  ///< among the best of the screen
  control,    ///< random, with the candidates' layer shares
  rest,       ///< random sample of the others: it tells how many neurons of the top the screen missed
};

/// What a race has decided about a neuron: inside or outside the top K of the neurons that run, or nothing yet.
enum class RaceState { in, out, open };

/// A race for the K neurons with the most negative mean effect over a fixed list of P items.
struct RaceSpec {
  std::int64_t top = 50;          ///< K
  double error = 0.05;            ///< rate at which any decision of the whole race may be wrong
  std::int64_t candidates = 200;  ///< neurons of each role
  std::int64_t controls = 25;
  std::int64_t rest = 30;
  double first_items = 6;   ///< items of a neuron in the first round, expected
  double max_forwards = 0;  ///< exact interventions stop here, in whole forwards of an item of mean length
  std::uint64_t seed = 0;
};

struct Entrant {
  std::int64_t neuron = 0;  ///< layer * M + neuron
  RaceRole role = RaceRole::candidate;
};

/// What the screen says of a neuron, mean over items.
struct ScreenedNeuron {
  float reach = 0;   ///< estimated size of the effect, >= 0
  float effect = 0;  ///< first-order effect
};

/// The neurons that run, by number: of the candidates three quarters by the largest reach and the others by the most
/// negative first-order effect; then random controls and rest among the others.
///   neurons  [N]
///   M        neurons per layer
///   returns  fewer of a role when the model has no more neurons
std::vector<Entrant> draw_entrants(std::span<const ScreenedNeuron> neurons, std::int64_t M, const RaceSpec& spec);

/// What is known in a race. Blocks are entrant-major [E * P].
struct RaceField {
  std::vector<Entrant> entrants;       ///< [E]
  std::int64_t M = 0;                  ///< neurons per layer
  std::vector<float> screen;           ///< estimated effect: the control variate
  std::vector<float> reach;            ///< estimated size of the effect, >= 0: large where an effect may be large
  std::vector<float> exact;            ///< measured effect, NaN where not measured
  std::vector<double> arm_cost;        ///< [E] forwards that one exact intervention costs
  std::vector<double> item_cost;       ///< [P] length of an item relative to the mean length
  std::vector<ScreenedNeuron> others;  ///< [N - E] the neurons that do not run
};

/// An exact effect that the race needs next.
struct RaceRequest {
  std::size_t entrant = 0;
  std::size_t item = 0;
  auto operator<=>(const RaceRequest&) const = default;
};

/// What is known about an entrant's mean effect over all items.
struct RaceEstimate {
  std::int64_t n = 0;  ///< items measured
  double mean = 0;
  double standard_error = 0;  ///< 0 when all items were measured
  Interval interval;          ///< simultaneous over entrants and rounds at the race's error rate
  RaceState state = RaceState::open;
  std::int64_t place = 0;  ///< from 1 within the given top K, 0 outside it
};

struct RaceVerdict {
  std::vector<RaceEstimate> entrants;  ///< as in RaceField
  double recall = 0;                   ///< estimated share of the true top K that is in the given one
  Interval recall_interval;            ///< 95 %
  double forwards = 0;                 ///< spent on exact interventions and the baselines under them
  std::int64_t effects = 0;            ///< exact effects measured
  std::int64_t rounds = 0;
};

/// A step of a race: the effects to measure now, or the verdict when there are none.
struct RaceStep {
  std::vector<RaceRequest> requests;  ///< by entrant, then item
  RaceVerdict verdict;
};

/// Replays the race from its start with the effects measured so far, up to the first round with a missing one.
///
/// Items come to a neuron by Poisson sampling with permanent random numbers, the likelier the larger its reach there;
/// the mean effect is estimated by the screen plus the weighted difference of exact effects and screen, with the reach
/// as ratio variable. Each round goes to the undecided neurons for which it changes most for its cost. A race ends
/// when all are decided, all items are measured, or the next round would exceed max_forwards.
///   source   Ohlsson 1995, "Coordination of samples using permanent random numbers"; Saerndal, Swensson, Wretman 1992,
///            "Model assisted survey sampling", ch. 6
RaceStep advance_race(const RaceField& field, const RaceSpec& spec);

}  // namespace neurosweep
