#include "experiments/neuron_choice.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

ArchSpec arch_of(std::int64_t L, std::int64_t M) {
  ArchSpec arch;
  arch.L = L;
  arch.M = M;
  return arch;
}

NeuronId id(int layer, int neuron) {
  return {LayerIndex(layer), NeuronIndex(neuron)};
}

TEST(CheckMembers, RefuseAPlanThatNoRankCouldTakeInOneLine) {
  EXPECT_NO_THROW(check_members(kMostMembers, "constrain", "limit fewer neurons"));
  expect_error(ErrorKind::input,
               ::testing::StrEq("experiment 'constrain': its plan would have 1327104 rows of neurons, and at most "
                                "1000000 are possible: limit fewer neurons"),
               [] { check_members(2 * 331'776 * 2, "constrain", "limit fewer neurons"); });
}

TEST(DrawControls, HaveTheLayerSharesOfTheCandidatesAndNoneOfThem) {
  std::vector<NeuronId> candidates;
  for (int i = 0; i < 6; ++i) candidates.push_back(id(0, i));
  for (int i = 0; i < 2; ++i) candidates.push_back(id(2, i));

  const auto controls = draw_controls(candidates, arch_of(3, 50), 20, 7);

  std::map<LayerIndex, int> of_layer;
  for (const NeuronId& control : controls) {
    ++of_layer[control.layer];
    EXPECT_EQ(std::count(candidates.begin(), candidates.end(), control), 0);
  }
  EXPECT_EQ(std::set<NeuronId>(controls.begin(), controls.end()).size(), 20u);
  EXPECT_EQ(of_layer, (std::map<LayerIndex, int>{{LayerIndex(0), 15}, {LayerIndex(2), 5}}));
}

TEST(DrawControls, FollowFromTheSeed) {
  const std::vector<NeuronId> candidates = {id(0, 1), id(1, 1)};
  const ArchSpec arch = arch_of(2, 100);

  EXPECT_EQ(draw_controls(candidates, arch, 10, 1), draw_controls(candidates, arch, 10, 1));
  EXPECT_NE(draw_controls(candidates, arch, 10, 1), draw_controls(candidates, arch, 10, 2));
}

TEST(DrawControls, OfAllNeuronsAreASampleOfThem) {
  const ArchSpec arch = arch_of(2, 30);

  EXPECT_EQ(draw_controls(all_neurons(arch), arch, 12, 1).size(), 12u);
}

TEST(DrawControls, AreNeverMoreThanTheLayersHold) {
  const std::vector<NeuronId> candidates = {id(0, 0), id(0, 1)};

  EXPECT_EQ(draw_controls(candidates, arch_of(1, 5), 100, 1).size(), 3u);
}

}  // namespace
}  // namespace neurosweep
