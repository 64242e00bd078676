#include "cluster/dispatcher.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "cluster/hand_out.hpp"
#include "cluster/mpi_calls.hpp"
#include "cluster/pending_receive.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

// Messages, on a communicator of their own:
//   rank -> manager  kReport {Report, stop seen, unit, microseconds}: asks for a unit; each is answered by one kUnit
//   manager -> rank  kUnit {unit or HandOut::kNoUnit}
//   manager -> rank  kEnd {}: exactly one a rank, as soon as a stop is known, else when all is done
// A rank posts the receives of its answers before it asks, so that the manager never waits for a computing rank.

namespace neurosweep {

namespace {

// The manager looks this often at least. Ranks have a unit ahead, so they do not wait for it; each look interrupts rank
// 0.
constexpr std::chrono::microseconds kLongestNap{5000};

using RunOne = std::function<UnitOutcome(std::int64_t)>;

enum Tag { kReport = 1, kUnit = 2, kEnd = 3 };
enum class Report : std::int64_t { ready, done, failed, not_started };

template <std::size_t N>
void send(MPI_Comm comm, int target, Tag tag, const std::array<std::int64_t, N>& values) {
  check_mpi(MPI_Send(values.data(), N, MPI_INT64_T, target, tag, comm), "MPI_Send");
}

Report to_report(UnitOutcome outcome) {
  return outcome == UnitOutcome::done ? Report::done : Report::failed;
}

void count(DispatchResult& result, Report report) {
  if (report == Report::done) ++result.done;
  if (report == Report::failed) ++result.failed;
}

/// One round's manager, a thread of rank 0 beside its computing one.
class Manager {
 public:
  Manager(const Comm& comm, const std::vector<QueuedUnit>& todo, const StopToken& stop, ProgressSink* progress,
          const std::vector<int>& resting)
      : comm_(comm.group()->handle),
        stop_(stop),
        progress_(progress),
        hand_out_(todo, comm.size(), resting),
        told_(comm.size(), 0),
        thread_([this] { run(); }) {}
  /// Waits for the end of the round, or breaks it off when an exception is under way.
  ~Manager() {
    if (std::uncaught_exceptions() > 0) abandoned_ = true;
    thread_.join();
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

 private:
  void run() {
    try {
      serve();
    } catch (const Error& e) {
      log_error("handing out units: {}", e.what());
      abort_other_ranks(exit_code(e.kind()));
    }
  }

  void serve() {
    Nap nap(kLongestNap);
    PendingReceive<4> report(comm_);
    report.post(MPI_ANY_SOURCE, kReport);
    while (!abandoned_) {
      if (stop_.requested()) stop_all();
      if (!report.arrived()) {
        nap.rest();
        continue;
      }
      nap.something_came();
      if (static_cast<Report>(report[0]) == Report::done)
        hand_out_.learn(report[2], 1e-6 * static_cast<double>(report[3]));
      handle(report.source(), static_cast<Report>(report[0]), report[1] != 0);
      if (hand_out_.finished()) break;
      report.post(MPI_ANY_SOURCE, kReport);
    }
    tell_end();
  }

  void handle(int rank, Report report, bool stop_seen) {
    if (stop_seen) stop_all();
    answer(report == Report::ready ? hand_out_.on_ready(rank) : hand_out_.on_returned(rank));
    count(so_far_, report);
    if (progress_ && report != Report::ready) progress_->update(so_far_.done, so_far_.failed);
  }

  void stop_all() {
    if (stopping_) return;
    stopping_ = true;
    tell_end();
    answer(hand_out_.on_stop());
  }

  void answer(const std::vector<HandOut::Answer>& answers) {
    for (const auto& [rank, unit] : answers) send<1>(comm_, rank, kUnit, {unit});
  }

  void tell_end() {
    for (int rank = 0; rank < static_cast<int>(told_.size()); ++rank) {
      if (!told_[rank]) send<0>(comm_, rank, kEnd, {});
      told_[rank] = 1;
    }
  }

  MPI_Comm comm_;
  const StopToken& stop_;
  ProgressSink* progress_;
  HandOut hand_out_;
  DispatchResult so_far_;
  bool stopping_ = false;
  std::vector<char> told_;
  std::atomic<bool> abandoned_ = false;
  std::thread thread_;
};

/// Asks the manager for units and runs them; every rank has one, in its calling thread.
class Worker {
 public:
  Worker(const Comm& comm, const RunOne& run_one, const StopToken& stop)
      : comm_(comm.group()->handle),
        run_one_(run_one),
        stop_(stop),
        end_(comm_),
        answers_{Answer(comm_), Answer(comm_)} {}

  DispatchResult run() {
    end_.post(0, kEnd);
    ask(0, Report::ready);
    ask(1, Report::ready);
    int dismissed = 0;
    for (int slot = 0; dismissed < 2; slot = 1 - slot) {
      answers_[slot].wait();
      const std::int64_t unit = answers_[slot][0];
      if (unit == HandOut::kNoUnit) {
        ++dismissed;
      } else {
        const auto begin = std::chrono::steady_clock::now();
        const Report report = may_start() ? to_report(run_one_(unit)) : Report::not_started;
        const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
        count(mine_, report);
        ask(slot, report, unit, static_cast<std::int64_t>(spent.count()));
      }
    }
    end_.wait();
    mine_.stopped = stop_.requested();
    return mine_;
  }

 private:
  using Answer = PendingReceive<1>;

  bool may_start() { return !stop_.requested() && !end_.arrived(); }

  void ask(int slot, Report report, std::int64_t unit = HandOut::kNoUnit, std::int64_t microseconds = 0) {
    answers_[slot].post(0, kUnit);
    send<4>(comm_, 0, kReport, {static_cast<std::int64_t>(report), stop_.requested() ? 1 : 0, unit, microseconds});
  }

  MPI_Comm comm_;
  const RunOne& run_one_;
  const StopToken& stop_;
  PendingReceive<0> end_;
  Answer answers_[2];
  DispatchResult mine_;
};

DispatchResult run_alone(const std::vector<QueuedUnit>& todo, const RunOne& run_one, const StopToken& stop,
                         ProgressSink* progress) {
  DispatchResult result;
  UnitQueue queue(todo);
  while (queue.size() > 0 && !stop.requested()) {
    count(result, to_report(run_one(queue.pop())));
    if (progress) progress->update(result.done, result.failed);
  }
  result.stopped = stop.requested();
  return result;
}

DispatchResult run_together(const Comm& comm, const std::vector<QueuedUnit>& todo, const RunOne& run_one,
                            const StopToken& stop, ProgressSink* progress, const std::vector<int>& resting) {
  if (comm.rank() != 0) return Worker(comm, run_one, stop).run();
  const Manager manager(comm, todo, stop, progress, resting);
  return Worker(comm, run_one, stop).run();
}

DispatchResult sum_over_ranks(const Comm& comm, const DispatchResult& mine) {
  const std::array<std::int64_t, 3> given = {mine.done, mine.failed, mine.stopped ? 1 : 0};
  std::array<std::int64_t, 3> sums{};
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(given.data(), sums.data(), 3, MPI_INT64_T, MPI_SUM, comm.group()->handle, &request),
            "MPI_Iallreduce");
  wait_napping(request);
  return {sums[0], sums[1], sums[2] > 0};
}

}  // namespace

DispatchResult run_units(const Comm& comm, const std::vector<QueuedUnit>& todo, const RunOne& run_one,
                         const StopToken& stop, ProgressSink* progress, const std::vector<int>& resting) {
  ProgressSink* shown = comm.rank() == 0 ? progress : nullptr;
  if (shown) shown->start(static_cast<std::int64_t>(todo.size()));
  DispatchResult result;
  if (comm.size() == 1) {
    result = run_alone(todo, run_one, stop, shown);
  } else {
    const Comm own = comm.dup();
    result = sum_over_ranks(own, run_together(own, todo, run_one, stop, shown, resting));
  }
  if (shown) shown->finish();
  return result;
}

}  // namespace neurosweep
