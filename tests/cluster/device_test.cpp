#include "cluster/device.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

TEST(Device, RanksOfAMachineTakeItsDevicesInTurn) {
  EXPECT_EQ(choose_cuda_device(0, 2), 0);
  EXPECT_EQ(choose_cuda_device(1, 2), 1);
  EXPECT_EQ(choose_cuda_device(2, 2), 0);
}

TEST(Device, ARankThatSeesOneDeviceTakesIt) {
  EXPECT_EQ(choose_cuda_device(3, 1), 0);
}

TEST(Device, NoVisibleDeviceMeansTheCpu) {
  EXPECT_EQ(choose_cuda_device(1, 0), std::nullopt);
}

TEST(Device, SharedProcessorsAreDividedAmongTheirRanks) {
  const std::vector<int> users = {4, 4, 4, 4, 4, 4, 4, 4};

  EXPECT_EQ(fair_threads({0, 1, 2, 3, 4, 5, 6, 7}, users), 2);
}

TEST(Device, ProcessorsOfItsOwnAllGoToTheRank) {
  const std::vector<int> users = {1, 1, 1, 1};

  EXPECT_EQ(fair_threads({2, 3}, users), 2);
}

TEST(Device, ARankHasAtLeastOneThread) {
  const std::vector<int> users = {8, 8};

  EXPECT_EQ(fair_threads({0, 1}, users), 1);
}

TEST(Device, ALoneProcessIsItsMachinesOnlyRank) {
  const LocalPlace place = find_local_place(Comm::self_only());

  EXPECT_EQ(place.rank, 0);
  EXPECT_EQ(place.size, 1);
  EXPECT_GE(place.threads, 1);
}

}  // namespace
}  // namespace neurosweep
