#pragma once

#include <string>
#include <vector>

#include "framework/tasks/task.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {

/// Share of published answers that must grade as right.
inline constexpr double kAgreement = 0.995;

/// The items of a published benchmark file; empty where there is none.
inline std::vector<TaskItem> published(const std::string& format, const std::string& path) {
  const auto folder = testing::shared_path("data/bench");
  if (!folder) return {};
  return read_task((*folder / path).string(), {"id", "question", "answer", "split", format});
}

}  // namespace neurosweep
