#include <sstream>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

class WatchTest : public testing::StudyTest {};

TEST_F(WatchTest, StatusGivesMetricsAndTheCausesOfFailures) {
  run_study(store());
  const std::string metrics = store() + "/neurosweep.prom";

  const auto written = run_neurosweep({"status", store(), "--format", "prometheus", "--out", metrics});
  const auto misused = run_neurosweep({"status", store(), "--out", metrics});

  ASSERT_EQ(written.status, 0) << written.err;
  const std::string text = testing::read_file(metrics);
  EXPECT_THAT(text, HasSubstr("# TYPE neurosweep_units gauge\n"));
  const auto units = query("SELECT n_units FROM round ORDER BY round_id LIMIT 1").at(0).at("n_units").get<int>();
  EXPECT_THAT(text, HasSubstr(fmt::format("round=\"0\",state=\"done\"}} {}\n", units)));
  EXPECT_THAT(text, HasSubstr("state=\"unreadable\"} 0\n"));
  EXPECT_EQ(misused.status, exit_status::kInput);
}

TEST_F(WatchTest, LogLinesAreJsonObjectsOnRequest) {
  const std::string study = write_study({{"attempts = ", "attempts = 1 # "}});

  const auto run = run_neurosweep({"run", study, "--store", store(), "--log", "json"});

  std::istringstream lines(run.err);
  int objects = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] != '{') continue;
    const Json object = parse_json(line, "log");
    EXPECT_EQ(object.at("rank"), 0);
    EXPECT_THAT(object.at("time").get<std::string>(), ::testing::EndsWith("Z"));
    ++objects;
  }
  EXPECT_GT(objects, 0) << run.err;
  EXPECT_EQ(run_neurosweep({"run", study, "--log", "xml"}).status, exit_status::kInput);
}

TEST_F(WatchTest, TheTimelineHasEveryUnitWithinItsRanksTime) {
  run_study(store());

  const auto printed = run_neurosweep({"timeline", store()});

  ASSERT_EQ(printed.status, 0) << printed.err;
  const Json trace = parse_json(printed.out, "timeline");
  const auto units = query("SELECT count(*) AS n, sum(seconds) AS s FROM unit").at(0);
  int counted = 0;
  double busy = 0, end_of_last = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++counted;
    busy += 1e-6 * event.at("dur").get<double>();
    EXPECT_GE(event.at("ts").get<double>(), end_of_last - 5e3) << "units of one rank follow each other";
    end_of_last = event.at("ts").get<double>() + event.at("dur").get<double>();
  }
  EXPECT_EQ(counted, units.at("n").get<int>());
  EXPECT_NEAR(busy, units.at("s").get<double>(), 1e-3);
}

}  // namespace
}  // namespace neurosweep
