#include "framework/store/unit_rows.hpp"

#include <limits>

#include "tests/framework/store/store_fixture.hpp"

namespace neurosweep {
namespace {

using testing::error_of;
using testing::example_rows;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

EffectBlockRow block_of(const std::vector<float>& effects) {
  EffectBlockRow row;
  row.n = static_cast<std::int64_t>(effects.size());
  row.effects = effects;
  return row;
}

TEST(UnitRows, NumbersTheRowsOfEachTable) {
  const UnitRows rows = example_rows(3);

  EXPECT_EQ(rows.get<TraceRow>()[1].seq, 1);
  EXPECT_EQ(rows.get<EffectBlockRow>()[0].seq, 0);
  EXPECT_EQ(rows.size(), 6);
}

TEST(UnitRows, AMeanTakesTheNumberOfItsTrace) {
  UnitRows rows;
  ActivationMeanRow mean;
  mean.n = 1;
  mean.mean_values = {1.0f};

  rows.add(TraceRow{});
  rows.add(TraceRow{});
  rows.add(mean);

  EXPECT_EQ(rows.get<ActivationMeanRow>()[0].seq, 1);
  EXPECT_THROW(rows.add(mean), Error);
}

TEST(UnitRows, LastActivationsAndGeometryTakeTheNumberOfTheirTrace) {
  UnitRows rows;
  const ActivationLastRow last{0, 0, 0, 2, 0, {1.0f, 2.0f}};
  const TraceGeometryRow geometry{0, 0, 0, 3, 0.5, 0.25};
  EXPECT_THROW(rows.add(last), Error) << "no trace yet";

  rows.add(TraceRow{});
  rows.add(TraceRow{});
  rows.add(last);
  rows.add(geometry);

  EXPECT_EQ(rows.get<ActivationLastRow>()[0].seq, 1);
  EXPECT_EQ(rows.get<TraceGeometryRow>()[0].seq, 1);
  EXPECT_THROW(rows.add(geometry), Error);
  rows.add(TraceRow{});
  EXPECT_THROW(rows.add(ActivationLastRow{0, 0, 0, 2, 0, {1.0f, static_cast<float>(kNan)}}), Error);
}

TEST(UnitRows, ReadingsAndRangesTakeTheNumberOfTheirTraceAndEnforcementsTheirOwn) {
  UnitRows rows;
  MonitorReadingRow reading;
  reading.n_rows = 1;
  reading.n = 2;
  reading.readings = {1.0f, 2.0f};
  ActivationRangeRow range;
  range.n = 2;
  range.ranges = {1.0f, static_cast<float>(kNan)};
  EXPECT_THROW(rows.add(reading), Error) << "no trace yet";

  rows.add(TraceRow{});
  rows.add(TraceRow{});
  rows.add(reading);
  rows.add(EnforcementRow{});
  rows.add(EnforcementRow{});

  EXPECT_EQ(rows.get<MonitorReadingRow>()[0].seq, 1);
  EXPECT_EQ(rows.get<EnforcementRow>()[1].seq, 1);
  EXPECT_THROW(rows.add(range), Error);
  range.ranges[1] = 2.0f;
  rows.add(range);
  EXPECT_EQ(rows.get<ActivationRangeRow>()[0].seq, 1);
}

TEST(UnitRows, RefusesANanScalarAndNamesIt) {
  TraceRow trace;
  trace.logprob = kNan;
  UnitRows rows;

  const std::string message = error_of(ErrorKind::internal, [&] { rows.add(trace); });

  EXPECT_NE(message.find("trace.logprob is nan"), std::string::npos) << message;
}

TEST(UnitRows, RefusesANanInAnOptionalScalar) {
  OutcomeRow outcome;
  outcome.logprob = kNan;
  UnitRows rows;

  EXPECT_THROW(rows.add(outcome), Error);
}

TEST(UnitRows, RefusesNonFiniteEffectsUnlessTold) {
  UnitRows rows;

  const std::string message = error_of(ErrorKind::internal, [&] {
    rows.add(block_of({1.0f, static_cast<float>(kNan), kInfinity}));
  });
  rows.add(block_of({1.0f, static_cast<float>(kNan), kInfinity}), NonFinite::keep);

  EXPECT_NE(message.find("2 NaN or infinite values among 3"), std::string::npos) << message;
  EXPECT_EQ(rows.get<EffectBlockRow>()[0].n_nonfinite, 2);
}

TEST(UnitRows, RefusesABlockOfAnotherLengthThanItSays) {
  EffectBlockRow row = block_of({1.0f});
  row.n = 2;
  UnitRows rows;

  EXPECT_THROW(rows.add(row), Error);
}

TEST(UnitRows, ChecksumDependsOnEveryRowTheKeyAndTheDefinition) {
  UnitRows rows = example_rows(3);
  rows.set_key(0, 3);
  UnitRows moved = example_rows(3);
  moved.set_key(0, 4);
  UnitRows longer = example_rows(3);
  longer.add(OutcomeRow{});
  longer.set_key(0, 3);

  EXPECT_NE(rows.crc32c("a"), moved.crc32c("a"));
  EXPECT_NE(rows.crc32c("a"), longer.crc32c("a"));
  EXPECT_NE(rows.crc32c("a"), rows.crc32c("b"));
}

}  // namespace
}  // namespace neurosweep
