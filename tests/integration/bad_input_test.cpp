#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_file;
using testing::run_neurosweep;
using testing::write_file;

namespace fs = std::filesystem;

/// Bad input ends in one line on standard error, a stable status, and no store.
class BadInputTest : public testing::StudyTest {
 protected:
  void expect_refused(const std::vector<std::pair<std::string, std::string>>& changes, int status,
                      const std::string& message) {
    const auto result = run_neurosweep({"run", write_study(changes), "--store", store()});
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  void expect_model_refused(const std::string& message) {
    expect_refused({{"@models@/reasoner-small", dir_.file("model")}}, exit_status::kInput, message);
  }
  void expect_task_refused(const std::string& lines, const std::string& message) {
    write_file(dir_.file("t.jsonl"), lines);
    expect_refused({{"@models@/tasks/arith.jsonl", dir_.file("t.jsonl")}}, exit_status::kInput, message);
  }
  void copy_model() { fs::copy(testing::small_reasoner(), dir_.file("model"), fs::copy_options::recursive); }
  std::string weights() const { return dir_.file("model/model.safetensors"); }
};

TEST_F(BadInputTest, InTheStudyFile) {
  expect_refused({{"seed = 3", "sead = 3"}}, 2, "study.toml:3:1: unknown key 'sead' in [study]; did you mean 'seed'?");
  expect_refused({{"seed = 3", "seed = \"x\""}}, 2, "'seed' in [study] must be an integer, found string");
  expect_refused({{"attempts = 6", "atempts = 6"}}, 2, "did you mean 'attempts'?");
  expect_refused({{"grader = \"after\"", "grader = \"aftr\""}}, 2, "after");
  expect_refused({{"{answer}", "{anser}"}}, 2, "anser");
  expect_refused({{"[study]", "[study"}}, 2, "study.toml:1:");
  EXPECT_FALSE(fs::exists(store()));
}

TEST_F(BadInputTest, OnTheCommandLine) {
  EXPECT_EQ(run_neurosweep({"run"}).status, exit_status::kInput);
  EXPECT_EQ(run_neurosweep({"run", "/nonexistent.toml"}).status, exit_status::kIo);
  const auto option = run_neurosweep({"run", write_study(), "--stor", "x"});
  EXPECT_EQ(option.status, exit_status::kInput);
  EXPECT_THAT(option.err, HasSubstr("did you mean --store?"));
  EXPECT_EQ(run_neurosweep({"verify", dir_.file("no-store")}).status, exit_status::kIo);
}

TEST_F(BadInputTest, AMissingOrUnsupportedModel) {
  expect_model_refused("model 'small': ");
  copy_model();
  std::string config = read_file(dir_.file("model/config.json"));
  const std::string name = "LlamaForCausalLM";
  ASSERT_NE(config.find(name), std::string::npos);
  write_file(dir_.file("model/config.json"), config.replace(config.find(name), name.size(), "MambaForCausalLM"));

  expect_model_refused("MambaForCausalLM");
}

TEST_F(BadInputTest, DamagedWeightsFailTheirUnitsAndNothingElse) {
  copy_model();
  const std::string bytes = read_file(weights());
  write_file(weights(), bytes.substr(0, bytes.size() - 100));

  const auto result =
      run_neurosweep({"run", write_study({{"@models@/reasoner-small", dir_.file("model")}}), "--store", store()});

  EXPECT_EQ(result.status, exit_status::kInput) << result.err;
  EXPECT_THAT(result.err, HasSubstr("model.safetensors"));
}

TEST_F(BadInputTest, InATaskFile) {
  expect_task_refused("", "no item");
  expect_task_refused("{\"id\":\"a\",\"question\":\"q\"}\n", "answer");
  expect_task_refused("{\"id\":\"a\",\"question\":\n", "t.jsonl:1");
  expect_task_refused("{\"id\":\"a\",\"question\":\"q\",\"reasoning\":\"r\",\"answer\":\"1\",\"split\":\"test\"}\n",
                      "no item in split 'identify'");
}

TEST_F(BadInputTest, APromptLongerThanTheContextIsNamedAndTheRestIsMeasured) {
  write_file(dir_.file("t.jsonl"), "{\"id\":\"long\",\"question\":\"" + std::string(3000, '8') +
                                       "\",\"reasoning\":\"r\",\"answer\":\"1\",\"split\":\"identify\"}\n");

  const auto result = run_neurosweep({"run", write_study({{"@models@/tasks/arith.jsonl", dir_.file("t.jsonl")}}),
                                      "--store", store(), "--set", "experiment.suppress.split=all"});

  EXPECT_THAT(result.err, HasSubstr("context"));
  EXPECT_EQ(result.status, exit_status::kFailedUnits) << result.err;
}

TEST_F(BadInputTest, AStoreOfAnotherStudyOrSchema) {
  run_study(store());

  const auto other = run_neurosweep({"run", write_study(), "--store", store(), "--set", "study.seed=4"});
  EXPECT_EQ(other.status, exit_status::kStore);
  EXPECT_THAT(other.err, HasSubstr("seed"));

  testing::run_program({"sqlite3", store() + "/results.db", "PRAGMA user_version = 999"});
  const auto newer = run_neurosweep({"status", store()});
  EXPECT_EQ(newer.status, exit_status::kStore) << newer.err;
  EXPECT_THAT(newer.err, HasSubstr("999"));
}

TEST_F(BadInputTest, AStoreThatCannotBeWritten) {
  write_file(dir_.file("file"), "");

  const auto result = run_neurosweep({"run", write_study(), "--store", dir_.file("file")});

  EXPECT_EQ(result.status, exit_status::kIo) << result.err;
  EXPECT_THAT(result.err, HasSubstr(dir_.file("file")));
}

TEST_F(BadInputTest, AFullDiskLosesNothingThatWasMeasured) {
  fs::create_directory(store());
  if (geteuid() != 0 || mount("tmpfs", store().c_str(), "tmpfs", 0, "size=600k") != 0) {
    GTEST_SKIP() << "a small file system cannot be mounted here";
  }
  const auto full = run_neurosweep({"run", write_study(), "--store", store()});
  EXPECT_EQ(full.status, exit_status::kIo) << full.err;
  EXPECT_THAT(full.err, HasSubstr(store()));
  ASSERT_EQ(mount("tmpfs", store().c_str(), "tmpfs", MS_REMOUNT, "size=60m"), 0);

  run_study(store());

  run_study(dir_.file("undisturbed"));
  EXPECT_EQ(sound_hash(store()), sound_hash(dir_.file("undisturbed")));
  umount(store().c_str());
}

}  // namespace
}  // namespace neurosweep
