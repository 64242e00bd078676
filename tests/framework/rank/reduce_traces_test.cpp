#include "framework/rank/reduce_traces.hpp"

#include <gmock/gmock.h>

#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using testing::PlantedTrace;
using testing::SyntheticStore;

/// Attempts at items of "add": one letter each, 'r' right or 'w' wrong.
void add_items(SyntheticStore& store, const std::vector<std::string>& items) {
  std::vector<PlantedTrace> traces;
  for (std::size_t item = 0; item < items.size(); ++item) {
    for (std::size_t i = 0; i < items[item].size(); ++i) {
      traces.push_back({"add", std::to_string(item), static_cast<std::int64_t>(i), items[item][i] == 'r', {}});
    }
  }
  store.add_traces("traces", traces);
}

TEST(TraceAgreement, CountsItemsThatNeverDisagreeAndPairs) {
  SyntheticStore store;
  add_items(store, {"rrr", "www", "ww", "rrww", "rw", "rwrw"});

  reduce_traces(store.db(), "traces", 2);

  const auto rows = store.db().select<TraceAgreementRow>("WHERE task = 'add'");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].n_items, 6);
  EXPECT_EQ(rows[0].n_traces, 18);
  EXPECT_EQ(rows[0].n_correct, 8);
  EXPECT_EQ(rows[0].items_correct, 1);
  EXPECT_EQ(rows[0].items_incorrect, 2);
  EXPECT_EQ(rows[0].items_mixed, 3);
  EXPECT_EQ(rows[0].items_complete, 2);
  EXPECT_EQ(rows[0].n_pairs, 5);
}

TEST(TraceAgreement, SaysNothingOfCompleteItemsWhereNothingStopsEarly) {
  SyntheticStore store;
  add_items(store, {"rw"});

  reduce_traces(store.db(), "traces", 0);

  EXPECT_EQ(store.db().select<TraceAgreementRow>().at(0).items_complete, std::nullopt);
}

TEST(GeometryContrast, PairsTheMeansOfEachOutcomeByItem) {
  SyntheticStore store;
  add_items(store, {"rrw", "rw", "rr"});
  std::vector<TraceGeometryRow> geometry;
  const double magnitudes[] = {1, 3, 5, 2, 6, 100, 100};
  for (std::int64_t unit = 0; unit < 7; ++unit) geometry.push_back({0, unit, 0, 4, magnitudes[unit], 0.5});
  store.db().insert(geometry);

  reduce_traces(store.db(), "traces", 0);

  const auto rows = store.db().select<GeometryContrastRow>("WHERE task = '*' ORDER BY measure");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].measure, "angle");
  EXPECT_EQ(rows[0].difference, 0);
  EXPECT_EQ(rows[1].measure, "magnitude");
  EXPECT_EQ(rows[1].n, 2);
  EXPECT_EQ(rows[1].correct, 2);
  EXPECT_EQ(rows[1].incorrect, 5.5);
  EXPECT_EQ(rows[1].difference, -3.5);
  EXPECT_LE(*rows[1].ci_low, -3.5);
  EXPECT_EQ(rows[2].measure, "tokens");
}

}  // namespace
}  // namespace neurosweep
