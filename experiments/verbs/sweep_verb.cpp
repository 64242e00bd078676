#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include "experiments/catalog.hpp"
#include "experiments/sweep_job.hpp"
#include "experiments/verbs/study_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/base/memory.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

rusage usage() {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  return now;
}

double peak_rss_mb() {
  return static_cast<double>(usage().ru_maxrss) / 1024.0;
}

double cpu_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

std::string effects_text(const SweepJob& job, const JobEffects& effects) {
  std::string text;
  const std::size_t P = job.prompts.size();
  for (std::size_t i = 0; i < effects.logprob.size(); ++i) {
    const NeuronId id = job.neurons[i / P].neuron;
    text += fmt::format(
        "{{\"layer\": {}, \"neuron\": {}, \"prompt\": {}, \"delta_logprob\": {:.9g}, \"delta_logit_diff\": {:.9g}}}\n",
        to_int(id.layer), to_int(id.neuron), i % P, effects.logprob[i], effects.logit_difference[i]);
  }
  return text;
}

void check_finite(const JobEffects& effects) {
  for (float value : effects.logprob) {
    if (!std::isfinite(value)) throw input_error("an effect is not finite: the model's numbers overflow on this job");
  }
}

}  // namespace

int run_sweep(const std::vector<std::string>& words) {
  std::string model, job_path, out, summary_path, memory, dtype = "float32";
  std::int64_t threads = 1, rows = 64;
  CommandLine line(
      "sweep --model DIR --job JOB.json --out EFFECTS.jsonl --summary S.json",
      "Runs one sweep job: sets every neuron of the job to its value on every prompt and writes what that\n"
      "does to the log-probability of the answer, one JSON line a neuron and prompt.");
  line.option("model", model, "checkpoint folder");
  line.option("job", job_path, "sweep job (JSON: prompts as token ids, neurons with values)");
  line.option("out", out, "effects, JSON lines");
  line.option("summary", summary_path, "time, rate and memory as JSON (also printed)");
  line.option("threads", threads, "compute threads (default 1)");
  line.option("rows", rows, "arms in one batch, at most (default 64)");
  line.option("memory", memory, "most memory of the process on a CPU, like 8GiB (default: what runs best)");
  line.option("dtype", dtype, "of the weights: float32 (default), bfloat16 or float16");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (model.empty() || job_path.empty()) throw input_error("--model DIR and --job JOB.json are needed");
  if (threads < 1) throw input_error("--threads must be at least 1, found {}", threads);
  at::set_num_threads(static_cast<int>(threads));

  const auto load_begin = Clock::now();
  const SweepJob job = read_sweep_job(job_path);
  const Decoder decoder = load_decoder(model, {parse_dtype(dtype, {"--dtype", 0, 0}), at::kCPU});
  const SweepLimits limits = memory.empty() ? SweepLimits{rows, 0} : limits_within(parse_bytes(memory), decoder, rows);
  SuffixSweep(decoder, limits).baseline({job.prompts[0].context, 1, 1});
  const double load_seconds = seconds_since(load_begin);
  const double rss_after_load = peak_rss_mb();
  const rusage before = usage();
  const auto begin = Clock::now();
  const JobEffects effects = run_sweep_job(decoder, job, limits);
  const double seconds = seconds_since(begin);
  const rusage after = usage();
  check_finite(effects);

  double clean = 0, sum = 0, largest = 0;
  for (double value : effects.clean_logprob) clean += value / static_cast<double>(job.prompts.size());
  for (float value : effects.logprob) {
    sum += std::abs(value);
    largest = std::max(largest, static_cast<double>(std::abs(value)));
  }
  const auto interventions = static_cast<std::int64_t>(effects.logprob.size());
  const Json summary = {{"peer", "neurosweep"},
                        {"settings", {{"rows", rows}, {"dtype", dtype}, {"memory", memory}}},
                        {"model", model},
                        {"job", job.name},
                        {"neurons", job.neurons.size()},
                        {"prompts", job.prompts.size()},
                        {"tokens_per_prompt", job.prompts[0].context.size() + job.prompts[0].answer.size() - 1},
                        {"interventions", interventions},
                        {"seconds", seconds},
                        {"interventions_per_s", static_cast<double>(interventions) / seconds},
                        {"load_seconds", load_seconds},
                        {"rss_after_load_mb", rss_after_load},
                        {"peak_rss_mb", peak_rss_mb()},
                        {"threads", threads},
                        {"cpu_user_seconds", cpu_seconds(after.ru_utime) - cpu_seconds(before.ru_utime)},
                        {"cpu_system_seconds", cpu_seconds(after.ru_stime) - cpu_seconds(before.ru_stime)},
                        {"clean_logprob_mean", clean},
                        {"abs_delta_logprob_mean", sum / static_cast<double>(interventions)},
                        {"abs_delta_logprob_max", largest},
                        {"versions", {{"torch", TORCH_VERSION}}}};
  if (!out.empty()) write_text_file(out, effects_text(job, effects));
  if (!summary_path.empty()) write_text_file(summary_path, json_text(summary, 1) + "\n");
  std::cout << json_text(summary, 1) << '\n';
  return exit_status::kComplete;
}

}  // namespace neurosweep
