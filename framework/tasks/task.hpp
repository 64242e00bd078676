#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neurosweep {

/// One question of a task file.
struct TaskItem {
  std::string id;  ///< unique within its file
  std::string question;
  std::string answer;  ///< as the file gives it; graders read it
  std::string split;   ///< "identify", "validate", "test", or "" where the file has no splits
  std::map<std::string, std::string>
      fields;  ///< every scalar of the line as text, and the four above under those names
};

/// Which keys of a line hold what.
struct TaskFormat {
  std::string id_field = "id";  ///< "": items are named by their line number
  std::string question_field = "question";
  std::string answer_field = "answer";
  std::string split_field = "split";  ///< "", or absent from every line: the file has no splits
};

/// Reads a JSON-lines file, one object a line; blank lines are skipped; numbers and booleans count as text.
///   throws  Error{io}: unreadable; Error{input} with path:line: not JSON, a missing field (with those found), an id
///   twice,
///           a split given on some lines only or unknown, no item at all
std::vector<TaskItem> read_task(const std::string& path, const TaskFormat& format = {});

/// identify: to find neurons; validate: to choose settings; test: to prove, looked at once.
enum class TaskSplit { identify, validate, test, all };

/// Throws Error{input} for a name that is none of identify, validate, test, all.
TaskSplit parse_split(const std::string& name);

/// Shares of a file without splits, by a hash of the item's id: stable when items are added or reordered.
inline constexpr double kIdentifyShare = 0.5;
inline constexpr double kValidateShare = 0.25;  ///< the rest, 0.25, is test

/// The items of one split, in file order.
std::vector<TaskItem> select_split(const std::vector<TaskItem>& items, TaskSplit split);

/// At most n items, chosen and ordered by a hash of seed and id: the first n of a larger n are the same items.
std::vector<TaskItem> take(const std::vector<TaskItem>& items, std::int64_t n, std::uint64_t seed);

}  // namespace neurosweep
