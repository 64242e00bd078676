#include "cluster/watchdog.hpp"

#include <cstdio>
#include <cstdlib>

#include "cluster/comm.hpp"
#include "cluster/last_word.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

UnitWatchdog::UnitWatchdog(std::optional<std::chrono::duration<double>> deadline, int rank)
    : deadline_(deadline), rank_(rank) {
  if (deadline_) thread_ = std::thread([this] { watch(); });
}

UnitWatchdog::~UnitWatchdog() {
  if (!deadline_) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void UnitWatchdog::begin_unit(std::int64_t unit) {
  if (!deadline_) return;
  {
    const std::lock_guard lock(mutex_);
    unit_ = unit;
    began_ = Clock::now();
  }
  changed_.notify_one();
}

void UnitWatchdog::end_unit() {
  if (!deadline_) return;
  const std::lock_guard lock(mutex_);
  unit_.reset();
}

void UnitWatchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (!unit_) {
      changed_.wait(lock);
      continue;
    }
    const auto due = began_ + std::chrono::duration_cast<Clock::duration>(*deadline_);
    if (Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    log_error("unit {} on rank {} takes longer than its deadline of {} s: the run ends; run it again to resume", *unit_,
              rank_, deadline_->count());
    leave_last_word(LastWord::kHung);
    abort_other_ranks(exit_status::kCheckpointed);
    std::_Exit(exit_status::kCheckpointed);
  }
}

}  // namespace neurosweep
