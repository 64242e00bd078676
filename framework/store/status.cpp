#include "framework/store/status.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "framework/store/database.hpp"

namespace neurosweep {

namespace {

using UnitKey = std::pair<std::int64_t, std::int64_t>;

// What the merged store and the shards know about the units of a study.
struct Progress {
  std::set<UnitKey> done;
  std::set<UnitKey> failed;
  std::map<std::int64_t, double> seconds;  // by round

  void add(const Connection& connection) {
    Statement units = connection.prepare("SELECT round_id, unit, seconds FROM unit");
    while (units.step()) {
      double spent = 0.0;
      units.read(2, spent);
      if (done.emplace(units.integer(0), units.integer(1)).second) seconds[units.integer(0)] += spent;
    }
    Statement failures = connection.prepare("SELECT round_id, unit FROM unit_failure");
    while (failures.step()) failed.emplace(failures.integer(0), failures.integer(1));
  }
};

// Reads a shard that may be written right now; returns whether results.db lacks something of it.
bool add_shard(const Database& results, const RankFile& file, Progress& progress) {
  const Connection shard(file.path, Connection::Mode::read, std::chrono::milliseconds(250));
  expect_own_schema(shard, kShard);
  const std::int64_t units = shard.integer("SELECT count(*) FROM unit");
  const std::int64_t failures = shard.integer("SELECT count(*) FROM unit_failure");
  const auto merged = results.select<MergedShardRow>("WHERE shard = ?", {file.name});
  const bool known =
      merged.empty() ? units + failures == 0 : merged.front().units == units && merged.front().failures == failures;
  if (!known) progress.add(shard);
  return !known;
}

RoundStatus round_status(const RoundRow& round, const Progress& progress) {
  RoundStatus status;
  status.round = round;
  const auto count = [&](const std::set<UnitKey>& units, auto&& wanted) {
    return std::count_if(units.lower_bound({round.round_id, 0}), units.lower_bound({round.round_id, round.n_units}),
                         wanted);
  };
  status.done = count(progress.done, [](const UnitKey&) { return true; });
  status.failed = count(progress.failed, [&](const UnitKey& unit) { return !progress.done.contains(unit); });
  status.pending = round.n_units - status.done;
  const auto seconds = progress.seconds.find(round.round_id);
  if (seconds != progress.seconds.end()) status.seconds = seconds->second;
  return status;
}

}  // namespace

std::int64_t count_missing_units(const Database& db) {
  return db.connection().integer(
      "SELECT (SELECT coalesce(sum(n_units), 0) FROM round) - (SELECT count(*) FROM unit JOIN round USING (round_id))");
}

StatusReport read_status(const std::string& dir) {
  const Database results = Database::open_results(dir, Database::Access::read);
  StatusReport report;
  report.study = results.study();
  Progress progress;
  progress.add(results.connection());
  for (const RankFile& file : list_shards(dir)) {
    try {
      if (add_shard(results, file, progress)) report.unmerged_shards.push_back(file.name);
    } catch (const Error& failure) {
      report.unreadable_shards.push_back(failure.what());
    }
  }
  for (const RoundRow& round : results.select<RoundRow>("ORDER BY round_id")) {
    report.rounds.push_back(round_status(round, progress));
  }
  const auto launches = results.select<LaunchRow>("ORDER BY launch DESC LIMIT 1");
  if (!launches.empty()) report.last_launch = launches.front();
  return report;
}

}  // namespace neurosweep
