#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/table_reader.hpp"
#include "framework/config/tree.hpp"

namespace neurosweep {

/// [study]: what holds for the whole study.
struct StudySettings {
  std::string name;
  std::int64_t seed = 1;
  std::int64_t threads = 1;
  std::int64_t ranks_per_model = 1;
  std::string device = "auto";
  std::string memory;
  double unit_deadline = 0;
  bool share_devices = false;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("name", name, "short name of the study; also of its default store folder");
    v.optional("seed", seed, "every random choice follows from it and from content, never from rank or order");
    v.optional("threads", threads, "compute threads of each rank; part of the study: other sums, other last bits",
               Range{1, 1024});
    v.optional("ranks_per_model", ranks_per_model,
               "neighbouring ranks that hold each model together, for models larger than one device; part of the study",
               Range{1, 1024});
    v.optional("device", device, "auto (a GPU where there is one), cpu or cuda");
    v.optional(
        "memory", memory,
        "most memory of each rank on a CPU while sweep, race and minimize measure exact effects, like \"8GiB\"; bounds "
        "nothing else (replies, gradients, GPUs); \"\": what runs best");
    v.optional("unit_deadline", unit_deadline,
               "seconds after which a unit counts as hung, not counting its model being loaded; 0: never",
               kNotNegative);
    v.optional("share_devices", share_devices,
               "let a rank use a GPU that another process uses already, with a warning");
  }
};

/// [models.<name>]: a Hugging Face checkpoint folder.
struct ModelSpec {
  std::string name;
  std::string path;
  std::string dtype = "float32";
  SourcePlace place;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("path", path,
               "folder with config.json, model.safetensors and tokenizer.json; relative to the study file");
    v.optional("dtype", dtype, "float32, bfloat16 or float16: what it is computed in");
  }
};

/// [tasks.<name>]: questions with answers, and how to ask and grade them.
struct TaskSpec {
  std::string name;
  std::string file;
  std::string format = "jsonl";
  std::string prompt;
  std::string target;
  std::string grader;
  std::string marker = "A:";
  std::int64_t shots = 0;
  std::string shots_file;
  std::string shot_separator = "\n\n";
  std::string chat;
  std::string system;
  std::string sandbox = "namespaces";
  std::string python = "/usr/bin/python3";
  double time_limit = 10;
  std::string memory_limit = "1GiB";
  std::int64_t reply_tokens = 0;
  std::string id_field = "id";
  std::string question_field = "question";
  std::string answer_field = "answer";
  std::string split_field = "split";
  SourcePlace place;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("file", file, "task file, a folder of them, or a last part with *; relative to the study file");
    v.optional("format", format,
               "jsonl, or as published: gsm8k, math, aime, amc, svamp, asdiv, aqua, mmlu, logic, bbh, strategyqa, "
               "prosqa, humaneval or mbpp");
    v.optional("prompt", prompt, "what the model reads; {field} stands for a field of the item; \"\": the format's");
    v.optional("target", target, "the correct reasoning and answer that is scored; as above");
    v.optional("grader", grader,
               "exact, after, final_number, boxed, choice, stated or code; \"\": the format's (jsonl: exact)");
    v.optional("marker", marker, "grader 'after': the answer stands behind the last of these");
    v.optional("shots", shots, "worked examples (prompt and target) before every question, never the item itself",
               Range{0, 100});
    v.optional("shots_file", shots_file, "file of the examples, in the same format; \"\": the task's identify split");
    v.optional("shot_separator", shot_separator, "text behind each example, outside of chats");
    v.optional("chat", chat,
               "\"\": none; model: as the checkpoint's chat template; or chatml, llama3, deepseek, zephyr, plain");
    v.optional("system", system, "what stands before everything; in a chat the system's message");
    v.optional("sandbox", sandbox, "grader 'code': namespaces, or limits-only where the machine has none");
    v.optional("python", python, "grader 'code': the interpreter");
    v.optional("time_limit", time_limit, "grader 'code': seconds for one completion and its tests", Range{0.1, 3600});
    v.optional("memory_limit", memory_limit, "grader 'code': address space of each process, like \"1GiB\"");
    v.optional("reply_tokens", reply_tokens,
               "tokens of a typical reply, by which `plan` reckons; 0: as many as the correct completion has",
               kNotNegative);
    v.optional("id_field", id_field, "field with the item's name; \"\": its line number");
    v.optional("question_field", question_field, "field with the question");
    v.optional("answer_field", answer_field, "field with the correct answer");
    v.optional("split_field", split_field, "field with identify, validate or test; absent in the file: split by hash");
  }
};

/// [[experiment]]: its name and kind; the other keys belong to the kind.
struct ExperimentSpec {
  std::string name;
  std::string kind;
  ConfigNode table;
};

struct StudySpec {
  StudySettings settings;
  std::vector<ModelSpec> models;
  std::vector<TaskSpec> tasks;
  std::vector<ExperimentSpec> experiments;
  std::string path;  ///< of the study file
  std::string toml;  ///< its text and the settings of the command line
  ConfigNode tree;

  const ModelSpec& model(const std::string& name) const;
  const TaskSpec& task(const std::string& name) const;
  std::vector<std::string> model_names() const;
  std::vector<std::string> task_names() const;
};

/// Reads and checks a study file; `settings` are the --set assignments.
///   throws  Error{input} with file:line:column: not TOML, unknown key, wrong type or range, no model, task or
///   experiment
StudySpec read_study(const std::string& path, const std::vector<std::string>& settings = {});

/// Fails unless every name in `chosen` is in `known`; an empty choice means all of them.
std::vector<std::string> choose_names(const std::vector<std::string>& chosen, const std::vector<std::string>& known,
                                      const char* what, const SourcePlace& place);

/// Absolute path of `relative` as written in a file beside `study_path`.
std::string resolve_path(const std::string& study_path, const std::string& relative);

}  // namespace neurosweep
