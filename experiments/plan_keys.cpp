#include "experiments/plan_keys.hpp"

#include "framework/base/error.hpp"

namespace neurosweep {

std::int64_t round_id_of(std::size_t experiment, std::int64_t round_no) {
  ensure(round_no < kMostRounds, "an experiment has fewer rounds than its numbers");
  return static_cast<std::int64_t>(experiment) * kMostRounds + round_no;
}

void set_round_id(Plan& plan, std::int64_t round_id) {
  for (ArmRow& arm : plan.arms) arm.round_id = round_id;
  for (SetMemberRow& member : plan.members) member.round_id = round_id;
  for (SteerArmRow& arm : plan.steer_arms) arm.round_id = round_id;
  for (SteerGateRow& gate : plan.gates) gate.round_id = round_id;
}

}  // namespace neurosweep
