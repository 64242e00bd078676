#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/config/study_spec.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/measure/suffix_sweep.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/decoder.hpp"
#include "framework/model/model_group.hpp"
#include "framework/model/weights.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/tasks/task.hpp"
#include "framework/tasks/task_prompt.hpp"
#include "framework/text/prompt_template.hpp"
#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// A model of the study without its weights.
struct ModelEntry {
  ModelSpec spec;
  ArchSpec arch;
  std::shared_ptr<const Tokenizer> tokenizer;
};

/// A task of the study with its items.
struct TaskEntry {
  TaskSpec spec;  ///< with the format's prompt, target and grader where it names none; no chat "model"
  std::vector<TaskItem> items;
  TaskPrompt prompt;
  PromptTemplate target;
  std::shared_ptr<const Grader> grader;

  const TaskItem& item(const std::string& id) const;
};

/// Everything a study names, read and checked, but no weights: enough to plan.
class Catalog {
 public:
  /// Throws Error{input} for the first model or task that is absent, unsupported or broken.
  explicit Catalog(StudySpec study);

  const StudySpec& study() const { return study_; }
  const ModelEntry& model(const std::string& name) const;
  const TaskEntry& task(const std::string& name) const;

  /// Prompt and correct completion of an item as the model's tokens.
  ReferenceText reference(const ModelEntry& model, const TaskEntry& task, const TaskItem& item) const;
  std::vector<ReferenceText> references(const ModelEntry& model, const TaskEntry& task,
                                        const std::vector<std::string>& ids) const;

 private:
  StudySpec study_;
  std::map<std::string, ModelEntry> models_;
  std::map<std::string, TaskEntry> tasks_;
};

/// A catalog and one loaded model at a time: the one that was asked for last.
class Workbench {
 public:
  ///   group  of ranks that hold every model together; null: this rank holds them whole
  Workbench(const Catalog& catalog, at::Device device, std::shared_ptr<ModelGroup> group = nullptr);

  const Catalog& catalog() const { return catalog_; }
  /// Valid until another model is asked for.
  const Decoder& decoder(const std::string& model);
  /// Frees the loaded model, so that the caller can load another one of its checkpoint.
  ///   returns  how the weights of `model` are loaded here
  WeightOptions make_room(const std::string& model);
  /// What sweeps of a model may hold at a time, by the study's `memory`: what the loaded model leaves of it.
  ///   rows    arms in one batch, at most
  ///   throws  Error{input}: the model leaves nothing
  SweepLimits sweep_limits(const std::string& model, std::int64_t rows);

 private:
  const Catalog& catalog_;
  at::Device device_;
  std::shared_ptr<ModelGroup> group_;
  std::string loaded_;
  std::optional<Decoder> decoder_;
};

/// Limits of a sweep in a process that holds `decoder` and may hold `memory` bytes in all; on a GPU only `rows`.
///   throws  Error{input}: the process already holds as much
SweepLimits limits_within(std::int64_t memory, const Decoder& decoder, std::int64_t rows);

/// float32, bfloat16 or float16. Throws Error{input} at `place` for anything else.
at::ScalarType parse_dtype(const std::string& name, const SourcePlace& place);

}  // namespace neurosweep
