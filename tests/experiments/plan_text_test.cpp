#include <gtest/gtest.h>

#include "experiments/experiment.hpp"

namespace neurosweep {
namespace {

TEST(PlanText, ReadsBackAsWritten) {
  Plan plan{"sweep", "sweep", 2, {}, {}, {}};
  plan.arms.push_back({4, 0, "small", 1, 17, "set", 0.1, "all", "candidate"});
  plan.members.push_back({4, "random-00", "small", "arith", 2, 3, "zero", 0.0, "all"});
  plan.units.push_back({"small", "arith", {"a \"quoted\" id", "b"}, 5, 7});

  const Plan again = plan_from_text(plan_to_text(plan));

  EXPECT_EQ(plan_to_text(again), plan_to_text(plan));
  ASSERT_EQ(again.units.size(), 1u);
  EXPECT_EQ(again.units[0].items, plan.units[0].items);
  EXPECT_EQ(again.units[0].n_arms, 7);
  EXPECT_EQ(again.arms.at(0).neuron, 17);
  EXPECT_EQ(again.arms.at(0).value, 0.1);
  EXPECT_EQ(again.members.at(0).set_name, "random-00");
}

}  // namespace
}  // namespace neurosweep
