#include "framework/base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "framework/base/error.hpp"

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

/// The message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : line.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        continue;
      }
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

std::unique_ptr<spdlog::formatter> json_lines(int rank) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('*').set_pattern(
      fmt::format(R"({{"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","rank":{},"message":"%*"}})", rank));
  return formatter;
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

LogFormat parse_log_format(std::string_view name) {
  if (name == "text") return LogFormat::text;
  if (name == "json") return LogFormat::json;
  throw input_error("log format '{}' (valid: text, json)", name);
}

void start_log(LogLevel level, int rank, int rank_count, LogFormat format) {
  logger().set_level(to_spdlog(level));
  if (format == LogFormat::json) {
    logger().set_formatter(json_lines(rank));
    return;
  }
  logger().set_pattern(rank_count > 1 ? fmt::format("[r{}] %^%l%$: %v", rank) : "%^%l%$: %v");
}

void log_line(LogLevel level, std::string_view message) {
  logger().log(to_spdlog(level), message);
}

}  // namespace neurosweep
