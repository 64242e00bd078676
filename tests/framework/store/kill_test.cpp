#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using testing::TempDir;

constexpr std::int64_t kUnits = 300;
constexpr int kLaunches = 20;

// One launch of a one-rank engine: merge, measure what is pending, merge.
void run_launch(const std::string& dir) {
  merge_shards(dir);
  const auto pending = pending_units(Database::open_results(dir, Database::Access::read), 0);
  const int launch = claim_launch(dir);
  ShardWriter writer(shard_path(dir, launch, 0), make_study_id(testing::example_identity()), launch, 0);
  for (std::int64_t unit : pending) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    writer.append(0, unit, testing::example_hash(unit), testing::example_rows(unit), 0.1);
    if (unit % 8 == 0) writer.commit();
  }
  writer.close();
  merge_shards(dir);
}

// run_launch() in a process of its own.
pid_t start_launch(const std::string& dir) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    run_launch(dir);
  } catch (const std::exception&) {
    _exit(1);  // the other launch held results.db for too long
  }
  _exit(0);
}

// Kills a process after a while; returns whether it was still running.
bool kill_after(pid_t child, std::chrono::milliseconds delay) {
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

TEST(Kill, AStudyKilledAtRandomPointsEndsLikeAnUndisturbedOne) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  const std::string expected = testing::make_merged_store(temp.file("undisturbed"), kUnits);
  testing::make_example_store(dir, kUnits);
  std::mt19937 random(11);
  int killed = 0;

  for (int i = 0; i < kLaunches; ++i) {
    const pid_t child = start_launch(dir);
    killed += kill_after(child, std::chrono::milliseconds(1 + random() % 150)) ? 1 : 0;
  }
  run_launch(dir);

  const VerifyReport report = verify_store(dir);
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  EXPECT_EQ(report.units, kUnits);
  EXPECT_EQ(report.units_missing, 0);
  EXPECT_EQ(report.content_hash, expected);
  EXPECT_GT(killed, 0);
}

TEST(Kill, TwoLaunchesAtOnceOneKilledEndLikeAnUndisturbedOne) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  const std::string expected = testing::make_merged_store(temp.file("undisturbed"), kUnits);
  testing::make_example_store(dir, kUnits);

  const pid_t survivor = start_launch(dir);
  const pid_t victim = start_launch(dir);
  kill_after(victim, std::chrono::milliseconds(60));
  waitpid(survivor, nullptr, 0);
  run_launch(dir);

  const VerifyReport report = verify_store(dir);
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  EXPECT_EQ(report.content_hash, expected);
}

}  // namespace
}  // namespace neurosweep
