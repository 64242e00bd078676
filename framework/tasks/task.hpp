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
  std::string answer;  ///< what graders read: the file's, or more (the right option's text, the tests of code)
  std::string split;   ///< "identify", "validate", "test", or "" where the file has no splits
  /// Every scalar of the record as text, those of its format, and id, question, split and the short answer.
  std::map<std::string, std::string> fields;
  std::string place = {};  ///< "path:line"
};

/// How a task file is laid out.
struct TaskFormat {
  std::string id_field = "id";  ///< "": items are named by their line number; this and the next two: "jsonl" only
  std::string question_field = "question";
  std::string answer_field = "answer";
  std::string split_field = "split";  ///< "", or absent from every line: the file has no splits
  std::string format = "jsonl";       ///< a row of format_kinds()
};

/// Reads a task file, or several (see task_files), in one of the formats.
///   throws  Error{io}: unreadable; Error{input} with path:line: not JSON, a missing field (with those found), an
///           answer that cannot be read, an id twice, a split given on some lines only or unknown, a question in two
///           splits, no item at all
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
