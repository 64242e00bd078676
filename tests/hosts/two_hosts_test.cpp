// Studies whose ranks sit on two hosts with nothing but a network between them; see two_hosts.sh.
#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using testing::BackgroundProgram;
using testing::ProgramResult;
using testing::run_program;

class TwoHosts : public testing::StudyTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.file("hosts"));
    const ProgramResult tried = run_program(on_hosts({"true"}));
    if (tried.status == 3) GTEST_SKIP() << "no two hosts here: " << tried.err;
    ASSERT_EQ(tried.status, 0) << tried.err;
  }

  /// Words that run a program on the first host.
  std::vector<std::string> on_hosts(const std::vector<std::string>& program) const {
    std::vector<std::string> words = {NS_SOURCE_DIR "/tests/hosts/two_hosts.sh", "run", dir_.file("hosts")};
    words.insert(words.end(), program.begin(), program.end());
    return words;
  }

  /// Words that run the study by as many ranks on each host.
  std::vector<std::string> run_words(int ranks_per_host, const std::string& study) const {
    const std::string hosts = fmt::format("alpha:{0},beta:{0}", ranks_per_host);
    return on_hosts({"mpirun", "--bind-to", "none", "--host", hosts, "-n", std::to_string(2 * ranks_per_host),
                     testing::neurosweep_path(), "run", study, "--store", store()});
  }

  /// A study whose last experiment has 67 units, so that both hosts are at it together for a second at least.
  std::string long_study() const { return write_study({{"items = 12\ntop", "items = 100\ntop"}}); }

  /// Content hash of a study run by one process.
  std::string hash_on_one_host(const std::string& study) const {
    const auto result = testing::run_neurosweep({"run", study, "--store", store("one-host")});
    EXPECT_EQ(result.status, 0) << result.err;
    return sound_hash(store("one-host"));
  }

  /// Starts a study on both hosts, lets `event` happen to the second one in the midst of it, expects the run to end so
  /// that it may be started again, and that this gives the results of an undisturbed run.
  void expect_to_survive(const std::string& event) const {
    const std::string study = long_study();
    BackgroundProgram run(run_words(1, study));
    wait_until("work of both hosts", [&] { return testing::ranks_at_work(store(), kLastRound) == 2; });

    signal_ranks("-STOP");  // so that the event does not come too late
    testing::write_file(dir_.file("hosts/" + event), "");
    wait_until(event, [&] { return !std::filesystem::exists(dir_.file("hosts/" + event)); });
    signal_ranks("-CONT");
    ASSERT_TRUE(run.finished_within(std::chrono::seconds(60)));

    EXPECT_TRUE(may_be_started_again(run.wait())) << run.wait();
    EXPECT_GT(query("SELECT sum(n_units) - (SELECT count(*) FROM unit) AS n FROM round")[0].at("n"), 0);
    const auto resumed = testing::run_neurosweep({"run", study, "--store", store()});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    static const std::string hash = hash_on_one_host(study);  // of the one study that all events happen to
    EXPECT_EQ(sound_hash(store()), hash);
  }

 private:
  /// As slurm/sweep.sbatch decides it.
  static bool may_be_started_again(int status) {
    constexpr std::array in_vain = {exit_status::kComplete, exit_status::kInput, exit_status::kFailedUnits,
                                    exit_status::kIo,       exit_status::kStore, exit_status::kInternal};
    return std::find(in_vain.begin(), in_vain.end(), status) == in_vain.end();
  }

  static constexpr std::int64_t kLastRound = 2;

  template <class Condition>
  static void wait_until(const std::string& what, Condition&& happened) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (; !happened(); std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << what << " did not happen within 60 s";
    }
  }

  void signal_ranks(const std::string& signal) const {
    const std::string ranks = fmt::format("^{} run .*{}", testing::neurosweep_path(), store());
    EXPECT_EQ(run_program({"pkill", signal, "-f", ranks}).status, 0) << "no rank is at work";
  }
};

TEST_F(TwoHosts, ResultsAreThoseOfOneHost) {
  const std::string study = write_study();
  const std::string hash = hash_on_one_host(study);

  for (const int ranks_per_host : {1, 2}) {
    std::filesystem::remove_all(store());
    const auto run = run_program(run_words(ranks_per_host, study));

    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(sound_hash(store()), hash);
    const Json hosts = query("SELECT host, count(*) AS ranks FROM worker GROUP BY host ORDER BY host");
    EXPECT_EQ(hosts, Json::parse(fmt::format(R"([{{"host": "alpha", "ranks": {0}}}, {{"host": "beta", "ranks": {0}}}])",
                                             ranks_per_host)));
    EXPECT_EQ(query("SELECT count(DISTINCT host) AS n FROM unit JOIN worker USING (launch, rank)")[0].at("n"), 2);
  }
}

TEST_F(TwoHosts, RunEndsWhenTheNetworkToAHostIsCutAndGoesOnOnOneHost) {
  expect_to_survive("cut");
}

TEST_F(TwoHosts, RunEndsWhenAHostLosesPowerAndGoesOnOnOneHost) {
  expect_to_survive("stop");
}

}  // namespace
}  // namespace neurosweep
