// `neurosweep edit`, made to go wrong at the changes that it makes to files: the folder that it writes is then not
// there, the old one, or the new one, never a part.
#include <filesystem>
#include <map>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/fault/faulty_run.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::FaultSetting;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::read_file;
using testing::run_program;
using testing::words_with_fault;

constexpr int kKilled = 128 + 9;
constexpr const char* kProvenance = "neurosweep_edit.json";

std::string removal_of(int neuron) {
  return R"({"format": "neurosweep edits", "version": 1, "edits": [{"op": "remove", "layer": [1], "neuron": [)" +
         std::to_string(neuron) + "]}]}";
}

/// Bytes of every file in a folder by name; of the provenance, which tells the time, that it is there.
std::map<std::string, std::string> content(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    files[name] = name == kProvenance ? "there" : read_file(entry.path().string());
  }
  return files;
}

class EditFaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::write_file(temp_.file("3.json"), removal_of(3));
    testing::write_file(temp_.file("4.json"), removal_of(4));
    fs::create_directory(temp_.file("w"));
  }

  ProgramResult edit(const std::string& file, std::vector<FaultSetting> faults = {}) const {
    faults.push_back({"NS_FAULT_FILE", temp_.file("w")});
    return run_program(
        words_with_fault(faults, {testing::neurosweep_path(), "edit", temp_.file(file), "--model",
                                  NS_SOURCE_DIR "/tests/golden/data/qwen2-tied", "--out", out_, "--replace"}));
  }

  int count_changes(const std::string& file) const {
    const ProgramResult result = edit(file, {{"NS_FAULT_COUNT", temp_.file("count")}});
    EXPECT_EQ(result.status, 0) << result.err;
    return std::stoi(read_file(temp_.file("count")));
  }

  testing::TempDir temp_;
  std::string out_ = temp_.file("w/out");
};

TEST_F(EditFaultTest, KilledAtAnyChangeTheNewFolderIsWholeOrNotThere) {
  const int changes = count_changes("3.json");
  const auto whole = content(out_);
  ASSERT_GT(changes, 20);
  const std::vector<std::string> faults = {"kill", "torn", "power"};
  for (int at = 1; at <= changes; ++at) {
    fs::remove_all(temp_.file("w"));
    fs::create_directory(temp_.file("w"));
    const std::string& fault = faults[static_cast<std::size_t>(at) % faults.size()];
    EXPECT_EQ(edit("3.json", {{"NS_FAULT", fault}, {"NS_FAULT_AT", std::to_string(at)}}).status, kKilled);
    if (fs::exists(out_)) {
      EXPECT_EQ(content(out_), whole) << fault << " at change " << at << " of " << changes;
    }
  }
  EXPECT_EQ(edit("3.json").status, 0);
  EXPECT_EQ(content(out_), whole);
}

TEST_F(EditFaultTest, KilledAtAnyChangeTheOldFolderOrTheNewOneIsThere) {
  ASSERT_EQ(edit("3.json").status, 0);
  const auto old = content(out_);
  const int changes = count_changes("4.json");
  const auto whole = content(out_);
  ASSERT_NE(old, whole);
  ASSERT_EQ(edit("3.json").status, 0);
  int kept = 0;
  for (int at = 3; at <= changes; at += at < changes - 6 ? 3 : 1) {
    EXPECT_EQ(edit("4.json", {{"NS_FAULT", "kill"}, {"NS_FAULT_AT", std::to_string(at)}}).status, kKilled);
    ASSERT_TRUE(fs::exists(out_)) << "kill at change " << at << " of " << changes;
    const auto now = content(out_);
    kept += now == old ? 1 : 0;
    EXPECT_TRUE(now == old || now == whole) << "kill at change " << at << " of " << changes;
    if (now != old) {
      ASSERT_EQ(edit("3.json").status, 0);
    }
  }
  EXPECT_GT(kept, 4);
}

TEST_F(EditFaultTest, AFullDiskLeavesNothingAndNamesTheFile) {
  const int changes = count_changes("3.json");
  fs::remove_all(out_);
  for (const int at : {1, changes / 2, changes - 1}) {
    const auto result = edit("3.json", {{"NS_FAULT", "enospc"}, {"NS_FAULT_AT", std::to_string(at)}});
    EXPECT_EQ(result.status, exit_status::kIo);
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    EXPECT_THAT(result.err, HasSubstr(out_));
    EXPECT_FALSE(fs::exists(out_));
  }
}

}  // namespace
}  // namespace neurosweep
