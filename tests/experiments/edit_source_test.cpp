#include "experiments/edit_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSources = R"([models.small]
path = "m"
[tasks.sort]
file = "s.jsonl"
[tasks.compare]
file = "c.jsonl"
[[experiment]]
kind = "trace"
[[experiment]]
kind = "race"
[[experiment]]
kind = "gradient"
[[experiment]]
kind = "template"
from = "trace"
neurons = "gradient"
[[experiment]]
kind = "gradient"
name = "seen"
split = "test"
[[experiment]]
kind = "edit"
name = "e"
)";

class EditKeysTest : public ::testing::Test {
 protected:
  void make(const std::string& keys, const std::string& settings = "") {
    testing::write_file(dir_.file("study.toml"), "[study]\nname = \"t\"\n" + settings + kSources + keys);
    make_experiments(read_study(dir_.file("study.toml")));
  }
  void expect_refused(const std::string& keys, const std::string& why, const std::string& settings = "") {
    expect_error(ErrorKind::input, HasSubstr(why), [&] { make(keys, settings); });
  }
  testing::TempDir dir_;
};

TEST_F(EditKeysTest, OfEveryKindOfSourceAreRead) {
  for (const char* keys : {
           "from = \"gradient\"\nstrengths = [0.5, 1]",
           "from = \"gradient\"\nop = \"rank_one\"\nmean_from = \"trace\"",
           "from = \"template\"\nrandom_sets = 0",
           "from = \"template\"\nop = \"rank_one\"\nmean_from = \"trace\"\nrandom_sets = 5",
           "from = \"race\"\nop = \"scale\"\nfactors = [0, 0.5, 2]\ntop = 10\npooled = true\nguards = [\"compare\"]",
       }) {
    EXPECT_NO_THROW(make(keys)) << keys;
  }
}

TEST_F(EditKeysTest, ThatDoNotGoTogetherAreRefused) {
  expect_refused("", "expected either from or file");
  expect_refused("from = \"race\"\nfile = \"edits.json\"", "expected either from or file");
  expect_refused("from = \"gradient\"\nop = \"add\"", "op 'add' (valid: fold, scale, rank_one)");
  expect_refused("from = \"gradient\"\nop = \"scale\"",
                 "op 'scale' needs a critical set, and 'gradient' of kind gradient");
  expect_refused("from = \"race\"", "op 'fold' needs a direction, and 'race' of kind race finds none");
  expect_refused("from = \"trace\"", "no earlier experiment of kind identify or");
  expect_refused("from = \"gradient\"\nfactors = [0]", "factors has no meaning: op 'fold' takes strengths");
  expect_refused("from = \"race\"\nop = \"scale\"\nstrengths = [1]", "strengths has no meaning");
  expect_refused("from = \"gradient\"\nop = \"rank_one\"", "op 'rank_one' needs mean_from");
  expect_refused("from = \"gradient\"\nop = \"rank_one\"\nmean_from = \"race\"", "no earlier experiment of kind trace");
  expect_refused("from = \"gradient\"\nmean_from = \"trace\"", "mean_from has no meaning: it is for op 'rank_one'");
  expect_refused("from = \"gradient\"\ntasks = [\"sort\"]\nguards = [\"sort\"]", "'sort' is in tasks and in guards");
  expect_refused("from = \"gradient\"\nguards = [\"sort\", \"compare\"]", "every task of the study is a guard");
}

TEST_F(EditKeysTest, ThatWouldChangeNothingOrTooMuchAreRefused) {
  expect_refused("from = \"gradient\"\nstrengths = [0]", "strengths: 0 would change nothing");
  expect_refused("from = \"gradient\"\nstrengths = []", "strengths is empty");
  expect_refused("from = \"gradient\"\nstrengths = [1, 1]", "strengths: 1 is there twice");
  expect_refused("from = \"race\"\nop = \"scale\"\nfactors = [1]", "factors: 1 would change nothing");
  expect_refused("from = \"template\"", "set random_sets = 0");
  expect_refused("from = \"template\"\nrandom_sets = 0\nstrengths = [2]", "strength 2 would pull beyond the template");
}

TEST_F(EditKeysTest, OfASourceThatHasSeenTheTestSplitOrOfModelsInPartsAreRefused) {
  expect_refused("from = \"seen\"", "'e' edits by 'seen', which uses split = \"test\"");
  expect_refused("from = \"gradient\"", "needs each model on one rank", "ranks_per_model = 2\n");
}

TEST_F(EditKeysTest, OfAFileSayWhatTheFileDoesNot) {
  testing::write_file(dir_.file("edits.json"), R"({"format": "neurosweep edits", "version": 1,
    "edits": [{"op": "remove", "layer": [3], "neuron": [25]}]})");
  testing::write_file(dir_.file("pull.json"), R"({"format": "neurosweep steering", "version": 1, "form": "pull",
    "model": {"name": "m", "family": "f", "checkpoint_hash": "0", "layers": 4, "neurons_per_layer": 256},
    "from": {"study": "s", "study_id": "i", "experiment": "e", "method": "m", "task": "t", "code_version": "1"},
    "layer": [1], "neuron": [3], "value": [2.5], "sd": [1]})");
  EXPECT_NO_THROW(make("file = \"edits.json\""));
  EXPECT_NO_THROW(make("file = \"pull.json\"\nrandom_sets = 0\nstrengths = [0.5]"));
  expect_refused("file = \"edits.json\"\nstrengths = [1]", "strengths has no meaning: an edit file says itself");
  expect_refused("file = \"edits.json\"\nop = \"fold\"", "op has no meaning");
  expect_refused("file = \"edits.json\"\npooled = true", "pooled has no meaning: a file holds one edit");
  expect_refused("file = \"pull.json\"", "set random_sets = 0");
  testing::write_file(dir_.file("keyed.json"), R"({"format": "neurosweep edits", "version": 1,
    "edits": [{"op": "rank_one", "layer": [3], "neuron": [25], "key": [1], "target": [2], "strength": 1}]})");
  EXPECT_NO_THROW(make("file = \"keyed.json\"\nrandom_sets = 0"));
  expect_refused("file = \"keyed.json\"", "says nothing about random ones: set random_sets = 0");
  expect_refused("file = \"pull.json\"\nrandom_sets = 0\nstrengths = [2]", "would pull beyond the template");
  expect_refused("file = \"pull.json\"\nop = \"scale\"", "op 'scale' of a steering file, which is a direction");
}

}  // namespace
}  // namespace neurosweep
