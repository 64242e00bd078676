#include "framework/report/report.hpp"

#include <sstream>
#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/rank/compare_methods.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/neuron_effects.hpp"
#include "framework/rank/scores.hpp"
#include "framework/rank/set_effects.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::PlantedArm;
using testing::PlantedOutcome;
using testing::PlantedTrace;
using testing::SyntheticStore;

std::string report_of(SyntheticStore& store) {
  std::ostringstream out;
  write_report(out, store.db());
  return out.str();
}

/// Neuron 0.1 lowers both tasks by 1, all others and the controls do nothing but noise.
void add_sweep(SyntheticStore& store) {
  std::vector<PlantedArm> arms;
  for (int flat = 0; flat < 8; ++flat) arms.push_back({flat / 4, flat % 4});
  arms.push_back({0, 2, "control"});
  arms.push_back({1, 3, "control"});
  store.add_sweep("sweep", {"add", "sort"}, 12, arms, [](const std::string&, int item, const PlantedArm& arm) {
    const std::uint64_t cell = static_cast<std::uint64_t>(item * 100 + arm.layer * 10 + arm.neuron);
    const double noise = 0.1 * (CounterRng(cell).uniform() - 0.5);
    return (arm.layer == 0 && arm.neuron == 1 ? -1 : 0) + noise;
  });
  rank_neurons(store.db(), {.experiment = "sweep"});
}

void add_traces(SyntheticStore& store) {
  std::vector<PlantedTrace> traces;
  for (int item = 0; item < 4; ++item) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      const bool correct = attempt == 0 && item > 0;
      std::vector<float> means(8, 0.5F);
      means[1] = correct ? 1 : -1;
      traces.push_back({"add", std::to_string(item), attempt, correct, means});
    }
  }
  store.add_traces("traces", traces);
  reduce_contrast(store.db(), {"identify", "traces", {"tiny"}, {"add"}, 2, Polarity::require_flip});
}

/// 20 items of "add", right untouched and under two random sets; `critical_right` of them under the critical set.
void add_outcomes(SyntheticStore& store, int critical_right) {
  std::vector<PlantedOutcome> outcomes;
  for (int item = 0; item < 20; ++item) {
    for (const char* arm : {"baseline", "critical", "random-00", "random-01"}) {
      const bool critical = std::string(arm) == "critical";
      const std::string name = "test-" + std::to_string(item);
      outcomes.push_back({"add", name, arm, !critical || item < critical_right, critical ? -3.0 : -1.0});
    }
  }
  store.add_outcomes("suppress", outcomes);
  reduce_set_effects(store.db(), "suppress");
}

TEST(Report, NamesStudyModelsTasksAndRounds) {
  SyntheticStore store;
  add_sweep(store);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("# Study planted"));
  EXPECT_THAT(report, HasSubstr("| hash of the study file's meaning | 0123456789abcdef0123456789abcdef |"));
  EXPECT_THAT(report, HasSubstr("| tiny | llama | 2 | 4 | 512 | float32 | aaaa1111aaaa1111aaaa1111aaaa1111 |"));
  EXPECT_THAT(report, HasSubstr("| sweep | sweep | 0 | 24 | 24 |"));
  EXPECT_THAT(report, Not(HasSubstr("not complete")));
}

TEST(Report, ShowsThePlantedNeuronFirstWithItsProof) {
  SyntheticStore store;
  add_sweep(store);

  const std::string report = report_of(store);

  EXPECT_THAT(report, ::testing::ContainsRegex(
                          "\\| 1 \\| 0 \\| 1 \\| zero \\| -[01]\\.[0-9]+ \\| .* \\| 24 \\| < 0\\.0001 \\| < "
                          "0\\.0001 \\| yes \\| general \\(add,sort\\) \\|"));
  EXPECT_THAT(report, Not(HasSubstr("No neuron of this list is shown to be critical")));
}

TEST(Report, SaysWhenNoNeuronIsCritical) {
  SyntheticStore store;
  const std::vector<PlantedArm> arms = {{0, 0}, {0, 1}, {1, 0, "control"}};
  store.add_sweep("sweep", {"add"}, 4, arms, [](const std::string&, int item, const PlantedArm&) { return item % 2; });
  rank_neurons(store.db(), {.experiment = "sweep"});

  EXPECT_THAT(report_of(store), HasSubstr("**No neuron of this list is shown to be critical.**"));
}

TEST(Report, ShowsTraceAccuracyAndTheContrastsProof) {
  SyntheticStore store;
  add_traces(store);
  add_sweep(store);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("| traces | tiny | add | 4 | 8 | 37.5 % |"));
  EXPECT_THAT(report, HasSubstr("| 3 | 0 | 1 | 5.0 |"));                            // mixed items, tokens per trace
  EXPECT_THAT(report, HasSubstr("| identify | tiny | add | 3 | 8 | 1 | 1 | 1 |"));  // the selected one is proved
}

TEST(Report, ShowsSuppressionAgainstRandomSets) {
  SyntheticStore store;
  add_outcomes(store, 4);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("| tiny | add | 20 | 100.0 % | 20.0 % | 8.1 % to 41.6 % | -80.0 | < 0.0001 |"));
  EXPECT_THAT(report, HasSubstr("| 2 of 2 | worse than random |"));
  EXPECT_THAT(report, HasSubstr("| tiny | add | 20 | 30.0 % | 36.6 % |"));  // 6 of 20, and its power
  EXPECT_THAT(report, HasSubstr("None of these items was used to choose the neurons."));
}

TEST(Report, OpensWithTheFindings) {
  SyntheticStore store;
  add_sweep(store);
  add_outcomes(store, 4);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("- **tiny**, experiment sweep: the critical set over all tasks holds 1 neuron; by task "
                                "1 general, 0 specific."));
  EXPECT_THAT(report,
              HasSubstr("- **tiny**, experiment suppress: accuracy falls from 100.0 % to 20.0 % with the critical "
                        "set suppressed, and to 100.0 % with matched random sets (difference -80.0 points, p < "
                        "0.0001, 20 items)."));
}

TEST(Report, SaysWhenTheCriticalSetIsNoWorseThanRandom) {
  SyntheticStore store;
  add_outcomes(store, 18);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("not shown to differ from random"));
  EXPECT_THAT(report, HasSubstr("is not shown to hurt accuracy more than suppressing random neurons"));
}

TEST(Report, WarnsWhenTestItemsChoseTheNeurons) {
  SyntheticStore store;
  add_sweep(store);
  store.add_outcomes("suppress", {{"add", "3", "baseline", true}, {"add", "3", "critical", false}});
  reduce_set_effects(store.db(), "suppress");

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("**1 of these 1 (model, item) pairs were also used to choose the neurons**"));
  EXPECT_THAT(report, HasSubstr("There are no random sets to compare with"));
  EXPECT_THAT(report, HasSubstr("none: too few items"));
}

TEST(Report, PutsWaysToFindNeuronsSideBySide) {
  SyntheticStore store;
  add_sweep(store);
  add_traces(store);
  reduce_random(store.db(), {"random", "traces", {"tiny"}, {"add"}, 1, Polarity::any}, 1);
  CompareSpec spec;
  spec.experiment = "compare";
  spec.methods = {{"identify", std::nullopt}, {"random", std::nullopt}, {"sweep", std::nullopt}};
  spec.truth = "sweep";
  spec.models = {"tiny"};
  spec.tasks = {"add"};
  compare_methods(store.db(), spec);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("## Ways to find neurons, side by side (experiment compare)"));
  EXPECT_THAT(report, HasSubstr("| tiny | add | identify | 1 | 100.0 % |"));
  EXPECT_THAT(report, HasSubstr("| tiny | add | random | 1 | 0.0 % |"));
  EXPECT_THAT(report, HasSubstr("| tiny | identify | sweep | 1 | 1 | 1 | 0.577 |"));
}

TEST(Report, ListsFailuresAndUnfinishedRounds) {
  SyntheticStore store;
  add_sweep(store);
  store.db().connection().exec("UPDATE round SET n_units = 25");
  store.add_failure(0, 24, "device", "out of memory | on rank 0");

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("The study is not complete"));
  EXPECT_THAT(report, HasSubstr("| sweep | device | 1 | 0 | 1 | out of memory \\| on rank 0 |"));
}

TEST(Report, HoldsNoNanAndIsTheSameTwice) {
  SyntheticStore store;
  add_traces(store);
  add_sweep(store);
  add_outcomes(store, 4);

  const std::string report = report_of(store);

  EXPECT_THAT(report, Not(HasSubstr("nan")));
  EXPECT_THAT(report, Not(HasSubstr("inf ")));
  EXPECT_EQ(report, report_of(store));
}

TEST(Report, OfAnEmptyStoreHasItsProvenanceOnly) {
  SyntheticStore store;

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("# Study planted"));
  EXPECT_THAT(report, HasSubstr("No unit failed."));
  EXPECT_THAT(report, Not(HasSubstr("Neurons whose suppression hurts")));
}

TEST(Report, NamesThePathThatCannotBeWritten) {
  SyntheticStore store;
  const std::string path = store.dir() + "/no/such/folder/report.md";

  try {
    write_report(path, store.db());
    FAIL() << "a report was written where no folder is";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::io);
    EXPECT_THAT(failure.what(), HasSubstr(path));
  }
}

RankTableSpec table_spec(const std::string& task, std::int64_t top) {
  RankTableSpec spec;
  spec.task = task;
  spec.top = top;
  return spec;
}

/// A search that left 2 of 3 candidates, one of them pruned later, with a synergistic and a plain pair.
void add_minimal_set(SyntheticStore& store) {
  replace_derived(store.db(), "minimize",
                  std::vector<MinimalSetRow>{{"minimize", "tiny", "*", 1, 0, 1, 1, -6, -6, 0.6, 1, -5},
                                             {"minimize", "tiny", "*", 2, 1, 2, 3, -1, -3, 0.9, 1, -3},
                                             {"minimize", "tiny", "*", 3, 1, 3, 2, -2, -0.5, 0.95, 0, std::nullopt}});
  replace_derived(store.db(), "minimize", std::vector<SetSearchRow>{{"minimize", "tiny", "*",  "reasoning_logprob",
                                                                     3,          0.9,    2,    16,
                                                                     12,         4,      -10,  0.9,
                                                                     24,         -9,     -7.2, 0.8,
                                                                     0.75,       0.85,   5,    -0.1,
                                                                     -0.3,       0.001}});
  replace_derived(
      store.db(), "minimize",
      std::vector<PairInteractionRow>{{"minimize", "tiny", "*", 0, 1, 1, 2, 24, -6, -1, -9, -2, -3, -1, 0.001, 0.002},
                                      {"minimize", "tiny", "*", 0, 1, 1, 3, 24, -6, -2, -8, 0, -0.1, 0.1, 0.9, 0.9}});
}

TEST(Report, ShowsMinimalSetsWithTheirHeldOutShareAndPairs) {
  SyntheticStore store;
  add_minimal_set(store);

  const std::string report = report_of(store);

  EXPECT_THAT(report, HasSubstr("2 of 3 critical neurons, suppressed together, have 80.0 % of the effect of all"));
  EXPECT_THAT(report, HasSubstr("## Minimal sets (experiment minimize)"));
  EXPECT_THAT(report, HasSubstr("| 80.0 % | 75.0 % to 85.0 % | does not hold |"));
  EXPECT_THAT(report, HasSubstr("| 1.3 | 2 | -2 | -0.5 | 95.0 % | pruned |"));
  EXPECT_THAT(report, HasSubstr("Pairs of tiny, task *: 2 measured on the held-out items, 1 with an interaction"));
  EXPECT_THAT(report, HasSubstr("| 0.1 + 1.2 | -7 | -9 | -2 |"));
  EXPECT_THAT(report, Not(HasSubstr("0.1 + 1.3")));
}

TEST(RankTable, ListsCandidatesInRankOrderUpToTop) {
  SyntheticStore store;
  add_sweep(store);

  const QueryResult table = rank_table(store.db(), table_spec("add", 3));

  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.columns.size(), table.rows[0].size());
  EXPECT_EQ(std::get<std::int64_t>(table.rows[0][4]), 1);
  EXPECT_EQ(std::get<std::int64_t>(table.rows[0][6]), 1);
  EXPECT_EQ(std::get<std::string>(table.rows[0].back()), "yes");
  EXPECT_EQ(std::get<std::string>(table.rows[1].back()), "no");
}

TEST(RankTable, PrintsCsv) {
  SyntheticStore store;
  add_sweep(store);
  std::ostringstream out;

  print_rank_table(out, store.db(), table_spec("sort", 1), TableFormat::csv);

  EXPECT_THAT(out.str(), HasSubstr("experiment,model,task,metric,rank,layer,neuron,op,effect"));
  EXPECT_THAT(out.str(), HasSubstr("sweep,tiny,sort,reasoning_logprob,1,0,1,zero,-"));
}

TEST(RankTable, NamesTheFiltersThatFitNothing) {
  SyntheticStore store;
  add_sweep(store);

  try {
    rank_table(store.db(), table_spec("chess", 3));
    FAIL() << "an unknown task was listed";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::input);
    EXPECT_THAT(failure.what(), HasSubstr("task 'chess'"));
  }
}

}  // namespace
}  // namespace neurosweep
