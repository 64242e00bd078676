// Studies in which units fail for good: what lacks their results is left out, and the rest is measured.
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::run_neurosweep;

const std::string kGradient = "[[experiment]]\nkind = \"gradient\"\nitems = 12\ntop = 10\nitems_per_unit = 4\n";
const std::string kPredict =
    "[[experiment]]\nkind = \"predict\"\nitems = 12\nfeatures = 8\nhidden = 4\nepochs = 2\nitems_per_unit = 5\n";
const std::string kSteer =
    "[[experiment]]\nkind = \"steer\"\nvalidate_items = 12\ntest_items = 6\nstrengths = [1]\nitems_per_unit = 12\n"
    "variant = [{ name = \"plain\", from = \"gradient\" }";

class LeftOutTest : public testing::StudyTest {
 protected:
  // A study over 'compare', sound, and 'sort', of whose items those of one split are longer than the model's context.
  ProgramResult run(const std::string& broken_split, const std::string& experiments,
                    const std::string& models = "") const {
    std::istringstream bundled(testing::read_file(NS_SOURCE_DIR "/experiments/models/tasks/sort.jsonl"));
    std::string lines;
    for (std::string line; std::getline(bundled, line);) {
      Json item = parse_json(line, "line");
      if (item.at("split") == broken_split) item["question"] = std::string(4000, '7');
      lines += item.dump() + '\n';
    }
    testing::write_file(dir_.file("sort.jsonl"), lines);
    std::string text = testing::study_head("left-out", {"compare", "sort"}) + models + experiments;
    const std::string file = "@models@/tasks/sort.jsonl";
    text.replace(text.find(file), file.size(), dir_.file("sort.jsonl"));
    return run_neurosweep({"run", write_text("study.toml", text), "--store", store()});
  }

  std::int64_t count(const std::string& table_and_condition) const {
    return query("SELECT count(*) AS n FROM " + table_and_condition).at(0).at("n").get<std::int64_t>();
  }
};

TEST_F(LeftOutTest, AGatedVariantWithoutPredictionsIsLeftOutAndTheOthersAreJudged) {
  const auto result = run(
      "identify", kGradient + kPredict + kSteer + ", { name = \"gated\", from = \"gradient\", gate = \"predict\" }]");

  EXPECT_EQ(result.status, exit_status::kFailedUnits) << result.err;
  EXPECT_THAT(result.err, HasSubstr("steer: 'predict' left no predictions for model 'small', task 'compare': variant "
                                    "'gated' is left out there"));
  EXPECT_EQ(count("steer_effect WHERE stage = 'test' AND variant = 'plain' AND task = 'compare'"), 1);
  EXPECT_EQ(count("steer_effect WHERE variant = 'gated'"), 0);
}

TEST_F(LeftOutTest, ATaskThatWasNotValidatedIsNotTested) {
  const auto result = run("validate", kGradient + kSteer + "]");

  EXPECT_EQ(result.status, exit_status::kFailedUnits) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("steer: no strength was validated, as units failed, for model 'small', task 'sort'"));
  EXPECT_EQ(count("steer_effect WHERE stage = 'test' AND task = 'compare'"), 1);
  EXPECT_EQ(count("steer_effect WHERE stage = 'test' AND task = 'sort'"), 0);
}

TEST_F(LeftOutTest, WhatATransferDidNotMakeIsNeitherSteeredNorEdited) {
  const auto result =
      run("identify",
          kGradient +
              "[[experiment]]\nkind = \"transfer\"\ndonor = \"small\"\nreceiver = \"large\"\nmaps = "
              "[\"ridge\"]\nsources = [\"gradient\"]\nitems = 20\n"
              "[[experiment]]\nkind = \"steer\"\nmodels = [\"large\"]\n"
              "variant = [{ name = \"v\", from = \"transfer/ridge/gradient\" }]\n"
              "[[experiment]]\nkind = \"edit\"\nmodels = [\"large\"]\nfrom = \"transfer/ridge/gradient\"\n"
              "[[experiment]]\nkind = \"trace\"\ntasks = [\"compare\"]\nitems = 2\nattempts = 1\n",
          "[models.large]\npath = \"@models@/reasoner-large\"\n");

  EXPECT_EQ(result.status, exit_status::kFailedUnits) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("steer: nothing is left to steer in the validate stage"),
                                HasSubstr("edit: nothing is left to edit, as units before it failed")));
  EXPECT_EQ(count("trace"), 4);
}

TEST_F(LeftOutTest, WithoutASuccessfulReplyThereIsNoEnvelopeToKeepTo) {
  const auto result = run("none", kGradient +
                                      "[[experiment]]\nkind = \"envelope\"\nneurons = \"gradient\"\nitems = 4\n"
                                      "max_new_tokens = 1\n"
                                      "[[experiment]]\nkind = \"constrain\"\nenvelope = \"envelope\"\nitems = 4\n");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("constrain: 'envelope' left no envelope for model 'small', task 'sort'"));
  EXPECT_EQ(count("constraint_effect"), 0);
}

TEST_F(LeftOutTest, WhatAnEarlierExperimentDoesNotCoverIsRefusedBeforeAnythingIsMeasured) {
  const auto refused = [&](const std::string& experiments, const std::string& why) {
    const auto result = run("none", experiments);
    EXPECT_EQ(result.status, exit_status::kInput);
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(store() + "/launch-1"));
    std::filesystem::remove_all(store());
  };
  const std::string gated = kSteer + ", { name = \"gated\", from = \"gradient\", gate = \"predict\" }]";
  const std::string envelope = "[[experiment]]\nkind = \"envelope\"\nneurons = \"gradient\"\ntasks = [\"sort\"]\n";

  refused(kGradient + "[[experiment]]\nkind = \"predict\"\nitems = 8\n" + gated,
          "'predict' predicts 8 items of split 'validate' of task 'compare', and 12 are steered: set items = 0 in "
          "'predict', or validate_items = 8 here");
  refused(kGradient + "[[experiment]]\nkind = \"predict\"\ntasks = [\"sort\"]\n" + gated,
          "variant 'gated': 'predict' leaves out task 'compare': add it to the tasks of 'predict'");
  refused(kGradient + envelope + "[[experiment]]\nkind = \"constrain\"\nenvelope = \"envelope\"\npooled = false\n",
          "'envelope' leaves out task 'compare': add it to the tasks of 'envelope'");
}

}  // namespace
}  // namespace neurosweep
