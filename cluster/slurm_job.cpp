#include "cluster/slurm_job.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

#include "cluster/command.hpp"
#include "cluster/slurm_scripts.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::pair<const char*, Launcher> kLaunchers[] = {
    {"srun", Launcher::srun}, {"mpirun", Launcher::mpirun}, {"none", Launcher::none}};

const char* launcher_name(Launcher launcher) {
  for (const auto& [name, value] : kLaunchers) {
    if (value == launcher) return name;
  }
  throw Error(ErrorKind::internal, "a launcher without a name");
}

/// The lines of a batch script that stand for options; a line break in one would start a line of the script.
class OptionLines {
 public:
  void add(const std::string& option) {
    if (option.find_first_of("\n\r") != std::string::npos) {
      throw input_error("a line break in the batch option {}: not possible in a batch script", shell_quoted(option));
    }
    text_ += "#SBATCH " + option + "\n";
  }
  /// Nothing for an empty value.
  void add(const char* name, const std::string& value) {
    if (!value.empty()) add(fmt::format("--{}={}", name, quoted(value)));
  }
  void add(const char* name, std::int64_t value) { add(name, std::to_string(value)); }

  const std::string& text() const { return text_; }

 private:
  /// As sbatch reads a word of an option line.
  static std::string quoted(const std::string& value) {
    if (value.find_first_of(" \t#'\"\\") == std::string::npos) return value;
    if (value.find('"') != std::string::npos) {
      throw input_error("'{}': a double quote in a name or path: not possible in a batch option", value);
    }
    return fmt::format("\"{}\"", value);
  }

  std::string text_;
};

/// The script with `options` in the place of its #SBATCH lines and `settings` behind them.
std::string filled(const char* script, const std::string& options, const std::string& settings) {
  std::istringstream lines(script);
  std::string text;
  bool placed = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#SBATCH")) {
      text += line + '\n';
    } else if (!placed) {
      text += options + settings;
      placed = true;
    }
  }
  ensure(placed, "the batch script has no #SBATCH lines");
  return text;
}

bool is_array(const SlurmJob& job) {
  return job.slices > 0 || job.jobs > 1;
}

OptionLines common_options(const SlurmJob& job, const char* name_tail, const char* log) {
  OptionLines options;
  options.add("job-name", job.name + name_tail);
  options.add("partition", job.partition);
  options.add("account", job.account);
  options.add("qos", job.qos);
  options.add("output", std::regex_replace(job.store, std::regex("%"), "%%") + "/slurm/" + log);
  options.add("open-mode", "append");
  return options;
}

}  // namespace

Launcher make_launcher(const std::string& name) {
  for (const auto& [known, launcher] : kLaunchers) {
    if (name == known) return launcher;
  }
  throw input_error("--launcher {}: expected srun, mpirun or none", name);
}

std::int64_t slurm_seconds(const std::string& time) {
  static const std::regex kPlain("(\\d{1,6})(?::(\\d{1,2}))?(?::(\\d{1,2}))?");
  static const std::regex kDays("(\\d{1,4})-(\\d{1,2})(?::(\\d{1,2}))?(?::(\\d{1,2}))?");
  const auto number = [](const std::ssub_match& part) { return part.matched ? std::stoll(part.str()) : 0; };
  std::smatch part;
  std::int64_t seconds = 0;
  if (std::regex_match(time, part, kDays)) {
    seconds = 86400 * number(part[1]) + 3600 * number(part[2]) + 60 * number(part[3]) + number(part[4]);
  } else if (std::regex_match(time, part, kPlain)) {
    seconds = part[3].matched ? 3600 * number(part[1]) + 60 * number(part[2]) + number(part[3])
                              : 60 * number(part[1]) + number(part[2]);
  }
  if (seconds <= 0) {
    throw input_error("--time {}: expected a time limit such as 30 (minutes), 30:00, 12:00:00 or 2-12:00:00", time);
  }
  return seconds;
}

std::int64_t stop_notice_seconds(const std::string& time) {
  return std::min<std::int64_t>(180, slurm_seconds(time) / 3);
}

std::string make_sweep_script(const SlurmJob& job) {
  const std::int64_t notice = stop_notice_seconds(job.time);
  OptionLines options = common_options(job, "", is_array(job) ? "sweep-%A_%a.log" : "sweep-%j.log");
  options.add("nodes", job.nodes);
  options.add("ntasks-per-node", job.tasks_per_node);
  options.add("cpus-per-task", job.cpus_per_task);
  if (job.gpus_per_task > 0) options.add("gpus-per-task", job.gpus_per_task);
  options.add("time", job.time);
  options.add("--requeue");
  options.add("signal", fmt::format("B:USR1@{}", notice));
  if (job.slices > 0) options.add("array", fmt::format("1-{}%1", job.slices));
  if (job.jobs > 1) options.add("array", fmt::format("1-{}", job.jobs));
  for (const auto& each : job.sbatch) options.add(each);

  std::string settings = "NEUROSWEEP_PROGRAM=" + shell_quoted(job.program);
  settings += fmt::format("\nNEUROSWEEP_LAUNCHER={}", launcher_name(job.launcher));
  settings += fmt::format("\nNEUROSWEEP_MAX_RESTARTS={}", job.max_restarts);
  settings += fmt::format("\nNEUROSWEEP_AT_ONCE={}", job.jobs > 1 ? "yes" : "no");
  settings += fmt::format("\nNEUROSWEEP_NOTICE={}", notice);
  settings += "\nNEUROSWEEP_ENV=" + shell_quoted(job.environment);
  settings += fmt::format("\nset -- {} {}", shell_quoted(job.study), shell_quoted(job.store));
  for (const auto& each : job.settings) settings += " --set " + shell_quoted(each);
  return filled(kSweepScript, options.text(), settings + "\n");
}

std::string make_reduce_script(const SlurmJob& job) {
  OptionLines options = common_options(job, "-reduce", "reduce-%j.log");
  options.add("ntasks", 1);
  options.add("time", "01:00:00");
  options.add("--requeue");
  const std::string settings =
      fmt::format("NEUROSWEEP_PROGRAM={}\nset -- {}\n", shell_quoted(job.program), shell_quoted(job.store));
  return filled(kReduceScript, options.text(), settings);
}

}  // namespace neurosweep
