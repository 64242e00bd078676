#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>

#include <ATen/Parallel.h>
#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include "experiments/guard.hpp"
#include "experiments/identity.hpp"
#include "experiments/verbs/edit_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/base/log.hpp"
#include "framework/base/new_file.hpp"
#include "framework/base/new_folder.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/model/weights.hpp"
#include "framework/steer/undo_file.hpp"

namespace neurosweep {

namespace {

namespace fs = std::filesystem;

struct EditOptions {
  std::string file, model, out, bias = "own", protect;
  double strength = 1;
  std::int64_t threads = 1;
  bool replace = false, no_undo = false, force = false;
  GuardSettings guard;

  void add_to(CommandLine& line) {
    line.positional("FILE", file, "edit file, steering file (is folded in) or undo file");
    line.option("model", model, "checkpoint folder that is edited; stays as it is");
    line.option("out", out, "folder to write");
    line.option("strength", strength, "of a steering file (default 1)");
    line.option("bias", bias, "where a constant goes: own (default), llama or neurons; see above");
    line.option("protect", protect, "JSON file with columns layer and neuron that no edit may touch");
    line.option("guard", guard.study, "study file whose tasks must not get worse");
    line.option("guard-task", guard.tasks, "one of them; may be repeated (default: all)");
    line.option("guard-items", guard.items,
                "items of the split, of each task, drawn by the study's seed (default 200)");
    line.option("guard-split", guard.split, "that they are of: validate (default), test, identify or all; see above");
    line.option("max-new-tokens", guard.max_new_tokens, "of a guard's answer (default 64)");
    line.option("max-drop", guard.max_drop, "points of accuracy that a guard may lose, as measured (default 1)");
    line.option("dtype", guard.dtype, "that guards are measured in (default float32)");
    line.option("threads", threads, "compute threads of guards (default 1)");
    line.flag("force", force, "write even when a guard loses more");
    line.flag("replace", replace, "put the new folder in the place of one that this verb wrote");
    line.flag("no-undo", no_undo, "write no undo file");
  }

  void check() const {
    if (model.empty() || out.empty()) throw input_error("edit needs --model DIR and --out DIR");
    if (threads < 1) throw input_error("--threads must be at least 1, found {}", threads);
    if (guard.items < 1) throw input_error("--guard-items must be at least 1, found {}", guard.items);
    if (guard.max_drop < 0) throw input_error("--max-drop must not be negative, found {}", guard.max_drop);
    if (guard.study.empty() && !guard.tasks.empty()) throw input_error("--guard-task needs --guard STUDY.toml");
    check_place();
  }

  /// What an undo file is not asked for: it brings back one checkpoint, as it was.
  void check_undo(const std::vector<std::string>& words) const {
    constexpr std::array<std::string_view, 3> kTaken = {"--model", "--out", "--replace"};
    for (const std::string& word : words) {
      const std::string name = word.substr(0, word.find('='));
      if (!name.starts_with("--") || std::ranges::find(kTaken, name) != kTaken.end()) continue;
      throw input_error("{}: is an undo file, which takes no {} (valid: {})", file, name, fmt::join(kTaken, ", "));
    }
  }

  /// What may be replaced is a folder that this verb wrote, with nothing in it that a new one would not have.
  void check_place() const {
    if (!fs::exists(out)) return;
    if (!replace) throw input_error("{}: is there already: name another folder, or give --replace", out);
    if (!fs::exists(fs::path(out) / kProvenanceFile)) {
      throw input_error("{}: holds no {}, so it was not written by `neurosweep edit` and is not replaced", out,
                        kProvenanceFile);
    }
    for (const auto& entry : fs::directory_iterator(out)) {
      if (!entry.is_regular_file()) {
        throw input_error("{}: is no plain file, so the folder is not replaced", entry.path().string());
      }
    }
  }
};

EditFile read_edit_file(const EditOptions& options, const std::string& text) {
  const Json json = parse_json(text, options.file);
  const Json* format = find_key(json, "format", options.file);
  const bool steering = format != nullptr && *format == "neurosweep steering";
  if (!steering && options.strength != 1) throw input_error("--strength is for a steering file");
  EditFile file = steering ? fold_of(parse_steering(text, options.file), options.strength, options.file)
                           : parse_edits(text, options.file);
  if (!options.protect.empty()) protect(file, read_text_file(options.protect), options.protect);
  return file;
}

void check_checkpoint(const std::string& wanted, const std::string& found, const EditOptions& options) {
  if (wanted.empty() || wanted == found) return;
  throw input_error("{}: is for the checkpoint {}, but {} is {}: neurons of one checkpoint say nothing about another's",
                    options.file, wanted, options.model, found);
}

Json guards_json(const std::vector<GuardResult>& guards) {
  Json list = Json::array();
  for (const GuardResult& each : guards) {
    list.push_back({{"task", each.task},
                    {"split", each.split},
                    {"items", each.n},
                    {"before", each.before},
                    {"after", each.after},
                    {"change_low", each.change.low},
                    {"change_high", each.change.high},
                    {"fixed", each.fixed},
                    {"broken", each.broken},
                    {"p", each.p},
                    {"passed", each.passed}});
  }
  return list;
}

/// Measures the guards on what was written; refuses it when one loses too much.
std::vector<GuardResult> pass_guards(const EditOptions& options, const std::string& written) {
  if (options.guard.study.empty()) return {};
  at::set_num_threads(static_cast<int>(options.threads));
  auto guards = measure_guards(options.guard, options.model, written);
  for (const GuardResult& each : guards) std::cout << guard_text(each) << '\n';
  const auto failed = std::ranges::find(guards, false, &GuardResult::passed);
  if (failed == guards.end()) return guards;
  const std::string why = fmt::format("{}: over the bound of {} points", guard_text(*failed), options.guard.max_drop);
  if (!options.force) throw input_error("{}: nothing was written (--force writes it all the same)", why);
  log_warning("{}: written because of --force", why);
  return guards;
}

std::string provenance_text(const EditOptions& options, const std::string& text, const std::string& hash,
                            const LayerTensors& model, const std::string& written, const CheckpointEdit& edit,
                            const std::vector<GuardResult>& guards) {
  const std::string old = options.model + "/" + kProvenanceFile;
  const bool edited_before = fs::exists(old) && is_of_checkpoint(old, model.checkpoint());
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const Json json = {{"format", "neurosweep provenance"},
                     {"version", 1},
                     {"checkpoint_hash", hash_checkpoint(written)},
                     {"made_from", {{"path", fs::absolute(options.model).string()}, {"checkpoint_hash", hash}}},
                     {"made_at", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
                     {"code_version", kCodeVersion},
                     {"edit", parse_json(text, options.file)},
                     {"strength", options.strength},
                     {"columns_changed", edit.columns},
                     {"layers_with_a_constant", edit.biases},
                     {"bias", edit.biases > 0 ? options.bias : "none"},
                     {"guards", guards_json(guards)},
                     {"forced", options.force},
                     {"before", edited_before ? read_json(old) : Json()}};
  return json_text(json, 1) + "\n";
}

void write_whole(const std::string& path, std::string_view text) {
  NewFile file(path);
  file.write(text);
  file.finish();
}

void undo_edit(const EditOptions& options, const Json& json) {
  const LayerTensors model(options.model);
  const Undo undo = parse_undo(json, options.file, model);
  check_checkpoint(undo.checkpoint_hash, hash_checkpoint(options.model), options);
  NewFolder folder(options.out);
  write_checkpoint(options.model, model.checkpoint(), undo.changes, folder.path());
  if (const std::string hash = hash_checkpoint(folder.path()); hash != undo.restores) {
    throw input_error("{}: gives the checkpoint {}, expected {}: the undo file is damaged; nothing was written",
                      options.file, hash, undo.restores);
  }
  folder.finish();
  std::cout << fmt::format("{}: the checkpoint {} again, byte for byte\n", options.out, undo.restores);
}

void write_edit(const EditOptions& options, const std::string& text) {
  const EditFile file = read_edit_file(options, text);
  const LayerTensors model(options.model);
  const std::string hash = hash_checkpoint(options.model);
  check_checkpoint(file.checkpoint_hash, hash, options);
  check_protected_exist(file, model.arch().L, model.arch().M, options.file);
  CheckpointEdit edit = edit_checkpoint(model, make_layer_edits(model, file.edits), bias_form(options.bias));
  edit.changes.left_out = {kProvenanceFile, kUndoFile};
  NewFolder folder(options.out);
  write_checkpoint(options.model, model.checkpoint(), edit.changes, folder.path());
  if (!options.no_undo) write_whole(folder.path() + "/" + kUndoFile, undo_text(model, edit, folder.path()));
  const auto guards = pass_guards(options, folder.path());
  write_whole(folder.path() + "/" + kProvenanceFile,
              provenance_text(options, text, hash, model, folder.path(), edit, guards));
  folder.finish();
  std::cout << fmt::format("{}: {} columns of W_down changed, a constant added in {} layers{}\n", options.out,
                           edit.columns, edit.biases, edit.biases > 0 ? fmt::format(" (bias: {})", options.bias) : "");
}

}  // namespace

int run_edit(const std::vector<std::string>& words) {
  EditOptions options;
  CommandLine line(
      "edit FILE --model DIR --out DIR [options]",
      "Writes a whole checkpoint folder with edits made permanent, at once or not at all. FILE is a steering file,\n"
      "whose steering (scope 'all') then happens by itself: a push as a constant, a pull towards a template as one "
      "and\n"
      "smaller columns; or an edit file:\n"
      "  {\"format\": \"neurosweep edits\", \"version\": 1, \"protected\": {\"layer\": [0], \"neuron\": [7]}, "
      "\"edits\": [\n"
      "    {\"op\": \"fold\", \"steering\": \"steer.json\", \"strength\": 0.5},\n"
      "    {\"op\": \"scale\", \"factor\": 0.5, \"layer\": [0, 1], \"neuron\": [3, 9]},  (\"remove\" is factor 0)\n"
      "    {\"op\": \"rank_one\", \"layer\": [2], \"neuron\": [5], \"key\": [0.4], \"target\": [0.9], \"strength\": "
      "1}]}\n"
      "A gate, cap, doubt or another scope has no place in weights. The constant goes into a bias behind the MLP\n"
      "(--bias own: Llama, GPT-2). Qwen2 and Qwen3 have none in transformers: --bias llama writes a Qwen2 as the "
      "Llama\n"
      "type that it is; --bias neurons adds 2 D neurons to every layer that together give the constant, and the "
      "family\n"
      "stays. All three load in plain transformers and give the logits of the steered model.\n"
      "--guard measures tasks before and after, paired by item, and refuses the write when the accuracy drops by more\n"
      "than the bound. It compares the measured drop, not the end of its interval: few items prove little. A split by\n"
      "which edits were chosen, or that refused one, is used up: what is measured on it later is no proof. So guards\n"
      "take the validate split; keep the test split for one last measurement of the edit that you decided on.\n"
      "The folder also gets neurosweep_edit.json (where it comes from) and neurosweep_undo.json, by which\n"
      "`neurosweep edit OUT/neurosweep_undo.json --model OUT --out DIR` brings back the exact bytes.",
      "  neurosweep edit arith.json --model experiments/models/reasoner-small --out better\n"
      "  neurosweep edit edits.json --model DIR --out DIR2 --guard study.toml --guard-task sort --max-drop 2");
  options.add_to(line);
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  options.check();
  const std::string text = read_text_file(options.file);
  const Json json = parse_json(text, options.file);
  if (is_undo(json, options.file)) {
    options.check_undo(words);
    undo_edit(options, json);
  } else {
    write_edit(options, text);
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
