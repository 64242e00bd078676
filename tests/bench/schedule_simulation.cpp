#include "tests/bench/schedule_simulation.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <queue>

#include "cluster/hand_out.hpp"

namespace neurosweep {

namespace {

/// Something that happens at a time: a report reaches the manager, or an answer a rank, or a rank ends a unit.
struct Event {
  enum class Kind { report, answer, unit_done };
  double time = 0;
  std::int64_t number = 0;  ///< of equal times the event that was made first comes first
  Kind kind = Kind::report;
  int rank = 0;
  std::int64_t unit = HandOut::kNoUnit;  ///< report: the unit given back, or none at the start

  bool operator>(const Event& other) const { return time != other.time ? time > other.time : number > other.number; }
};

class Simulation {
 public:
  Simulation(const SimulatedRound& round, const SimulatedCluster& cluster)
      : round_(round), cluster_(cluster), hand_out_(round.todo, cluster.ranks), ranks_(cluster.ranks) {}

  SimulatedRun run() {
    for (int rank = 0; rank < cluster_.ranks; ++rank) {
      for (int asking = 0; asking < 2; ++asking) add(cluster_.latency, Event::Kind::report, rank, HandOut::kNoUnit);
    }
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      if (event.kind == Event::Kind::report) on_report(event);
      if (event.kind == Event::Kind::answer) on_answer(event);
      if (event.kind == Event::Kind::unit_done) on_unit_done(event);
    }
    return result();
  }

 private:
  struct Rank {
    bool busy = false;
    std::deque<std::int64_t> ahead;
  };

  void add(double time, Event::Kind kind, int rank, std::int64_t unit) {
    events_.push({time, next_number_++, kind, rank, unit});
  }

  void on_report(const Event& event) {
    const auto begin = std::chrono::steady_clock::now();
    if (event.unit != HandOut::kNoUnit) hand_out_.learn(event.unit, seconds_of(event.unit));
    const auto answers =
        event.unit == HandOut::kNoUnit ? hand_out_.on_ready(event.rank) : hand_out_.on_returned(event.rank);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    deciding_ += spent.count();
    ++messages_;
    double now = std::max(event.time, manager_free_) + cluster_.seconds_a_message;
    for (const auto& [rank, unit] : answers) {
      now += cluster_.seconds_a_message;
      add(now + cluster_.latency, Event::Kind::answer, rank, unit);
    }
    manager_busy_ += cluster_.seconds_a_message * static_cast<double>(1 + answers.size());
    manager_free_ = now;
  }

  void on_answer(const Event& event) {
    makespan_ = std::max(makespan_, event.time);
    if (event.unit == HandOut::kNoUnit) return;
    ranks_[static_cast<std::size_t>(event.rank)].ahead.push_back(event.unit);
    start_next(event.rank, event.time);
  }

  void on_unit_done(const Event& event) {
    ranks_[static_cast<std::size_t>(event.rank)].busy = false;
    add(event.time + cluster_.latency, Event::Kind::report, event.rank, event.unit);
    start_next(event.rank, event.time);
  }

  void start_next(int number, double time) {
    Rank& rank = ranks_[static_cast<std::size_t>(number)];
    if (rank.busy || rank.ahead.empty()) return;
    const std::int64_t unit = rank.ahead.front();
    rank.ahead.pop_front();
    rank.busy = true;
    add(time + seconds_of(unit), Event::Kind::unit_done, number, unit);
  }

  double seconds_of(std::int64_t unit) const { return round_.seconds.at(static_cast<std::size_t>(unit)); }

  SimulatedRun result() const {
    SimulatedRun run;
    double longest = 0;
    for (const QueuedUnit& unit : round_.todo) {
      run.work += seconds_of(unit.unit);
      longest = std::max(longest, seconds_of(unit.unit));
    }
    const double share = run.work / cluster_.ranks;
    run.makespan = makespan_;
    run.efficiency = share / makespan_;
    run.bound = share / std::max(share, longest);
    run.manager_load = manager_busy_ / makespan_;
    run.deciding = deciding_ / static_cast<double>(messages_);
    return run;
  }

  const SimulatedRound& round_;
  const SimulatedCluster& cluster_;
  HandOut hand_out_;
  std::vector<Rank> ranks_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::int64_t next_number_ = 0;
  double manager_free_ = 0, manager_busy_ = 0, makespan_ = 0, deciding_ = 0;
  std::int64_t messages_ = 0;
};

}  // namespace

SimulatedRun simulate_round(const SimulatedRound& round, const SimulatedCluster& cluster) {
  return Simulation(round, cluster).run();
}

}  // namespace neurosweep
