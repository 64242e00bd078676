#include "cluster/progress.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>

#include <fmt/format.h>

namespace neurosweep {

namespace {

constexpr double kWindowSeconds = 60;
constexpr double kTerminalSeconds = 0.2;
constexpr double kPlainSeconds = 10;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string format_rate(double units_per_second) {
  if (units_per_second >= 1) return fmt::format(", {:.1f} units/s", units_per_second);
  return fmt::format(", {:.1f} s/unit", 1 / units_per_second);
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  const std::int64_t minutes = whole / 60;
  const std::int64_t hours = minutes / 60;
  if (whole < 60) return fmt::format("{} s", whole);
  if (minutes < 60) return fmt::format("{} min {:02} s", minutes, whole % 60);
  if (hours < 24) return fmt::format("{} h {:02} min", hours, minutes % 60);
  return fmt::format("{} d {:02} h", hours / 24, hours % 24);
}

std::string format_progress(const ProgressState& state) {
  const std::int64_t finished = state.done + state.failed;
  const double percent =
      state.total > 0 ? 100.0 * static_cast<double>(finished) / static_cast<double>(state.total) : 100;
  // Rounded down: 100 % only when nothing is left.
  std::string line =
      fmt::format("{}: {}/{} units ({:.1f} %)", state.label, finished, state.total, std::floor(percent * 10) / 10);
  if (state.failed > 0) line += fmt::format(", {} failed", state.failed);
  if (state.units_per_second > 0) line += format_rate(state.units_per_second);
  if (finished >= state.total) return line + ", took " + format_duration(state.elapsed_seconds);
  if (state.units_per_second > 0) {
    const double left = static_cast<double>(state.total - finished) / state.units_per_second;
    line += ", " + format_duration(left) + " left";
  }
  return line;
}

void RateWindow::add(double seconds, std::int64_t finished) {
  // A sample a second is enough; the newest one is kept exact.
  if (samples_.size() > 1 && seconds - samples_[samples_.size() - 2].seconds < 1) samples_.pop_back();
  samples_.push_back({seconds, finished});
  while (samples_.size() > 2 && seconds - samples_[1].seconds >= kWindowSeconds) samples_.pop_front();
}

double RateWindow::units_per_second() const {
  if (samples_.size() < 2) return 0;
  const double seconds = samples_.back().seconds - samples_.front().seconds;
  const auto units = static_cast<double>(samples_.back().finished - samples_.front().finished);
  return seconds > 0 ? units / seconds : 0;
}

ProgressSink::ProgressSink(std::string label, std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) == 1) {
  state_.label = std::move(label);
}

double ProgressSink::now() const {
  return seconds_now() - started_;
}

void ProgressSink::start(std::int64_t total) {
  started_ = seconds_now();
  state_.total = total;
  state_.done = state_.failed = 0;
  rate_ = RateWindow();
  rate_.add(0, 0);
  show();
}

void ProgressSink::update(std::int64_t done, std::int64_t failed) {
  state_.done = done;
  state_.failed = failed;
  rate_.add(now(), done + failed);
  if (now() - shown_ >= (terminal_ ? kTerminalSeconds : kPlainSeconds)) show();
}

void ProgressSink::finish() {
  if (state_.total > 0) show();
  if (terminal_) std::fputc('\n', out_);
  std::fflush(out_);
}

void ProgressSink::show() {
  shown_ = now();
  state_.elapsed_seconds = shown_;
  state_.units_per_second = rate_.units_per_second();
  const std::string line = format_progress(state_);
  if (terminal_) {
    fmt::print(out_, "\r{:<{}}", line, width_);
    width_ = line.size();
  } else {
    fmt::print(out_, "{}\n", line);
  }
  std::fflush(out_);
}

}  // namespace neurosweep
