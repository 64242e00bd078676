#include "cluster/collectives.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

// Small whole numbers: their sums are exact in any order.
std::vector<float> values_of(int rank, std::size_t n) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = static_cast<float>((i * 7 + static_cast<std::size_t>(rank) * 13) % 101);
  return values;
}

TEST(Collectives, SumsOverMpiEqualSumsByHand) {
  const auto group = make_mpi_collectives(Comm::world());
  constexpr std::size_t kCount = 10'007;
  std::vector<float> expected(kCount, 0);
  for (int rank = 0; rank < group->size(); ++rank) {
    const auto theirs = values_of(rank, kCount);
    for (std::size_t i = 0; i < kCount; ++i) expected[i] += theirs[i];
  }
  auto data = values_of(group->rank(), kCount);

  group->all_reduce_sum(data.data(), data.size());

  EXPECT_EQ(data, expected);
}

TEST(Collectives, SumsOverMpiAreInTheOrderOfRanksForAnyLength) {
  const auto group = make_mpi_collectives(Comm::world());
  const auto number_of = [](int rank, std::size_t i) {
    return (rank % 2 == 0 ? 1e8F : 1.0F) * static_cast<float>(i % 7 + 1) * (rank == 2 ? -1.0F : 1.0F);
  };
  for (const std::size_t n : {std::size_t{1}, std::size_t{5}, std::size_t{4096}, std::size_t{10'007}}) {
    std::vector<float> data(n), expected(n);
    for (std::size_t i = 0; i < n; ++i) {
      data[i] = number_of(group->rank(), i);
      expected[i] = number_of(0, i);
      for (int rank = 1; rank < group->size(); ++rank) expected[i] += number_of(rank, i);
    }

    group->all_reduce_sum(data.data(), n);

    EXPECT_EQ(data, expected) << n << " numbers";
  }
}

TEST(Collectives, AGatherOverMpiPutsPiecesInRankOrder) {
  const auto group = make_mpi_collectives(Comm::world());
  constexpr std::size_t kCount = 33;
  std::vector<float> expected;
  for (int rank = 0; rank < group->size(); ++rank) {
    const auto theirs = values_of(rank, kCount);
    expected.insert(expected.end(), theirs.begin(), theirs.end());
  }
  std::vector<float> all(expected.size());

  group->all_gather(values_of(group->rank(), kCount).data(), all.data(), kCount);

  EXPECT_EQ(all, expected);
}

TEST(Collectives, ABroadcastOverMpiTakesTheRootsValues) {
  const auto group = make_mpi_collectives(Comm::world());
  const int root = group->size() - 1;
  auto data = values_of(group->rank(), 100);

  group->broadcast(data.data(), data.size(), root);

  EXPECT_EQ(data, values_of(root, 100));
}

TEST(Collectives, OneRankKeepsItsValues) {
  const auto group = make_single_collectives();
  const auto mine = values_of(0, 5);
  auto data = mine;
  std::vector<float> all(5);

  group->all_reduce_sum(data.data(), data.size());
  group->broadcast(data.data(), data.size(), 0);
  group->all_gather(mine.data(), all.data(), 5);

  EXPECT_EQ(data, mine);
  EXPECT_EQ(all, mine);
}

TEST(Collectives, DevicesAreCountedWithoutADriver) {
  EXPECT_GE(cuda_device_count(), 0);
}

#ifdef NS_WITH_NCCL
TEST(Collectives, NcclTellsItsVersion) {
  EXPECT_GE(nccl_version(), 20000);
}
#else
TEST(Collectives, WithoutNcclItSaysSo) {
  EXPECT_EQ(nccl_version(), 0);
  EXPECT_THROW(make_nccl_collectives(Comm::world(), 0), Error);
}
#endif

TEST(Collectives, NcclWithoutADeviceIsADeviceError) {
  if (cuda_device_count() > 0) GTEST_SKIP() << "this machine has a CUDA device";

  try {
    make_nccl_collectives(Comm::world(), 0);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::device);
  }
}

}  // namespace
}  // namespace neurosweep
