#include "tests/slurm/slurm_study_test.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "tests/integration/ranks_at_work.hpp"

namespace neurosweep::testing {

namespace {

constexpr const char* kStudy = R"([study]
name = "slurm"
seed = 3

[models.small]
path = "@models@/reasoner-small"

[tasks.arith]
file = "@models@/tasks/arith.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
kind = "trace"
items = 12
attempts = 6
items_per_unit = 3

[[experiment]]
kind = "identify"
from = "trace"
top = 30
polarity = false

[[experiment]]
kind = "suppress"
from = "identify"
items = 200
top = 10
random_sets = 30
items_per_unit = 2
)";

constexpr std::int64_t kSuppressRound = 1;

/// Looks again and again until `happened()`; fails the test after `seconds`.
template <class Condition>
void wait_until(const std::string& what, int seconds, Condition&& happened,
                std::chrono::milliseconds pause = std::chrono::milliseconds(200)) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!happened()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << what << " did not happen within " << seconds << " s";
    std::this_thread::sleep_for(pause);
  }
}

/// Whether a process has got a signal that it did not yet take, as one that is stopped.
bool has_pending(const std::string& pid, int signal) {
  std::ifstream status("/proc/" + pid + "/status");
  const std::string label = "ShdPnd:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(label)) return std::stoull(line.substr(label.size()), nullptr, 16) >> (signal - 1) & 1;
  }
  return false;
}

}  // namespace

std::unique_ptr<LocalSlurm> SlurmStudyTest::slurm_;

void SlurmStudyTest::SetUp() {
  if (!slurm_->why_not().empty()) GTEST_SKIP() << "no SLURM here: " << slurm_->why_not();
}

void SlurmStudyTest::TearDown() {
  if (!slurm_->why_not().empty()) return;
  if (HasFailure()) {
    std::cout << run_program({"bash", "-c", "tail -n 40 \"$0\"/*/slurm/*.log", dir_.path()}).out << slurm_->log()
              << run_program({"scontrol", "show", "job", "--oneliner"}).out;
  }
  run_program({"bash", "-c", "scancel --user=\"$(id -un)\""});
  wait_until("the end of all jobs", 30, [] { return run_program({"squeue", "--noheader"}).out.empty(); });
}

std::string SlurmStudyTest::study() const {
  return write_text("study.toml", kStudy);
}

std::string SlurmStudyTest::undisturbed_hash() const {
  static std::string hash;
  if (hash.empty()) {
    run_on_two_ranks(study(), store("undisturbed"));
    hash = sound_hash(store("undisturbed"));
  }
  return hash;
}

SlurmStudyTest::Jobs SlurmStudyTest::submit(const std::vector<std::string>& options) const {
  std::vector<std::string> words = {"submit", study(), "--store", store(), "--json"};
  words.insert(words.end(), options.begin(), options.end());
  const ProgramResult result = run_neurosweep(words);
  EXPECT_EQ(result.status, 0) << result.err;
  const Json jobs = parse_json(result.out, "submit");
  return {require<std::string>(jobs, "sweep", "submit"), require<std::string>(jobs, "reduce", "submit"), store()};
}

void SlurmStudyTest::wait_for_work(const Jobs& jobs, int ranks) const {
  wait_until(
      "work of job " + jobs.sweep, 60, [&] { return ranks_at_work(jobs.store, kSuppressRound) >= ranks; },
      std::chrono::milliseconds(10));
}

void SlurmStudyTest::hold_at_work(const Jobs& jobs, int ranks) const {
  wait_for_work(jobs, ranks);
  signal_ranks(jobs, {"-STOP"});
}

void SlurmStudyTest::release_when_signalled(const Jobs& jobs, int signal, int ranks) const {
  wait_until(fmt::format("signal {} to {} ranks of job {}", signal, ranks, jobs.sweep), 60, [&] {
    std::istringstream pids(run_program({"pgrep", "-f", rank_pattern(jobs)}).out);
    int signalled = 0;
    for (std::string pid; pids >> pid;) signalled += has_pending(pid, signal) ? 1 : 0;
    return signalled >= ranks;
  });
  signal_ranks(jobs, {"-CONT"});
}

void SlurmStudyTest::signal_ranks(const Jobs& jobs, std::vector<std::string> pkill_options) const {
  pkill_options.insert(pkill_options.begin(), "pkill");
  pkill_options.insert(pkill_options.end(), {"-f", rank_pattern(jobs)});
  EXPECT_EQ(run_program(pkill_options).status, 0) << "no rank of job " << jobs.sweep << " is at work";
}

void SlurmStudyTest::ask_to_stop(const Jobs& jobs, const std::string& job) const {
  // In the background: for a task of an array, scancel does not return before that has ended.
  const BackgroundProgram request({"scancel", "--batch", "--signal=USR1", job});
  release_when_signalled(jobs, SIGUSR1);
}

std::string SlurmStudyTest::rank_pattern(const Jobs& jobs) {
  return fmt::format("^{} run .*{}", neurosweep_path(), jobs.store);
}

void SlurmStudyTest::wait_for_state(const std::string& job, const std::string& states) const {
  const std::regex wanted(states);
  wait_until("state " + states + " of job " + job, 120,
             [&] { return std::regex_match(slurm_->job_field(job, "JobState"), wanted); });
}

void SlurmStudyTest::expect_completion(const Jobs& jobs) const {
  wait_for_state(jobs.reduce, "COMPLETED|FAILED|CANCELLED");

  EXPECT_EQ(slurm_->job_field(jobs.reduce, "JobState"), "COMPLETED");
  EXPECT_EQ(sound_hash(jobs.store), undisturbed_hash());
  EXPECT_TRUE(std::filesystem::exists(jobs.store + "/report.md"));
}

std::string SlurmStudyTest::sweep_log(const Jobs& jobs) const {
  return run_program({"bash", "-c", "cat \"$0\"/slurm/sweep-*.log", jobs.store}).out;
}

}  // namespace neurosweep::testing
