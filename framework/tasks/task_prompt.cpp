#include "framework/tasks/task_prompt.hpp"

#include "framework/base/error.hpp"

namespace neurosweep {

TaskPrompt::TaskPrompt(PromptPlan plan) : plan_(std::move(plan)) {
  if (static_cast<std::int64_t>(plan_.shots.size()) < plan_.n_shots) {
    throw input_error("{} worked examples are wanted (shots), but there are only {}", plan_.n_shots,
                      plan_.shots.size());
  }
}

std::string TaskPrompt::fill(const std::map<std::string, std::string>& fields) const {
  const auto examples = examples_for(fields);
  const std::string question = plan_.question.fill(fields);
  if (plan_.chat) return chat_prompt(*plan_.chat, plan_.system, examples, question);
  std::string prompt = plan_.system;
  for (const ChatTurn& example : examples) prompt += example.user + example.reply + plan_.shot_separator;
  return prompt + question;
}

std::vector<ChatTurn> TaskPrompt::examples_for(const std::map<std::string, std::string>& fields) const {
  std::vector<ChatTurn> examples;
  for (const TaskItem& shot : plan_.shots) {
    if (static_cast<std::int64_t>(examples.size()) == plan_.n_shots) return examples;
    if (shot.fields.at("question") == fields.at("question")) continue;
    examples.push_back({plan_.question.fill(shot.fields), plan_.reply.fill(shot.fields)});
  }
  if (static_cast<std::int64_t>(examples.size()) < plan_.n_shots) {
    throw input_error("item '{}': {} worked examples are wanted (shots), but only {} others are there", fields.at("id"),
                      plan_.n_shots, examples.size());
  }
  return examples;
}

}  // namespace neurosweep
