// One launch of a one-rank engine that measures made-up units: what `neurosweep run` does to a store, without a model.
//   store_launch DIR UNITS          merge, measure what is pending, merge; prints the content hash
//   store_launch DIR UNITS plan     only makes the store and plans its round
//   store_launch DIR UNITS age N    only makes a store as a program with schema N would have left it
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "framework/store/merge.hpp"
#include "framework/store/rebuild.hpp"
#include "framework/store/unit_journal.hpp"
#include "framework/store/verify.hpp"
#include "results_schema/schema.hpp"
#include "tests/framework/store/store_fixture.hpp"

namespace neurosweep {
namespace {

using testing::example_identity;

// results.db with the first `version` schema files.
void make_aged_store(const std::string& dir, int version) {
  std::filesystem::create_directories(dir);
  const Connection connection(results_path(dir), Connection::Mode::create);
  connection.use_durable_journal();
  for (int i = 0; i < version; ++i) {
    const SqlFile& file = schema_files()[static_cast<std::size_t>(i)];
    if (applies_to(file, kResults)) connection.exec(std::string(file.text));
  }
  connection.exec(fmt::format("PRAGMA application_id={}", kApplicationId));
  connection.exec(fmt::format("PRAGMA user_version={}", version));
}

void launch(const std::string& dir, std::int64_t units) {
  rebuild_if_damaged(dir, example_identity());
  Database results = create_or_open_results(dir, example_identity());
  const int number = claim_launch(dir);
  merge_shards(dir);
  record_crashes(results, dir);
  testing::plan_example_round(results, units);
  ShardWriter shard(shard_path(dir, number, 0), make_study_id(example_identity()), number, 0);
  UnitJournal journal(dir, number, 0);
  for (std::int64_t unit : pending_units(results, 0)) {
    journal.begin_unit(0, unit);
    UnitRows rows = testing::example_rows(unit);
    journal.end_unit();
    shard.append(0, unit, testing::example_hash(unit), std::move(rows), 0.1);
    if (unit % 4 == 3) shard.commit();
  }
  shard.close();
  merge_shards(dir);
  fmt::print("{}\n", content_hash(results));
}

}  // namespace
}  // namespace neurosweep

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) return neurosweep::exit_status::kInput;
  try {
    if (argc == 5) {
      neurosweep::make_aged_store(argv[1], std::atoi(argv[4]));
    } else if (argc == 4) {
      neurosweep::testing::make_example_store(argv[1], std::atoll(argv[2]));
    } else {
      neurosweep::launch(argv[1], std::atoll(argv[2]));
    }
  } catch (const neurosweep::Error& failure) {
    fmt::print(stderr, "{}\n", failure.what());
    return neurosweep::exit_code(failure.kind());
  }
}
