#include "experiments/rank_health.hpp"

#include <algorithm>

#include "cluster/device.hpp"
#include "experiments/every_rank.hpp"
#include "framework/base/log.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {

using Streak = std::set<std::pair<std::int64_t, std::int64_t>>;

/// What the leader of a group tells of itself.
struct RankHealth::Report {
  int rank = 0;
  std::string host, cause;
  Streak streak;
  bool last_failed = false;
};

void RankHealth::note_done() {
  streak_.clear();
  last_failed_ = false;
}

void RankHealth::note_failure(std::int64_t round_id, std::int64_t unit, const Error& failure) {
  streak_.emplace(round_id, unit);
  cause_ = failure.what();
  last_failed_ = true;
}

std::string RankHealth::report() const {
  return json_text(Json{{"host", host_name()}, {"cause", cause_}, {"streak", streak_}, {"last_failed", last_failed_}});
}

std::vector<int> RankHealth::review(const Comm& comm, const Database* db, std::int64_t round_id) {
  const std::vector<std::string> texts = comm.gather(report());
  last_failed_ = false;
  std::vector<int> resting;
  on_root(comm, [&] {
    std::vector<Report> reports;
    for (int rank = 0; rank < comm.size(); rank += run_.ranks_per_model) {
      const Json told = parse_json(texts[static_cast<std::size_t>(rank)], "report of a rank");
      reports.push_back({rank, told.at("host").get<std::string>(), told.at("cause").get<std::string>(),
                         told.at("streak").get<Streak>(), told.at("last_failed").get<bool>()});
    }
    blame_rank(reports, *db);
    const auto failed = [](const Report& each) { return each.last_failed; };
    if (std::all_of(reports.begin(), reports.end(), failed)) return blame_job(reports, *db, round_id);
    for (const Report& each : reports) {
      if (each.last_failed) resting.push_back(each.rank / run_.ranks_per_model);
    }
  });
  return resting;
}

void RankHealth::blame_rank(const std::vector<Report>& reports, const Database& db) const {
  Statement is_done = db.connection().prepare("SELECT 1 FROM unit WHERE round_id = ? AND unit = ?");
  for (const Report& each : reports) {
    std::size_t done = 0;
    for (const auto& [round_id, unit] : each.streak) {
      is_done.bind(1, round_id);
      is_done.bind(2, unit);
      done += is_done.step() ? 1 : 0;
      is_done.reset();
    }
    if (done < kBadStreak) continue;
    throw error(ErrorKind::device,
                "rank {} on {} failed {} units in a row, and other ranks then measured {} of them (its last failure: "
                "{}): mend that host or leave it out, then run again to go on",
                each.rank, each.host, each.streak.size(), done, each.cause);
  }
}

void RankHealth::blame_job(const std::vector<Report>& reports, const Database& db, std::int64_t round_id) const {
  if (run_.jobs == 1) return;
  const bool all =
      std::all_of(reports.begin(), reports.end(), [](const Report& each) { return each.streak.size() >= kBadStreak; });
  const std::int64_t by_others = db.connection().integer(
      fmt::format("SELECT count(*) FROM unit WHERE round_id = {} AND launch <> {}", round_id, run_.launch));
  if (!all || by_others < static_cast<std::int64_t>(kBadStreak)) return;
  throw error(
      ErrorKind::device,
      "all ranks of this job fail what they are given (the last failure of rank {} on {}: {}), while other jobs "
      "measured {} units of the round: mend that host or leave it out, then run again to go on",
      reports.front().rank, reports.front().host, reports.front().cause, by_others);
}

}  // namespace neurosweep
