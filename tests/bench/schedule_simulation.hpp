#pragma once

#include <cstdint>
#include <vector>

#include "cluster/unit_queue.hpp"

namespace neurosweep {

/// A round for the simulator: units as the dispatcher sees them, and how long each really takes.
struct SimulatedRound {
  std::vector<QueuedUnit> todo;
  std::vector<double> seconds;  ///< by unit number, storing included
};

/// The machine that a round is simulated on.
struct SimulatedCluster {
  int ranks = 1;
  double latency = 20e-6;           ///< seconds of a message on its way
  double seconds_a_message = 5e-6;  ///< of the manager, to receive or to send one
};

/// What came out.
struct SimulatedRun {
  double makespan = 0;      ///< seconds until every rank knows that nothing is left
  double work = 0;          ///< sum of the units' seconds
  double efficiency = 0;    ///< work / (ranks * makespan)
  double bound = 0;         ///< the best possible efficiency: no schedule ends before its longest unit
  double manager_load = 0;  ///< share of the time that the manager is busy
  double deciding = 0;      ///< seconds of real time that HandOut took for each message
};

/// Plays a round with the dispatcher's own HandOut on a virtual clock. Ranks are all alike; the manager handles one
/// message at a time, in the order of arrival.
SimulatedRun simulate_round(const SimulatedRound& round, const SimulatedCluster& cluster);

}  // namespace neurosweep
