#include <map>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

std::string head(const std::string& name = "edits") {
  return testing::study_head(name, {"sort", "compare"});
}

const std::string kSources = R"([[experiment]]
kind = "trace"
tasks = ["sort"]
items = 6
attempts = 2

[[experiment]]
kind = "gradient"
tasks = ["sort"]
items = 20
top = 12

[[experiment]]
kind = "template"
from = "trace"
neurons = "gradient"
tasks = ["sort"]

[[experiment]]
kind = "race"
tasks = ["sort"]
items = 20
top = 8

)";

/// An edit experiment for sort that compare guards.
std::string edit_of(const std::string& name, const std::string& keys) {
  return "[[experiment]]\nkind = \"edit\"\nname = \"" + name +
         "\"\ntasks = [\"sort\"]\nguards = [\"compare\"]\nitems = 20\nmax_new_tokens = 24\n" + keys + "\n";
}

const std::string kEdits =
    edit_of("folded", "from = \"gradient\"\nstrengths = [1, 30]\nrandom_sets = 2") +
    edit_of("mapped",
            "from = \"gradient\"\nop = \"rank_one\"\nmean_from = \"trace\"\nstrengths = [5]\nrandom_sets = 1") +
    edit_of("pulled", "from = \"template\"\nstrengths = [0.5]\nrandom_sets = 0") +
    edit_of("removed", "from = \"race\"\nop = \"scale\"\nfactors = [0, 0.5]\ntop = 4\npooled = true\nrandom_sets = 1");

class EditStudyTest : public testing::StudyTest {
 protected:
  void run(const std::string& text, const std::string& folder = "store") const {
    const auto run = run_neurosweep({"run", write_text(folder + ".toml", text), "--store", store(folder)});
    ASSERT_EQ(run.status, 0) << run.err;
  }
  /// Completions of an arm, by item.
  Json completions(const std::string& experiment, const std::string& arm, const std::string& folder = "store") const {
    return query("SELECT task, item, completion FROM outcome JOIN round USING (round_id) WHERE experiment = '" +
                     experiment + "' AND arm = '" + arm + "' ORDER BY task, item",
                 folder);
  }
};

TEST_F(EditStudyTest, MeasuresEveryEditBesideTheSameOfRandomNeuronsOnTargetsAndGuards) {
  run(head() + kSources + kEdits);

  const Json arms = query(
      "SELECT experiment, task, count(DISTINCT arm) AS arms, count(*) AS n FROM outcome JOIN round USING (round_id) "
      "WHERE kind = 'edit' GROUP BY experiment, task ORDER BY experiment, task");
  ASSERT_EQ(arms.size(), 8U);
  const std::map<std::string, int> expected = {{"folded", 7}, {"mapped", 3}, {"pulled", 2}, {"removed", 5}};
  for (const Json& row : arms) {
    const int n = expected.at(row.at("experiment").get<std::string>());
    EXPECT_EQ(row.at("arms").get<int>(), n) << row;
    EXPECT_EQ(row.at("n").get<int>(), 20 * n) << row;
  }
  const Json effects = query(
      "SELECT arm, task, guard, passed IS NULL AS free, source_task, n_random_sets, max_drop FROM "
      "edit_effect WHERE experiment = 'folded' ORDER BY arm, task");
  ASSERT_EQ(effects.size(), 4U);
  EXPECT_EQ(effects.at(0).at("arm"), "fold@1 from sort");
  for (const Json& row : effects) {
    const int guard = row.at("task") == "compare" ? 1 : 0;
    EXPECT_EQ(row.at("guard").get<int>(), guard);
    EXPECT_EQ(row.at("free").get<int>(), 1 - guard);
    EXPECT_EQ(row.at("source_task"), "sort");
    EXPECT_EQ(row.at("n_random_sets").get<int>(), 2);
  }
  EXPECT_EQ(query("SELECT arm FROM edit_effect WHERE experiment = 'removed' AND guard = 0").at(0).at("arm"), "scale@0");
  const Json changed = query("SELECT sum(fixed + broken) AS n FROM edit_effect WHERE arm = 'fold@30 from sort'");
  EXPECT_GT(changed.at(0).at("n").get<int>(), 0) << "an edit as strong changes answers";
  const auto report = run_neurosweep({"report", store(), "--out", "-"});
  EXPECT_THAT(report.out, HasSubstr("## Permanent edits (experiment folded)"));
  EXPECT_EQ(query("edits").size(), 12U);
}

TEST_F(EditStudyTest, GivesTheSameContentForTwoRanks) {
  const std::string study = head() + kSources + kEdits;
  run(study);
  run_on_two_ranks(write_text("two.toml", study), store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
}

TEST_F(EditStudyTest, AnswersAsTheCheckpointThatEditWrites) {
  run(head() + kSources);
  const auto exported = run_neurosweep({"export", store(), "--experiment", "gradient", "--model", "small", "--task",
                                        "sort", "--out", dir_.file("steer.json")});
  ASSERT_EQ(exported.status, 0) << exported.err;
  write_text("edits.json", R"({"format": "neurosweep edits", "version": 1, "edits": [
    {"op": "scale", "factor": 0.25, "layer": [0, 2], "neuron": [3, 9]},
    {"op": "fold", "steering": "steer.json", "strength": 30}]})");
  const std::string out = dir_.file("written");
  const auto written = run_neurosweep(
      {"edit", dir_.file("edits.json"), "--model", testing::small_reasoner(), "--bias", "own", "--out", out});
  ASSERT_EQ(written.status, 0) << written.err;
  run(head("a") + edit_of("edited", "file = \"edits.json\"\nrandom_sets = 1"), "in-memory");
  std::string of_written = head("b") + edit_of("edited", "file = \"nothing.json\"\nrandom_sets = 0");
  write_text(
      "nothing.json",
      R"({"format": "neurosweep edits", "version": 1, "edits": [{"op": "remove", "layer": [0], "neuron": [0]}]})");
  const std::string loaded = "@models@/reasoner-small";
  of_written.replace(of_written.find(loaded), loaded.size(), out);
  run(of_written, "on-disk");

  EXPECT_EQ(completions("edited", "file", "in-memory"), completions("edited", "baseline", "on-disk"));
  EXPECT_NE(completions("edited", "file", "in-memory"), completions("edited", "baseline", "in-memory"));
  EXPECT_NE(completions("edited", "file", "in-memory"), completions("edited", "file random-00", "in-memory"));
}

TEST_F(EditStudyTest, RefusesFilesOfAnotherModelBeforeAnythingIsMeasured) {
  const auto expect_refused = [&](const std::string& keys, const std::string& why) {
    write_text("edits.json", "{\"format\": \"neurosweep edits\", \"version\": 1, " + keys +
                                 "\"edits\": [{\"op\": \"remove\", \"layer\": [3], \"neuron\": [256]}]}");
    const std::string text = head("refused") + edit_of("e", "file = \"edits.json\"");
    const auto run = run_neurosweep({"run", write_text("refused.toml", text), "--store", store("refused")});
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, HasSubstr(why));
  };
  expect_refused("", "neuron 256 of layer 3 is outside the model 'small' of 4 layers with 256 neurons");
  expect_refused("\"checkpoint_hash\": \"0\", ", "neurons of one checkpoint say nothing about another's");
}

TEST_F(EditStudyTest, ControlsSpareProtectedNeuronsAndMayChangeNothing) {
  // All neurons of layer 3 are protected but the edited one and two that write nothing.
  std::string others = "1";
  for (int neuron = 2; neuron < 254; ++neuron) others += fmt::format(", {}", neuron);
  std::string layers = "3";
  for (int i = 2; i < 254; ++i) layers += ", 3";
  write_text("still.json", R"({"format": "neurosweep edits", "version": 1, "edits": [
    {"op": "remove", "layer": [3, 3], "neuron": [254, 255]}]})");
  const std::string model = dir_.file("still");
  const auto written =
      run_neurosweep({"edit", dir_.file("still.json"), "--model", testing::small_reasoner(), "--out", model});
  ASSERT_EQ(written.status, 0) << written.err;
  write_text("edits.json", R"({"format": "neurosweep edits", "version": 1, "protected": {"layer": [)" + layers +
                               R"(], "neuron": [)" + others +
                               R"(]}, "edits": [{"op": "scale", "factor": -20, "layer": [3], "neuron": [0]}]})");
  std::string text = head("spared") + edit_of("e", "file = \"edits.json\"\nrandom_sets = 1");
  const std::string loaded = "@models@/reasoner-small";
  text.replace(text.find(loaded), loaded.size(), model);
  run(text, "spared");

  EXPECT_EQ(query("SELECT neuron FROM set_member WHERE set_name <> 'edited' AND neuron NOT IN (254, 255)", "spared"),
            Json::array());
  EXPECT_EQ(completions("e", "file random-00", "spared"), completions("e", "baseline", "spared"));
}

TEST_F(EditStudyTest, AnEditThatChangesNothingIsAFailedUnitAndNoResult) {
  write_text("edits.json", R"({"format": "neurosweep edits", "version": 1, "edits": [
    {"op": "scale", "factor": 1.000000000001, "layer": [0], "neuron": [3]}]})");
  const std::string text = head("still") + edit_of("e", "file = \"edits.json\"\nrandom_sets = 0");

  const auto run = run_neurosweep({"run", write_text("still.toml", text), "--store", store("still")});

  EXPECT_EQ(run.status, exit_status::kFailedUnits);
  EXPECT_THAT(run.err, HasSubstr("arm 'file': "));
  EXPECT_THAT(run.err, HasSubstr("the edit changes no number of the weights in Float"));
  EXPECT_EQ(query("SELECT count(*) AS n FROM outcome", "still").at(0).at("n").get<int>(), 0);
}

}  // namespace
}  // namespace neurosweep
