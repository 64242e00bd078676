#include "cluster/comm.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include "cluster/device.hpp"

namespace neurosweep {
namespace {

std::string text_of(int rank, std::size_t length) {
  std::string text(length, ' ');
  for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>((i * 31 + rank * 7) % 251);
  return text;
}

TEST(Comm, TheSessionJoinsAnMpiThatAlreadyRuns) {
  int argc = 0;
  char** argv = nullptr;
  { const MpiSession session(argc, argv); }

  int ended = 1;
  MPI_Finalized(&ended);

  EXPECT_FALSE(ended);
}

TEST(Comm, TheWorldHasEveryRankOnce) {
  const Comm comm = Comm::world();

  EXPECT_EQ(comm.all_sum(1), comm.size());
  EXPECT_EQ(comm.all_max(comm.rank()), comm.size() - 1);
}

TEST(Comm, ABroadcastOfTenMegabytesReachesEveryRank) {
  const Comm comm = Comm::world();
  const int root = comm.size() - 1;
  const std::string expected = text_of(root, 10'000'003);
  std::string bytes = comm.rank() == root ? expected : "to be replaced";

  comm.broadcast(bytes, root);

  EXPECT_TRUE(bytes == expected);
}

TEST(Comm, AnEmptyBroadcastEmptiesTheOthers) {
  const Comm comm = Comm::world();
  std::string bytes = comm.rank() == 0 ? "" : "to be replaced";

  comm.broadcast(bytes);

  EXPECT_EQ(bytes, "");
}

TEST(Comm, AGatherBringsTextsOfAnyLengthInRankOrder) {
  const Comm comm = Comm::world();
  const auto length = [](int rank) { return static_cast<std::size_t>(rank) * 100'000; };

  const auto all = comm.gather(text_of(comm.rank(), length(comm.rank())));

  if (comm.rank() != 0) {
    EXPECT_TRUE(all.empty());
    return;
  }
  ASSERT_EQ(all.size(), static_cast<std::size_t>(comm.size()));
  for (int rank = 0; rank < comm.size(); ++rank) EXPECT_TRUE(all[rank] == text_of(rank, length(rank))) << rank;
}

TEST(Comm, ASplitKeepsRanksOfOneColorInKeyOrder) {
  const Comm comm = Comm::world();

  const Comm half = comm.split(comm.rank() % 2, -comm.rank());

  const int with_my_color = (comm.size() + 1 - comm.rank() % 2) / 2;
  EXPECT_EQ(half.size(), with_my_color);
  EXPECT_EQ(half.rank(), with_my_color - 1 - comm.rank() / 2);
}

TEST(Comm, RanksOfOneMachineFindDifferentPlaces) {
  const Comm comm = Comm::world();

  const LocalPlace place = find_local_place(comm);

  EXPECT_EQ(place.size, comm.size());
  EXPECT_EQ(place.rank, comm.rank());
  EXPECT_GE(place.threads, 1);
}

TEST(Comm, AFailedCallIsAnMpiErrorThatNamesIt) {
  const Comm comm = Comm::world().dup();
  if (comm.size() == 1) GTEST_SKIP() << "one rank sends nothing";
  std::string bytes = "x";

  EXPECT_THROW(comm.broadcast(bytes, comm.size() + 5), std::runtime_error);
}

}  // namespace
}  // namespace neurosweep
