// What the README promises about bits: the content hash depends on the study alone.
#include <signal.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <tuple>

#include <gmock/gmock.h>

#include "framework/store/database.hpp"
#include "framework/store/folder.hpp"
#include "framework/store/unit_io.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::run_program;

/// A sweep, sampled traces, sets and gradients, of some twenty units.
class DeterminismTest : public testing::StudyTest {
 protected:
  std::string study(const std::string& name, int threads = 1, int traced = 8, int swept = 4) const {
    std::string text = testing::study_head("bits", {"arith", "sort"});
    if (threads != 1) text.replace(text.find("seed"), 0, fmt::format("threads = {}\n", threads));
    return write_text(name, text + fmt::format(R"(
[[experiment]]
kind = "trace"
items = {}
attempts = 4
items_per_unit = 2

[[experiment]]
kind = "identify"
from = "trace"
top = 20
polarity = false

[[experiment]]
kind = "gradient"
items = 4
items_per_unit = 1

[[experiment]]
kind = "sweep"
candidates = "identify"
items = {}
controls = 20
arms_per_unit = 20

[[experiment]]
kind = "suppress"
from = "identify"
items = 6
top = 5
random_sets = 2
items_per_unit = 2
)",
                                               traced, swept));
  }

  static std::vector<std::string> run_words(int ranks, const std::string& study, const std::string& store) {
    auto words = ranks == 1 ? std::vector{testing::neurosweep_path()} : testing::mpirun_words(ranks);
    words.insert(words.end(), {"run", study, "--store", store});
    return words;
  }

  std::string hash_of(int ranks, const std::string& study_path, const std::string& name) const {
    const auto result = run_program(run_words(ranks, study_path, store(name)));
    EXPECT_EQ(result.status, 0) << result.err;
    return sound_hash(store(name));
  }

  /// Removes the measured rows of some units and every shard, so that a run measures them again, alone and in an order
  /// of their own.
  ///   returns  how many
  std::int64_t forget_units(const std::string& name, std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::int64_t forgotten = 0;
    Database db = Database::open_results(store(name), Database::Access::write);
    const Connection& connection = db.connection();
    connection.exec("PRAGMA foreign_keys=OFF");
    for (const UnitRow& unit : db.select<UnitRow>()) {
      if (random() % 3 != 0) continue;
      ++forgotten;
      remove_unit(connection, unit.round_id, unit.unit);
    }
    for (const RankFile& shard : list_shards(store(name))) fs::remove(shard.path);
    return forgotten;
  }
};

TEST_F(DeterminismTest, TheHashIsTheSameFor1To4RanksAndForUnitsThatAreMeasuredAgain) {
  const std::string path = study("study.toml");
  const std::string hash = hash_of(1, path, "1");

  for (int ranks = 2; ranks <= 4; ++ranks) EXPECT_EQ(hash_of(ranks, path, std::to_string(ranks)), hash) << ranks;

  for (const std::uint64_t seed : {1, 2}) {
    EXPECT_GE(forget_units("1", seed), 3);
    EXPECT_EQ(hash_of(static_cast<int>(seed), path, "1"), hash);
  }
}

TEST_F(DeterminismTest, AStudyStoppedAgainAndAgainGoesOnWithOtherRankCounts) {
  const std::string path = study("study.toml", 1, 30, 8);
  const std::string hash = hash_of(1, path, "undisturbed");
  // One rank stops at once; a launcher passes a signal on after a second.
  const std::vector<int> counts = {1, 1, 4, 2};
  int stops = 0;
  int status = -1;

  for (std::size_t launch = 0; launch < 30 && status != 0; ++launch) {
    testing::BackgroundProgram program(run_words(counts[launch % counts.size()], path, store()));
    // A rank has a journal from right before its first unit to its end in order.
    const auto at_work = [&] { return fs::exists(store()) && !list_journals(store()).empty(); };
    while (stops < 3 && !at_work() && !program.finished_within(std::chrono::milliseconds(5))) continue;
    const bool stop = stops < 3 && !program.finished_within(std::chrono::milliseconds(30));
    if (stop) program.signal_group(SIGTERM);
    status = program.wait();
    stops += status != 0 ? 1 : 0;
  }

  EXPECT_EQ(status, 0);
  EXPECT_GE(stops, 2);
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(DeterminismTest, AnotherThreadCountIsAnotherStudyWhoseRowsAreNear) {
  const std::string one = study("one.toml"), two = study("two.toml", 2);
  hash_of(1, one, "one");

  const auto refused = run_program(run_words(1, two, store("one")));
  EXPECT_EQ(refused.status, exit_status::kStore);
  EXPECT_THAT(refused.err, HasSubstr("threads is 1 there, 2 now"));

  hash_of(1, two, "two");
  const std::string sweep = "SELECT layer, neuron, item, metric, effect FROM effects ORDER BY 1, 2, 3, 4";
  const Json a = query(sweep, "one"), b = query(sweep, "two");
  EXPECT_GT(a.size(), 100u);
  EXPECT_EQ(a, b);  // our own kernels: threads change no bit
  const std::string traces = "SELECT item, attempt, completion, logprob FROM trace ORDER BY 1, 2";
  EXPECT_EQ(query(traces, "one"), query(traces, "two"));
}

/// Gradients are libtorch's, whose kernels differ by processor: told to use those for any processor, it stands for a
/// machine of another kind.
TEST_F(DeterminismTest, OnOtherHardwareGradientsAreNearAndEffectsOfTheSameNeuronsEqual) {
  const std::string path = study("study.toml");
  hash_of(1, path, "here");
  ::setenv("ATEN_CPU_CAPABILITY", "default", 1);
  ::setenv("MKL_ENABLE_INSTRUCTIONS", "SSE4_2", 1);
  hash_of(1, path, "there");
  ::unsetenv("ATEN_CPU_CAPABILITY");
  ::unsetenv("MKL_ENABLE_INSTRUCTIONS");

  const std::string directions =
      "SELECT task, layer, neuron, value FROM direction WHERE experiment = 'gradient' ORDER BY 1, 2, 3";
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, double> here;
  for (const Json& row : query(directions, "here")) here[{row["task"], row["layer"], row["neuron"]}] = row["value"];
  ASSERT_EQ(here.size(), 150u);  // 50 of each task, and of both
  std::size_t shared = 0;
  double largest = 0;
  for (const Json& row : query(directions, "there")) {
    const auto found = here.find({row["task"], row["layer"], row["neuron"]});
    if (found == here.end()) continue;
    ++shared;
    largest = std::max(largest, std::fabs(found->second - row["value"].get<double>()));
  }
  RecordProperty("shared_of_150", static_cast<int>(shared));
  RecordProperty("largest_difference_of_a_direction", fmt::format("{:.3g}", largest));
  EXPECT_GE(shared, 147u);
  EXPECT_LE(largest, 1e-4);  // of a direction of norm 1
  const std::string sweep = "SELECT layer, neuron, item, metric, effect FROM effects ORDER BY 1, 2, 3, 4";
  EXPECT_EQ(query(sweep, "here"), query(sweep, "there"));
}

}  // namespace
}  // namespace neurosweep
