#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/tasks/chat_style.hpp"
#include "framework/tasks/task.hpp"
#include "framework/text/prompt_template.hpp"

namespace neurosweep {

/// How a task's questions are put.
struct PromptPlan {
  PromptTemplate question;
  PromptTemplate reply;                 ///< of worked examples
  std::string shot_separator = "\n\n";  ///< behind each worked example, outside of chats
  std::int64_t n_shots = 0;
  std::vector<TaskItem> shots;  ///< candidates, in order of preference
  std::optional<ChatStyle> chat;
  std::string system;
};

/// Makes the prompt of an item: worked examples, then its question, in turns of a chat or as plain text.
class TaskPrompt {
 public:
  /// Throws Error{input}: fewer candidates than n_shots.
  explicit TaskPrompt(PromptPlan plan);

  /// The prompt of an item with these fields. Its examples are the first candidates with another question.
  ///   throws  Error{input}: a field that the item or an example does not have, too few other candidates
  std::string fill(const std::map<std::string, std::string>& fields) const;

 private:
  std::vector<ChatTurn> examples_for(const std::map<std::string, std::string>& fields) const;

  PromptPlan plan_;
};

}  // namespace neurosweep
