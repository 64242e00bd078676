#include <optional>

#include <gtest/gtest.h>

#include "experiments/experiment.hpp"
#include "experiments/identity.hpp"
#include "framework/rank/critical_set.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

/// A study of the bundled small reasoner with one experiment, and a store that holds a critical set of "chosen".
class ForecastTest : public ::testing::Test {
 protected:
  void make(const std::string& experiment) {
    const std::string models = std::string(NS_SOURCE_DIR) + "/experiments/models/";
    testing::write_file(dir_.file("study.toml"),
                        "[study]\nname = \"t\"\n[models.small]\npath = \"" + models +
                            "reasoner-small\"\n[tasks.arith]\nfile = \"" + models +
                            "tasks/arith.jsonl\"\ntarget = \"{reasoning}\\nA: {answer}\"\n"
                            "[[experiment]]\nkind = \"sweep\"\nname = \"chosen\"\nitems = 1\n[[experiment]]\n" +
                            experiment);
    catalog_.emplace(read_study(dir_.file("study.toml")));
    experiment_ = std::move(make_experiments(catalog_->study()).back());
    Database db = create_or_open_results(dir_.file("store"), make_identity(*catalog_));
    db.insert(std::vector<CriticalSetRow>{{"chosen", "small", kAllTasks, 1, 1, 7, -2, "sweep"},
                                          {"chosen", "small", kAllTasks, 2, 2, 9, -1, "sweep"}});
    plan_ = *experiment_->plan(*catalog_, 0, db);
    forecast_ = experiment_->forecast(*catalog_);
  }

  const Forecast::Work& work() const { return forecast_.by_model.at("small"); }

  /// Rows of one kind of all units, measured.
  template <class Row>
  std::vector<Row> measured() {
    Workbench bench(*catalog_, at::Device(at::kCPU));
    std::vector<Row> rows;
    for (const WorkUnit& unit : plan_.units) {
      const UnitRows made = experiment_->measure(bench, plan_, unit);
      rows.insert(rows.end(), made.get<Row>().begin(), made.get<Row>().end());
    }
    return rows;
  }

  std::int64_t length_of(const std::string& item) const {
    const TaskEntry& task = catalog_->task("arith");
    return static_cast<std::int64_t>(
        catalog_->reference(catalog_->model("small"), task, task.item(item)).tokens.size());
  }

  testing::TempDir dir_;
  std::optional<Catalog> catalog_;
  std::unique_ptr<Experiment> experiment_;
  Plan plan_;
  Forecast forecast_;
};

TEST_F(ForecastTest, OfASweepCountsTheUnitsArmsAndTokensOfItsPlan) {
  make("kind = \"sweep\"\ncandidates = \"all\"\ncontrols = 30\nitems = 3\narms_per_unit = 100\n");

  std::int64_t forwards = 0;
  double tokens = 0;
  for (const WorkUnit& unit : plan_.units) {
    forwards += unit.n_arms + 1;  // and the baseline
    tokens += static_cast<double>(unit.n_arms * (length_of(unit.items[0]) - 1));
  }
  EXPECT_EQ(work().units, static_cast<std::int64_t>(plan_.units.size()));
  EXPECT_EQ(work().forwards, forwards);
  EXPECT_EQ(work().sweep_tokens, tokens);
  EXPECT_FALSE(forecast_.upper_bound);
}

TEST_F(ForecastTest, OfATraceCountsTheSequencesAndPromptsThatItDecodes) {
  make("kind = \"trace\"\nitems = 3\nattempts = 2\nitems_per_unit = 2\nmax_new_tokens = 4\nslots = 3\n");

  const auto traces = measured<TraceRow>();

  double prompts = 0, generated = 0;
  for (const TraceRow& trace : traces) {
    prompts += static_cast<double>(trace.n_prompt_tokens);
    generated += static_cast<double>(trace.n_tokens);
  }
  EXPECT_EQ(work().units, static_cast<std::int64_t>(plan_.units.size()));
  EXPECT_EQ(work().forwards, static_cast<std::int64_t>(traces.size()));
  EXPECT_EQ(work().prompt_tokens, prompts);
  EXPECT_EQ(work().generated_tokens, generated);
  EXPECT_EQ(work().decode_steps, 8 + 4);  // four sequences in three slots, then two
}

TEST_F(ForecastTest, OfASuppressionCountsEveryAnswerTwice) {
  make("kind = \"suppress\"\nfrom = \"chosen\"\nitems = 3\nrandom_sets = 2\nitems_per_unit = 2\nmax_new_tokens = 4\n");

  const auto answers = measured<OutcomeRow>();

  double scored = 0;
  for (const OutcomeRow& answer : answers) scored += static_cast<double>(length_of(answer.item));
  EXPECT_EQ(work().units, static_cast<std::int64_t>(plan_.units.size()));
  EXPECT_EQ(work().forwards, 2 * static_cast<std::int64_t>(answers.size()));  // generated and scored
  EXPECT_EQ(work().forward_tokens, scored);
  EXPECT_TRUE(forecast_.upper_bound);
}

TEST(DecodeSteps, AreTheLongestSlotWhenFreeOnesTakeTheNext) {
  EXPECT_EQ(decode_steps({}, 2), 0);
  EXPECT_EQ(decode_steps({3, 5, 4}, 8), 5);
  EXPECT_EQ(decode_steps({3, 5, 4}, 2), 7);
  EXPECT_EQ(decode_steps({3, 5, 4}, 1), 12);
}

}  // namespace
}  // namespace neurosweep
