#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/json.hpp"

namespace neurosweep {

/// One object of a benchmark file.
struct TaskRecord {
  Json object;
  std::string place;  ///< "path:line", line 1 first
  std::string name;   ///< line of JSON lines, else number in its array; "FILE-NUMBER" where there are several files
};

/// The files that `path` stands for: itself, those of a folder (*.json, *.jsonl, and *.gz of both), or those that match
/// a last part with `*`; in order of name.
///   throws  Error{io}: none
std::vector<std::string> task_files(const std::string& path);

/// Hash of the bytes of every file that `path` stands for; of one file: hash_file. Throws Error{io}.
std::string hash_task_files(const std::string& path);

/// Reads JSON lines, one JSON array, or one JSON object with an array under `list_key`; gzip is unpacked.
///   list_key  "": no such object
///   throws    Error{io}: unreadable; Error{input} with path:line: not JSON, not an object, no record at all
std::vector<TaskRecord> read_records(const std::string& path, std::string_view list_key);

}  // namespace neurosweep
