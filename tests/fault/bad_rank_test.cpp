// Studies of which one rank, or every rank, cannot do its units, and studies that srun kills.
#include <signal.h>

#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/fault/faulty_run.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::FaultSetting;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProgramResult;
using testing::run_neurosweep;
using testing::run_program;
using testing::words_with_fault;

class BadRankTest : public testing::StudyTest {
 protected:
  // A study in a folder of its own, with a copy of the small reasoner beside it.
  std::string study_in(const std::string& folder, int units = 12, const std::string& settings = "") const {
    fs::create_directories(dir_.file(folder));
    fs::copy(testing::small_reasoner(), dir_.file(folder + "/model"));
    return write_text(
        folder + "/study.toml",
        fmt::format("[study]\nname = \"bad\"\n{}\n[models.m]\npath = \"model\"\n[tasks.t]\nfile = "
                    "\"@models@/tasks/arith.jsonl\"\ntarget = \"{{reasoning}}\\nA: {{answer}}\"\ngrader = \"after\"\n"
                    "[[experiment]]\nkind = \"trace\"\nitems = {}\nattempts = 4\nitems_per_unit = 2\n",
                    settings, 2 * units));
  }

  std::string weights_in(const std::string& folder) const { return dir_.file(folder + "/model/model.safetensors"); }

  // Weights that are finite, as a checkpoint must be, and overflow in use.
  void overflow(const std::string& folder) const {
    std::string weights = testing::read_file(weights_in(folder));
    const float huge = 1e38f;
    for (std::size_t at = weights.size() - 4096; at < weights.size(); at += sizeof huge) {
      std::memcpy(weights.data() + at, &huge, sizeof huge);
    }
    testing::write_file(weights_in(folder), weights);
  }

  // Rank 0 reads one study file and rank 1 another, which is the same text beside other weights.
  ProgramResult run_two(const std::string& first, const std::string& second,
                        const std::vector<FaultSetting>& faults_of_second = {}) const {
    auto words = testing::mpirun_words(1);
    const auto add = [&](const std::vector<std::string>& more) { words.insert(words.end(), more.begin(), more.end()); };
    add({"run", first, "--store", store(), ":", "-n", "1"});
    add(words_with_fault(faults_of_second, {testing::neurosweep_path(), "run", second, "--store", store()}));
    return run_program(words);
  }

  std::string undisturbed_hash(const std::string& study) const {
    EXPECT_EQ(run_neurosweep({"run", study, "--store", store("undisturbed")}).status, 0);
    return sound_hash(store("undisturbed"));
  }

  std::int64_t count(const std::string& table) const {
    return query("SELECT count(*) AS n FROM " + table)[0].at("n").get<std::int64_t>();
  }

  void expect_that_a_sound_run_completes(const std::string& study) const {
    const auto sound = run_neurosweep({"run", study, "--store", store()});
    EXPECT_EQ(sound.status, 0) << sound.err;
    EXPECT_EQ(sound_hash(store()), undisturbed_hash(study));
  }
};

TEST_F(BadRankTest, AModelThatARankCannotLoadEndsTheRunAndFailsNoUnit) {
  const std::string study = study_in("sound"), other = study_in("damaged");
  fs::resize_file(weights_in("damaged"), fs::file_size(weights_in("damaged")) / 2);

  const auto run = run_two(study, other);

  EXPECT_EQ(run.status, exit_status::kInput) << run.err;
  EXPECT_THAT(run.err, HasSubstr("cannot load the model 'm': "));
  EXPECT_THAT(run.err, HasSubstr("rank 1 on "));
  EXPECT_EQ(count("unit_failure"), 0);
  expect_that_a_sound_run_completes(study);
}

TEST_F(BadRankTest, UnitsThatOneRankFailsAreMeasuredByTheOtherAndTheRunNamesTheRank) {
  const std::string study = study_in("sound", 60), other = study_in("overflowing", 60);
  overflow("overflowing");

  const auto run = run_two(study, other);

  EXPECT_EQ(run.status, exit_status::kDevice) << run.err;
  EXPECT_THAT(run.err, HasSubstr("rank 1 on "));
  EXPECT_THAT(run.err, HasSubstr("units in a row, and other ranks then measured"));
  EXPECT_THAT(run.err, HasSubstr("its last failure: trace.logprob is nan"));
  EXPECT_EQ(count("unit"), 60);
  expect_that_a_sound_run_completes(study);
}

TEST_F(BadRankTest, AFirstRankThatFailsItsUnitsIsNamedToo) {
  const std::string study = study_in("sound", 60), other = study_in("overflowing", 60);
  overflow("overflowing");

  const auto run = run_two(other, study);

  EXPECT_EQ(run.status, exit_status::kDevice) << run.err;
  EXPECT_THAT(run.err, HasSubstr("rank 0 on "));
  EXPECT_EQ(count("unit"), 60);
}

TEST_F(BadRankTest, UnitsThatMeasureNanOnEveryRankFailAndSaySo) {
  const std::string study = study_in("overflowing");
  overflow("overflowing");

  for (const int ranks : {1, 2}) {
    auto words = testing::mpirun_words(ranks);
    for (const std::string& word : {std::string("run"), study, std::string("--store"), store()}) words.push_back(word);
    const auto run = run_program(words);

    EXPECT_EQ(run.status, exit_status::kFailedUnits) << run.err;
    EXPECT_THAT(run.err, HasSubstr("failed: trace.logprob is nan (the store keeps finite numbers only)"));
    EXPECT_EQ(count("unit_failure"), 36);
    EXPECT_EQ(count("unit"), 0);
    fs::remove_all(store());
  }
}

TEST_F(BadRankTest, TheDeadlineOfAUnitIsNotThatOfLoadingItsModel) {
  const std::string study = study_in("sound", 12, "unit_deadline = 2");
  const std::string other = study_in("slow-to-load", 12, "unit_deadline = 2");

  const auto run = run_two(study, other, {{"NS_FAULT_SLOW", "slow-to-load/model/model.safetensors"}});

  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, Not(HasSubstr("deadline")));
  EXPECT_EQ(query("SELECT count(DISTINCT rank) AS n FROM unit")[0].at("n"), 2);
}

class VanishingStudyTest : public BadRankTest {
 protected:
  ProgramResult run_and_vanish(const std::string& study, const std::string& unit) const {
    auto words = testing::mpirun_words(2);
    for (const std::string& word : {std::string("run"), study, std::string("--store"), store()}) words.push_back(word);
    return run_program(words_with_fault({{"NS_FAULT_UNIT", unit}, {"NS_FAULT_DO", "vanish"}}, words));
  }
};

TEST_F(VanishingStudyTest, AUnitThatAlwaysEndsAllRanksAtOnceIsLeftOutAloneAfterThreeStarts) {
  const std::string study = study_in("sound");
  int vanished = 0;
  ProgramResult last;

  for (int start = 0; start < 8; ++start) {
    last = run_and_vanish(study, "0:5");
    if (last.status == exit_status::kFailedUnits) break;
    ++vanished;
  }

  EXPECT_EQ(vanished, 3);
  EXPECT_EQ(last.status, exit_status::kFailedUnits) << last.err;
  EXPECT_EQ(count("unit"), 11);
  EXPECT_EQ(count("unit_failure"), 3);
  EXPECT_EQ(query("SELECT DISTINCT unit, kind FROM unit_failure")[0].at("unit"), 5);
}

TEST_F(VanishingStudyTest, AJobThatIsKilledOnceBlamesNobody) {
  const std::string study = study_in("sound");

  run_and_vanish(study, "0:5");
  const auto resumed = run_neurosweep({"run", study, "--store", store()});

  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("all 2 ranks of launch 1 vanished"));
  EXPECT_EQ(count("unit_failure"), 0);
  EXPECT_EQ(sound_hash(store()), undisturbed_hash(study));
}

}  // namespace
}  // namespace neurosweep
