#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace neurosweep {

/// Ends the run (status 85, every rank) when one unit takes longer than a deadline: a hung device never returns, and
/// MPI cannot lose one rank, so the job starts again. The unit's LastWord says kHung.
class UnitWatchdog {
 public:
  /// Without a deadline it does nothing.
  UnitWatchdog(std::optional<std::chrono::duration<double>> deadline, int rank);
  ~UnitWatchdog();
  UnitWatchdog(const UnitWatchdog&) = delete;
  UnitWatchdog& operator=(const UnitWatchdog&) = delete;

  void begin_unit(std::int64_t unit);
  void end_unit();

 private:
  using Clock = std::chrono::steady_clock;
  void watch();

  std::optional<std::chrono::duration<double>> deadline_;
  int rank_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::optional<std::int64_t> unit_;
  Clock::time_point began_;
  std::thread thread_;
};

}  // namespace neurosweep
