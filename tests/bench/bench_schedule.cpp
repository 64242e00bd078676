// Simulates rounds of a study on many ranks with the dispatcher's own code, and prints a Markdown table.

#include <cmath>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "framework/base/error.hpp"
#include "tests/bench/schedule_simulation.hpp"

namespace neurosweep {
namespace {

/// How the true time of a unit follows from what the dispatcher knows of it.
struct Workload {
  std::string name;
  std::int64_t units_a_rank;
  double mean_seconds;
  double spread;  ///< standard deviation of the logarithm of a unit's weight
  int kinds;      ///< tasks; a unit of weight w takes 3^kind times as long in each
  double noise;   ///< of the time around what weight and kind say, relative
};

SimulatedRound make_round(const Workload& load, int ranks) {
  std::mt19937_64 random(20261122);
  std::normal_distribution<double> normal;
  SimulatedRound round;
  const std::int64_t units = load.units_a_rank * ranks;
  double sum = 0;
  for (std::int64_t i = 0; i < units; ++i) {
    const double weight = std::exp(load.spread * normal(random));
    const auto kind = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(load.kinds));
    round.todo.push_back({i, 0, kind, weight});
    round.seconds.push_back(weight * std::pow(3.0, static_cast<double>(kind)) * std::exp(load.noise * normal(random)));
    sum += round.seconds.back();
  }
  for (double& seconds : round.seconds) seconds *= load.mean_seconds * static_cast<double>(units) / sum;
  return round;
}

void print_rows(const Workload& load, const SimulatedCluster& machine) {
  for (const int ranks : {16, 64, 256, 1024, 4096}) {
    SimulatedRound round = make_round(load, ranks);
    SimulatedCluster cluster = machine;
    cluster.ranks = ranks;
    const SimulatedRun run = simulate_round(round, cluster);
    for (QueuedUnit& unit : round.todo) unit = {unit.unit};
    const SimulatedRun in_order = simulate_round(round, cluster);
    std::cout << fmt::format("| {} | {} | {:.1f} s | {:.2f} % | {:.2f} % | {:.2f} % | {:.2f} % | {:.2f} us |\n",
                             load.name, ranks, run.makespan, 100 * run.efficiency, 100 * run.bound,
                             100 * in_order.efficiency, 100 * run.manager_load, 1e6 * run.deciding);
  }
}

}  // namespace
}  // namespace neurosweep

int main() {
  using namespace neurosweep;
  const SimulatedCluster machine{1, 40e-6, 10e-6};
  std::cout << fmt::format(
      "A message takes {:.0f} us on its way and {:.0f} us of the manager to receive or send.\n\n"
      "| units | ranks | time | efficiency | best possible | in the order of the list | manager busy | decision |\n"
      "|---|---|---|---|---|---|---|---|\n",
      1e6 * machine.latency, 1e6 * machine.seconds_a_message);
  print_rows({"100 a rank, 5 s, all alike", 100, 5, 0, 1, 0}, machine);
  print_rows({"100 a rank, 5 s, skewed", 100, 5, 0.5, 3, 0.2}, machine);
  print_rows({"100 a rank, 0.5 s, skewed", 100, 0.5, 0.5, 3, 0.2}, machine);
  print_rows({"100 a rank, 0.05 s, skewed", 100, 0.05, 0.5, 3, 0.2}, machine);
}
