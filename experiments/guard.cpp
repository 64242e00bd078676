#include "experiments/guard.hpp"

#include <ATen/core/grad_mode.h>

#include "experiments/catalog.hpp"
#include "experiments/task_entry.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/rank/paired_answers.hpp"

namespace neurosweep {

namespace {

std::vector<TaskEntry> guard_tasks(const GuardSettings& settings, const std::string& model_dir) {
  const TaskSplit split = parse_split(settings.split);
  const StudySpec study = read_study(settings.study);
  const auto names = choose_names(settings.tasks, study.task_names(), "task", study.tree.place);
  std::vector<TaskEntry> tasks;
  for (const std::string& name : names) {
    TaskEntry& task = tasks.emplace_back(read_task_entry(study.task(name), {model_dir}));
    task.items = take(select_split(task.items, split), settings.items, static_cast<std::uint64_t>(study.settings.seed));
    if (task.items.empty())
      throw input_error("{}: task '{}' has no item of split '{}' to guard by", settings.study, name, settings.split);
  }
  return tasks;
}

/// Whether a model answers each item of each task correctly.
std::vector<std::vector<bool>> measure_tasks(const GuardSettings& settings, const std::vector<TaskEntry>& tasks,
                                             const std::string& model_dir) {
  const Decoder decoder = load_decoder(model_dir, {parse_dtype(settings.dtype, {"--dtype", 0, 0}), at::kCPU});
  const Tokenizer tokenizer = Tokenizer::load(model_dir);
  std::vector<std::vector<bool>> correct;
  for (const TaskEntry& task : tasks) {
    std::vector<AttemptRequest> requests;
    for (const TaskItem& item : task.items) requests.push_back({task.prompt.fill(item.fields), item.answer, 0, {}});
    const AttemptOptions options{{}, settings.max_new_tokens};
    std::vector<bool>& right = correct.emplace_back();
    for (const Attempt& attempt :
         measure_attempts(decoder, tokenizer, *task.grader, requests, options, KeepMeans::no)) {
      right.push_back(attempt.correct);
    }
  }
  return correct;
}

GuardResult compare(const std::string& task, const std::vector<bool>& before, const std::vector<bool>& after,
                    double max_drop) {
  std::vector<AnsweredTwice> items;
  for (std::size_t i = 0; i < before.size(); ++i) items.push_back({{}, before[i], after[i]});
  const PairedChange change = paired_change_of(items, derive_seed(0, task));
  GuardResult result;
  result.task = task;
  result.n = change.n;
  result.fixed = change.fixed;
  result.broken = change.broken;
  result.before = change.baseline_accuracy;
  result.after = change.accuracy;
  result.change = change.interval;
  result.p = change.mcnemar_p;
  result.passed = keeps_within(change, max_drop);
  return result;
}

}  // namespace

std::vector<GuardResult> measure_guards(const GuardSettings& settings, const std::string& before_dir,
                                        const std::string& after_dir) {
  const at::NoGradGuard no_grad;
  const auto tasks = guard_tasks(settings, before_dir);
  const auto before = measure_tasks(settings, tasks, before_dir);
  const auto after = measure_tasks(settings, tasks, after_dir);
  std::vector<GuardResult> results;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    results.push_back(compare(tasks[i].spec.name, before[i], after[i], settings.max_drop));
    results.back().split = settings.split;
  }
  return results;
}

std::string guard_text(const GuardResult& result) {
  return fmt::format(
      "guard '{}': {:.1f} % before, {:.1f} % after ({:+.1f} points, {:+.1f} to {:+.1f}; {} items of split {}, {} "
      "fixed, "
      "{} broken, p = {:.2g})",
      result.task, 100 * result.before, 100 * result.after, 100 * (result.after - result.before),
      100 * result.change.low, 100 * result.change.high, result.n, result.split, result.fixed, result.broken, result.p);
}

}  // namespace neurosweep
