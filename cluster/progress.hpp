#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>

namespace neurosweep {

/// Where a round stands.
struct ProgressState {
  std::string label;       ///< "sweep round 0"
  std::int64_t total = 0;  ///< units to do
  std::int64_t done = 0;
  std::int64_t failed = 0;
  double units_per_second = 0;  ///< 0: not known yet
  double elapsed_seconds = 0;
};

/// "sweep round 0: 120/4000 units (3.0 %), 2 failed, 24.5 units/s, 2 min 38 s left".
std::string format_progress(const ProgressState& state);

/// "42 s", "2 min 38 s", "3 h 05 min", "2 d 4 h".
std::string format_duration(double seconds);

/// Finished units per second over the last minute.
class RateWindow {
 public:
  void add(double seconds, std::int64_t finished);
  double units_per_second() const;  ///< 0 before two moments are known

 private:
  struct Sample {
    double seconds;
    std::int64_t finished;
  };
  std::deque<Sample> samples_;
};

/// Shows how a round goes: one rewritten line on a terminal, else a line at the start, every 10 s and at the end.
/// Not for several threads at once.
class ProgressSink {
 public:
  explicit ProgressSink(std::string label, std::FILE* out = stderr);

  void start(std::int64_t total);
  void update(std::int64_t done, std::int64_t failed);
  void finish();

 private:
  double now() const;  ///< seconds since start()
  void show();

  ProgressState state_;
  RateWindow rate_;
  std::FILE* out_;
  bool terminal_;
  double started_ = 0;
  double shown_ = 0;
  std::size_t width_ = 0;  ///< characters of the line on the terminal
};

}  // namespace neurosweep
