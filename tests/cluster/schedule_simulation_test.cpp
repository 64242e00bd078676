#include "tests/bench/schedule_simulation.hpp"

#include <gtest/gtest.h>

namespace neurosweep {
namespace {

SimulatedRound even_round(std::int64_t units, double seconds) {
  SimulatedRound round;
  for (std::int64_t i = 0; i < units; ++i) round.todo.push_back({i});
  round.seconds.assign(static_cast<std::size_t>(units), seconds);
  return round;
}

TEST(ScheduleSimulation, EvenUnitsOnAPerfectNetworkLoseNothing) {
  const SimulatedRun run = simulate_round(even_round(400, 2.0), {8, 0, 0});

  EXPECT_DOUBLE_EQ(run.makespan, 100.0);
  EXPECT_DOUBLE_EQ(run.efficiency, 1.0);
  EXPECT_EQ(run.manager_load, 0.0);
}

TEST(ScheduleSimulation, WorkTakenAheadHidesTheWayOfAMessage) {
  const SimulatedRun run = simulate_round(even_round(4000, 0.1), {8, 0.01, 0});

  EXPECT_NEAR(run.makespan, 50.0 + 0.1, 0.1) << "a rank waits at the start and for its last units only";
}

TEST(ScheduleSimulation, AManagerThatCannotKeepUpIsTheLimit) {
  const SimulatedRun run = simulate_round(even_round(100'000, 0.01), {1000, 0, 50e-6});

  EXPECT_GT(run.manager_load, 0.99);
  EXPECT_NEAR(run.makespan, 100'000 * 2 * 50e-6, 0.5) << "two messages a unit";
}

TEST(ScheduleSimulation, TheLongestUnitFirstShortensTheTail) {
  SimulatedRound blind = even_round(200, 1.0);
  blind.seconds.back() = 20.0;
  SimulatedRound known = blind;
  known.todo.back().weight = 20.0;

  const SimulatedRun in_order = simulate_round(blind, {10, 0, 0});
  const SimulatedRun longest_first = simulate_round(known, {10, 0, 0});

  EXPECT_GT(in_order.makespan, 35.0);
  EXPECT_LE(longest_first.makespan, 22.9) << "21.9 if nothing were lost";
}

}  // namespace
}  // namespace neurosweep
