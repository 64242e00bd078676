#include "framework/store/query.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TempDir;

class QueryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    temp_ = new TempDir;
    dir_ = temp_->file("store");
    testing::make_merged_store(dir_, 5);
    Database db = Database::open_results(dir_, Database::Access::write);
    std::vector<NeuronEffectRow> effects;
    for (std::int64_t rank = 1; rank <= 3; ++rank) {
      NeuronEffectRow row;
      row.experiment = "sweep";
      row.model = "m";
      row.task = "sums";
      row.metric = "answer_logprob";
      row.layer = 1;
      row.neuron = rank - 1;
      row.op = "zero";
      row.role = "candidate";
      row.n = 5;
      row.mean = -1.0 / static_cast<double>(rank);
      row.rank_no = rank;
      effects.push_back(row);
    }
    replace_derived(db, "sweep", effects);
  }
  static void TearDownTestSuite() { delete temp_; }

  static QueryResult run(const std::string& query, const std::map<std::string, std::string>& parameters = {}) {
    return run_query(dir_, query, parameters);
  }
  static std::string refusal_of(const std::string& query) {
    return error_of(ErrorKind::input, [&] { run(query); });
  }

  static inline TempDir* temp_ = nullptr;
  static inline std::string dir_;
};

TEST_F(QueryTest, EveryNamedQueryRunsAndDescribesItself) {
  for (const NamedQuery& query : named_queries()) {
    EXPECT_FALSE(query.description.empty()) << query.name;
    EXPECT_GT(run(query.name).columns.size(), 1u) << query.name;
  }
}

TEST_F(QueryTest, ParametersFilterAndAreOptional) {
  EXPECT_EQ(run("top_neurons").rows.size(), 3u);
  EXPECT_EQ(run("top_neurons", {{"top", "2"}}).rows.size(), 2u);
  EXPECT_EQ(run("top_neurons", {{"model", "other"}}).rows.size(), 0u);
  EXPECT_EQ(run("neuron", {{"layer", "1"}, {"neuron", "0"}}).rows.size(), 1u);
}

TEST_F(QueryTest, ListsParameterNames) {
  for (const NamedQuery& query : named_queries()) {
    if (query.name != "neuron") continue;
    EXPECT_THAT(query.parameters, ElementsAre("layer", "neuron", "model"));
  }
}

TEST_F(QueryTest, AnyReadOnlySqlWorks) {
  const QueryResult result = run("SELECT count(*) AS n, avg(correct) AS accuracy FROM trace;");

  EXPECT_THAT(result.columns, ElementsAre("n", "accuracy"));
  EXPECT_EQ(std::get<std::int64_t>(result.rows[0][0]), 10);
  EXPECT_EQ(std::get<double>(result.rows[0][1]), 0.5);
}

TEST_F(QueryTest, BlobsAreDescribed) {
  EXPECT_EQ(std::get<std::string>(run("SELECT effects FROM effect_block LIMIT 1").rows[0][0]), "<12 bytes>");
}

TEST_F(QueryTest, RefusesToWriteAttachOrSet) {
  EXPECT_THAT(refusal_of("DELETE FROM trace"), HasSubstr("may only read"));
  EXPECT_THAT(refusal_of("ATTACH '/tmp/x.db' AS x"), HasSubstr("may only read"));
  EXPECT_THAT(refusal_of("PRAGMA user_version=3"), HasSubstr("may only read"));
  EXPECT_THAT(refusal_of("CREATE TEMP TABLE t(x)"), HasSubstr("may only read"));
  EXPECT_THAT(refusal_of("SELECT 1; DROP TABLE trace"), HasSubstr("one statement at a time"));
}

TEST_F(QueryTest, ExplainsBadSqlAndUnknownNames) {
  EXPECT_THAT(refusal_of("SELECT x FROM nowhere"), HasSubstr("no such table: nowhere"));
  EXPECT_THAT(refusal_of("top_neuron"), HasSubstr("did you mean 'top_neurons'?"));
  EXPECT_THAT(refusal_of("   "), HasSubstr("empty"));
}

TEST_F(QueryTest, RefusesAParameterTheQueryDoesNotTake) {
  const std::string message = error_of(ErrorKind::input, [&] { run("neuron", {{"layr", "1"}}); });

  EXPECT_THAT(message, HasSubstr("takes no parameter 'layr' (it takes: layer, neuron, model)"));
}

TEST_F(QueryTest, EffectsOpensEveryArmOfEveryBlock) {
  const QueryResult all = run("SELECT count(*), count(DISTINCT neuron), sum(effect) FROM effects");
  const QueryResult one =
      run("SELECT item, layer, neuron, op, role, effect, baseline FROM effects WHERE unit = 2 AND arm = 2");

  EXPECT_EQ(std::get<std::int64_t>(all.rows[0][0]), 15);
  EXPECT_EQ(std::get<std::int64_t>(all.rows[0][1]), 3);
  EXPECT_DOUBLE_EQ(std::get<double>(all.rows[0][2]), 3 * (0 + 1 + 2 + 3 + 4) + 5 * (0.25 + 0.5 + 0.75));
  ASSERT_EQ(one.rows.size(), 1u);
  EXPECT_THAT(one.rows[0], ElementsAre(SqlValue("item-2"), SqlValue(std::int64_t{1}), SqlValue(std::int64_t{2}),
                                       SqlValue("zero"), SqlValue("control"), SqlValue(2.75), SqlValue(-1.5)));
}

TEST_F(QueryTest, EffectsFiltersByBlockColumnsAndJoins) {
  EXPECT_EQ(run("SELECT * FROM effects WHERE item = 'item-3' AND metric = 'answer_logprob'").rows.size(), 3u);
  EXPECT_EQ(run("SELECT * FROM effects WHERE metric = 'other'").rows.size(), 0u);
  EXPECT_EQ(run("SELECT e.effect FROM unit AS u JOIN effects AS e USING (round_id, unit) WHERE u.rank = 0").rows.size(),
            15u);
  EXPECT_EQ(run("neuron_effects", {{"layer", "1"}, {"neuron", "2"}}).rows.size(), 5u);
}

TEST_F(QueryTest, ViewsAnswerTheirQuestions) {
  const QueryResult accuracy = run("SELECT arm, n, n_correct FROM accuracy_by_task ORDER BY arm");
  const QueryResult progress = run("SELECT n_units, done, failed FROM progress");

  EXPECT_THAT(accuracy.rows[0],
              ElementsAre(SqlValue("baseline"), SqlValue(std::int64_t{5}), SqlValue(std::int64_t{5})));
  EXPECT_THAT(accuracy.rows[1], ElementsAre(SqlValue("trace"), SqlValue(std::int64_t{10}), SqlValue(std::int64_t{5})));
  EXPECT_THAT(progress.rows[0],
              ElementsAre(SqlValue(std::int64_t{5}), SqlValue(std::int64_t{5}), SqlValue(std::int64_t{0})));
}

}  // namespace
}  // namespace neurosweep
