#include "experiments/task_entry.hpp"

#include <cstring>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/memory.hpp"
#include "framework/tasks/formats.hpp"

namespace neurosweep {
namespace {

constexpr std::uint64_t kShotSeed = 0x73686f7473;

// The style that chat = "model" means: all checkpoints must speak it.
std::string style_of_models(const std::vector<std::string>& models) {
  const ChatStyle& style = checkpoint_chat_style(models.front());
  for (const std::string& model : models) {
    const ChatStyle& other = checkpoint_chat_style(model);
    if (std::strcmp(other.name, style.name) == 0) continue;
    throw input_error("chat = \"model\", but {} speaks {} and {} {}: name one style, or make a study for each",
                      models.front(), style.name, model, other.name);
  }
  return style.name;
}

// With the format's prompt, target and grader where the study names none, and the models' chat style.
TaskSpec completed(TaskSpec spec, const std::vector<std::string>& models) {
  const TaskFormatKind& format = format_kind(spec.format);
  if (spec.prompt.empty()) spec.prompt = format.prompt;
  if (spec.target.empty()) spec.target = format.target;
  if (spec.grader.empty()) spec.grader = format.grader;
  if (spec.chat == "model") spec.chat = style_of_models(models);
  const TaskSpec plain;
  const bool names_fields = spec.id_field != plain.id_field || spec.question_field != plain.question_field ||
                            spec.answer_field != plain.answer_field;
  if (names_fields && spec.format != plain.format) {
    throw input_error("id_field, question_field and answer_field are for format = \"jsonl\", not for '{}'",
                      spec.format);
  }
  return spec;
}

TaskFormat format_of(const TaskSpec& spec) {
  return {spec.id_field, spec.question_field, spec.answer_field, spec.split_field, spec.format};
}

GraderOptions grader_options(const TaskSpec& spec) {
  return {spec.marker, {parse_isolation(spec.sandbox), spec.python, spec.time_limit, parse_bytes(spec.memory_limit)}};
}

std::vector<TaskItem> shot_candidates(const TaskSpec& spec, const std::vector<TaskItem>& items) {
  if (spec.shots == 0) {
    if (!spec.shots_file.empty()) throw input_error("shots_file is given, but shots is 0: say how many");
    return {};
  }
  if (!spec.shots_file.empty()) return read_task(spec.shots_file, format_of(spec));
  const auto pool = select_split(items, TaskSplit::identify);
  return take(pool, static_cast<std::int64_t>(pool.size()), kShotSeed);
}

std::optional<ChatStyle> chat_of(const TaskSpec& spec) {
  if (spec.chat.empty()) return std::nullopt;
  return chat_style(spec.chat);
}

void check_answers(const std::vector<TaskItem>& items, const Grader& grader) {
  for (const TaskItem& item : items) {
    try {
      grader.check(item.answer);
    } catch (const Error& failure) {
      throw input_error("{}: {}", item.place, failure.what());
    }
  }
}

}  // namespace

TaskEntry read_task_entry(const TaskSpec& given, const std::vector<std::string>& models) {
  const std::string origin = to_text(given.place);
  try {
    const TaskSpec spec = completed(given, models);
    auto items = read_task(spec.file, format_of(spec));
    const PromptTemplate prompt(spec.prompt, origin + ": prompt");
    const PromptTemplate target(spec.target, origin + ": target");
    PromptPlan plan{prompt,        target,     spec.shot_separator, spec.shots, shot_candidates(spec, items),
                    chat_of(spec), spec.system};
    TaskEntry entry{spec, std::move(items), TaskPrompt(std::move(plan)), target,
                    make_grader(spec.grader, grader_options(spec))};
    entry.prompt.fill(entry.items.front().fields);
    entry.target.fill(entry.items.front().fields);
    check_answers(entry.items, *entry.grader);
    return entry;
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("{}: task '{}': {}", origin, given.name, failure.what()));
  }
}

std::string hash_task(const TaskSpec& spec) {
  const std::string items = hash_task_files(spec.file);
  return spec.shots_file.empty() ? items : hash_text(items + hash_task_files(spec.shots_file));
}

}  // namespace neurosweep
