#include "framework/base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace neurosweep {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("neurosweep");
    made->set_pattern("%^%l%$: %v");
    return made;
  }();
  return *instance;
}

}  // namespace

void start_log(LogLevel level, int rank, int rank_count) {
  logger().set_level(to_spdlog(level));
  logger().set_pattern(rank_count > 1 ? fmt::format("[r{}] %^%l%$: %v", rank) : "%^%l%$: %v");
}

void log_line(LogLevel level, std::string_view message) {
  logger().log(to_spdlog(level), message);
}

}  // namespace neurosweep
