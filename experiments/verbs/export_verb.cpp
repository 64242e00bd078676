#include <filesystem>
#include <iostream>

#include "experiments/verbs/edit_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/model/weights.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/steer/direction_export.hpp"
#include "framework/steer/monitor_file.hpp"

namespace neurosweep {

namespace {

struct ExportOptions {
  std::string source, experiment, model, task = kAllTasks, out, format = "neurosweep", checkpoint;
  std::int64_t top = 0;
  double strength = 1;

  void add_to(CommandLine& line) {
    line.positional("SOURCE", source, "result folder, or a steering file");
    line.option("experiment", experiment,
                "of a result folder: the identify, gradient, learn, template or monitor experiment");
    line.option("model", model, "model of the study");
    line.option("task", task, "whose pattern; '*', the default, is over all tasks");
    line.option("top", top, "most important neurons; 0, the default: all");
    line.option("format", format, "neurosweep (default), gguf, easysteer, repeng, vllm-lens, safetensors or json");
    line.option("checkpoint", checkpoint, "checkpoint folder; needed by every format but neurosweep");
    line.option("strength", strength, "multiplied in; for every format but neurosweep (default 1)");
    line.option("out", out, "file to write (default: standard output, of formats that are text)");
  }

  SteeringFile read() const {
    if (top < 0) throw input_error("--top must not be negative, found {}", top);
    if (!std::filesystem::is_directory(source)) {
      if (!experiment.empty() || !model.empty()) throw input_error("--experiment and --model are for a result folder");
      SteeringFile file = read_steering_file(source);
      if (top > 0 && std::ssize(file.pattern.neurons) > top) file.pattern.neurons.resize(static_cast<std::size_t>(top));
      return file;
    }
    if (experiment.empty() || model.empty()) throw input_error("export needs --experiment and --model");
    const auto db = Database::open_results(source, Database::Access::read);
    return make_steering_file(db, experiment, model, task, top);
  }
};

int write_steering(const ExportOptions& options, const SteeringFile& file) {
  if (!options.checkpoint.empty() || options.strength != 1) {
    throw input_error("--checkpoint and --strength are for --format gguf, easysteer, repeng, ...");
  }
  if (options.out.empty()) {
    std::cout << steering_text(file);
    return exit_status::kComplete;
  }
  write_text_file(options.out, steering_text(file));
  std::cout << fmt::format("{}: {} of {} neurons, by {} ('{}')\n", options.out, form_name(file.pattern.form),
                           file.pattern.neurons.size(), file.pattern.source, file.experiment);
  return exit_status::kComplete;
}

/// Whether SOURCE is a store whose experiment fitted monitors.
bool names_monitor(const ExportOptions& options) {
  if (!std::filesystem::is_directory(options.source)) return false;
  const auto db = Database::open_results(options.source, Database::Access::read);
  return !db.select<RoundRow>("WHERE experiment = ? AND kind = 'monitor'", {options.experiment}).empty();
}

int write_monitor(const ExportOptions& options) {
  if (options.format != "neurosweep") throw input_error("--format {} is for directions", options.format);
  const auto db = Database::open_results(options.source, Database::Access::read);
  const MonitorFile file = make_monitor_file(db, options.experiment, options.model);
  if (options.out.empty()) {
    std::cout << monitor_text(file);
    return exit_status::kComplete;
  }
  write_text_file(options.out, monitor_text(file));
  std::cout << fmt::format("{}: monitor of {} neurons, every {} tokens ('{}')\n", options.out, file.neurons.size(),
                           file.every, options.experiment);
  return exit_status::kComplete;
}

ResidualDirections directions_of(const ExportOptions& options, const SteeringFile& file) {
  if (options.checkpoint.empty()) {
    throw input_error("--format {} needs --checkpoint DIR: the direction that neurons write is in their weights",
                      options.format);
  }
  check_steering_model(file, options.source, options.checkpoint, hash_checkpoint(options.checkpoint));
  const LayerTensors model(options.checkpoint);
  const Json about = {{"strength", options.strength},
                      {"neurons", file.pattern.neurons.size()},
                      {"checkpoint_hash", file.checkpoint_hash},
                      {"study", file.study},
                      {"study_id", file.study_id},
                      {"experiment", file.experiment},
                      {"method", file.pattern.source},
                      {"task", file.task},
                      {"code_version", file.code_version}};
  return {constant_directions(model, file.pattern, options.strength), model.arch().D, model.arch().L,
          model.arch().family, json_text(about)};
}

}  // namespace

int run_export(const std::vector<std::string>& words) {
  ExportOptions options;
  CommandLine line(
      "export SOURCE [--experiment NAME --model NAME] [--format F --checkpoint DIR] [options]",
      "A direction or success template as a file that others can steer by. The format neurosweep has neurons, values,\n"
      "the checkpoint that they belong to and where they come from (read by `generate --steer`, steer variants, "
      "`edit`).\n"
      "The other formats have what a push adds to the residual stream behind each layer, strength * W_down S':\n"
      "  gguf         llama.cpp: --control-vector FILE (no layer 0: refused)\n"
      "  easysteer    EasySteer on vLLM: VectorSpec(source=FILE, apply=ApplySpec(prompt=\"all\", generation=\"all\"))\n"
      "  repeng       ControlVector.import_gguf(FILE); all layers are there, so that any layer_ids will do\n"
      "  vllm-lens    JSON for vllm_xargs / extra_args {\"apply_steering_vectors\": text of FILE}\n"
      "  safetensors  tensors direction.<layer>; for steering-vectors: SteeringVector({int(k[10:]): v for k, v in\n"
      "               load_file(FILE).items()})\n"
      "  json         the same numbers as text\n"
      "They are exact for steering with scope 'all' in Llama, Qwen2, Qwen3 and GPT-2 models. A gate, cap, doubt or "
      "another\n"
      "scope is not in them (EasySteer can do scope 'generated': prompt_positions=[-1], generation=\"all\"); a pull "
      "towards\n"
      "a template is no constant and is refused. Of a monitor experiment: the fitted monitor, read by `monitor`.",
      "  neurosweep export study-ablation --experiment learned-200 --model small --out steer.json\n"
      "  neurosweep export study-monitor --experiment monitor --model small --out monitor.json\n"
      "  neurosweep export steer.json --format gguf --checkpoint experiments/models/reasoner-small --out steer.gguf");
  options.add_to(line);
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (names_monitor(options)) return write_monitor(options);
  const SteeringFile file = options.read();
  if (options.format == "neurosweep") return write_steering(options, file);
  const ExportFormat format = export_format(options.format);
  if (options.out.empty() && !is_text(format)) throw input_error("--format {} needs --out FILE", options.format);
  const ResidualDirections directions = directions_of(options, file);
  const std::string bytes = export_bytes(directions, format);
  if (options.out.empty()) {
    std::cout << bytes;
    return exit_status::kComplete;
  }
  write_text_file(options.out, bytes);
  std::cout << fmt::format("{}: constant directions behind {} layers, exact for steering with scope 'all'\n",
                           options.out, directions.layers.size());
  return exit_status::kComplete;
}

}  // namespace neurosweep
