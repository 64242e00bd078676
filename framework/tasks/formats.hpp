#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "framework/tasks/records.hpp"

namespace neurosweep {

/// Which keys of a record hold what, for files in no published format.
struct FieldNames {
  std::string id = "id";  ///< "": items are named as read_records names them
  std::string question = "question";
  std::string answer = "answer";
};

/// What a format makes of a record.
struct FormattedItem {
  std::string id;
  std::string question;
  std::string answer;                         ///< short, as a prompt would show it
  std::string expected;                       ///< what the grader reads; "": the answer
  std::map<std::string, std::string> fields;  ///< others that prompts may name, such as solution and choices
};

/// A published benchmark's layout: a row of the table of formats.
struct TaskFormatKind {
  const char* name;
  const char* help;
  const char* list_key;  ///< of an object that holds the records; "": JSON lines or an array
  const char* prompt;    ///< defaults of the task's keys
  const char* target;
  const char* grader;
  /// throws  Error{input} with path:line: a field that is missing, of another type, or without an answer
  FormattedItem (*map)(const TaskRecord& record, const FieldNames& names);
};

std::span<const TaskFormatKind> format_kinds();

/// The row of this name. Throws Error{input} for an unknown one, with the nearest.
const TaskFormatKind& format_kind(const std::string& name);

}  // namespace neurosweep
