#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace neurosweep {

enum class LogLevel { debug, info, warning, error };

/// How a log line is written: for people, or as a JSON object with time, level, rank and message.
enum class LogFormat { text, json };

/// The format of this name. Throws Error{input} for anything but text and json.
LogFormat parse_log_format(std::string_view name);

/// Sends log lines to standard error, each with its level and, under MPI, its rank ("[r2] ").
void start_log(LogLevel level, int rank, int rank_count, LogFormat format = LogFormat::text);

void log_line(LogLevel level, std::string_view message);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace neurosweep
