#include "experiments/verbs/submit_verb.hpp"

#include <filesystem>
#include <iostream>

#include "cluster/command.hpp"
#include "cluster/slurm_job.hpp"
#include "cluster/slurm_queue.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/config/study_spec.hpp"

namespace neurosweep {

namespace {

namespace fs = std::filesystem;

/// The job's scripts in the store.
struct ScriptPaths {
  std::string sweep, reduce;
};

void require_at_least(std::int64_t least, const char* option, std::int64_t value) {
  if (value < least) throw input_error("{} must be at least {}, found {}", option, least, value);
}

void check_numbers(const SlurmJob& job) {
  require_at_least(1, "--nodes", job.nodes);
  require_at_least(1, "--tasks-per-node", job.tasks_per_node);
  require_at_least(1, "--cpus-per-task", job.cpus_per_task);
  require_at_least(0, "--gpus-per-task", job.gpus_per_task);
  require_at_least(0, "--array", job.slices);
  require_at_least(1, "--jobs", job.jobs);
  if (job.slices > 0 && job.jobs > 1) {
    throw input_error("--array {} and --jobs {}: slices follow one another, jobs run at once: give one of the two",
                      job.slices, job.jobs);
  }
  require_at_least(0, "--max-restarts", job.max_restarts);
  if (job.launcher == Launcher::none && job.nodes * job.tasks_per_node > 1) {
    throw input_error("--launcher none starts one rank, found --nodes {} --tasks-per-node {}", job.nodes,
                      job.tasks_per_node);
  }
}

/// Checks the study and makes every path absolute: a job starts in a folder of its own.
void complete(SlurmJob& job) {
  const StudySpec study = read_study(job.study, job.settings);
  if (job.store.empty()) job.store = "study-" + study.settings.name;
  if (job.name.empty()) job.name = "neurosweep-" + study.settings.name;
  if (study.settings.threads > job.cpus_per_task) {
    throw input_error("the study computes with {} threads a rank: ask for --cpus-per-task {}", study.settings.threads,
                      study.settings.threads);
  }
  job.program = fs::read_symlink("/proc/self/exe").string();
  for (std::string* path : {&job.study, &job.store, &job.environment}) {
    if (!path->empty()) *path = fs::absolute(*path).lexically_normal().string();
  }
  if (!job.environment.empty() && !fs::exists(job.environment)) {
    throw error(ErrorKind::io, "--env {}: no such file", job.environment);
  }
}

/// What the job may take of the cluster at most.
std::string limits_text(const SlurmJob& job) {
  const std::int64_t starts = job.slices > 0 ? job.slices : job.jobs * (job.max_restarts + 1);
  const std::int64_t ranks = job.nodes * job.tasks_per_node;
  const double hours = static_cast<double>(ranks * starts * slurm_seconds(job.time)) / 3600;
  return fmt::format(
      "asks:   {}{} x {} ranks (processors of each: {}{}) for {} a start; {} starts, {:.0f} rank-hours at "
      "most",
      job.jobs > 1 ? fmt::format("{} jobs of ", job.jobs) : "", job.nodes, job.tasks_per_node, job.cpus_per_task,
      job.gpus_per_task > 0 ? fmt::format(", GPUs: {}", job.gpus_per_task) : "", job.time, starts, hours);
}

/// `neurosweep plan` of the study and the job's ranks. Without `format` a table.
std::string plan_command(const SlurmJob& job, const char* format = "") {
  std::string command = fmt::format("{} plan {} --ranks {}{}", shell_quoted(job.program), shell_quoted(job.study),
                                    job.jobs * job.nodes * job.tasks_per_node, format);
  for (const auto& each : job.settings) command += " --set " + shell_quoted(each);
  return command;
}

/// What the study will cost, as the engine tells it; it times each model here for some seconds.
std::string planned_cost(const SlurmJob& job, const char* format) {
  const CommandResult plan = run_command(plan_command(job, format));
  if (plan.status != 0) {
    throw input_error("the study cannot be planned (status {}): nothing was submitted", plan.status);
  }
  return plan.out;
}

void refuse_second_job(const SlurmJob& job) {
  const auto queued = find_queued_job(job.store);
  if (!queued) return;
  throw input_error(
      "job {} ({}) is at work on {} already: wait for it, end it by `scancel {}`, or submit with --again "
      "(both would measure the same units)",
      queued->id, queued->state, job.store, queued->id);
}

ScriptPaths script_paths(const SlurmJob& job) {
  return {job.store + "/slurm/sweep.sbatch", job.store + "/slurm/reduce.sbatch"};
}

void print_scripts(const SlurmJob& job) {
  const ScriptPaths paths = script_paths(job);
  std::cout << fmt::format("==> {}\n{}\n==> {}\n{}\n", paths.sweep, make_sweep_script(job), paths.reduce,
                           make_reduce_script(job))
            << fmt::format("==> would be submitted by\nsbatch {}\nsbatch --dependency=afterany:<sweep> {}\n",
                           shell_quoted(paths.sweep), shell_quoted(paths.reduce));
}

ScriptPaths write_scripts(const SlurmJob& job) {
  const std::string sweep = make_sweep_script(job), reduce = make_reduce_script(job);
  const ScriptPaths paths = script_paths(job);
  std::error_code failure;
  fs::create_directories(job.store + "/slurm", failure);
  if (failure) throw error(ErrorKind::io, "{}/slurm: cannot be made ({})", job.store, failure.message());
  write_text_file(paths.sweep, sweep);
  write_text_file(paths.reduce, reduce);
  return paths;
}

void print_cost(const SlurmJob& job, const std::string& planned) {
  std::cout << limits_text(job) << '\n'
            << (planned.empty() ? fmt::format("needs:  --plan tells, or {}\n", plan_command(job)) : planned + '\n');
}

void print_jobs(const SlurmJob& job, const std::string& sweep, const std::string& reduce) {
  std::cout << fmt::format("sweep:  job {}, {}\n", sweep,
                           job.slices > 0 ? fmt::format("up to {} slices, one after the other", job.slices)
                                          : fmt::format("{}requeues itself, at most {} times",
                                                        job.jobs > 1 ? fmt::format("{} at once, each ", job.jobs) : "",
                                                        job.max_restarts))
            << fmt::format("reduce: job {}, when the sweep has ended; report in {}/report.md\n", reduce, job.store)
            << fmt::format("watch:  squeue -j {},{}    neurosweep status {}\n", sweep, reduce, job.store)
            << fmt::format("logs:   {}/slurm/\n", job.store)
            << fmt::format("stop:   scancel {}    (what is done stays; submit again to go on)\n", sweep);
}

}  // namespace

int run_submit(const std::vector<std::string>& words) {
  SlurmJob job;
  std::string launcher = "srun";
  bool dry_run = false, json = false, plan = false, again = false;
  CommandLine line("submit STUDY.toml [options]",
                   "Runs a study under SLURM until it is complete: one job that stops before its time limit, requeues\n"
                   "itself and goes on, and one behind it that merges, verifies, ranks and reports. The scripts stay\n"
                   "in STORE/slurm. A store that a job is at work on already is not submitted again.",
                   "  neurosweep submit study.toml --partition gpu --nodes 4 --tasks-per-node 4 --gpus-per-task 1\n"
                   "  neurosweep submit study.toml --time 12:00:00 --sbatch=--constraint=a100 --dry-run");
  line.positional("STUDY.toml", job.study, "the study file");
  line.option("store", job.store, "result folder, on a file system that all nodes see (default: study-<name>)");
  line.option("set", job.settings, "override a key of the study");
  line.option("partition", job.partition, "partition of both jobs");
  line.option("account", job.account, "account of both jobs").option("qos", job.qos, "QOS of both jobs");
  line.option("nodes", job.nodes, "nodes (default 1)");
  line.option("tasks-per-node", job.tasks_per_node, "ranks on each node (default 1)");
  line.option("cpus-per-task", job.cpus_per_task, "processors of each rank (default 1)");
  line.option("gpus-per-task", job.gpus_per_task, "GPUs of each rank (default 0)");
  line.option("time", job.time, "time limit of each start, as sbatch takes it (default 04:00:00)");
  line.option("array", job.slices, "instead of requeueing: an array of so many time slices, one after the other");
  line.option("jobs", job.jobs, "an array of so many such jobs that work on the store at the same time (default 1)");
  line.option("max-restarts", job.max_restarts, "most requeues, SLURM's own included (default 50)");
  line.option("launcher", launcher, "what starts the ranks: srun (default), mpirun, or none for one rank");
  line.option("env", job.environment, "script that the job sources first: modules, variables");
  line.option("name", job.name, "job name (default: neurosweep-<name of the study>)");
  line.option("sbatch", job.sbatch, "any other option of the sweep's job, as --sbatch=--exclusive; may be repeated");
  line.flag("plan", plan, "first tell what the study will cost: times each model here for some seconds");
  line.flag("again", again, "submit although a job is at work on the store already");
  line.flag("dry-run", dry_run, "print the scripts, write and submit nothing");
  line.flag("json", json, "print the jobs as JSON");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  job.launcher = make_launcher(launcher);
  check_numbers(job);
  complete(job);
  if (!again && !dry_run) refuse_second_job(job);
  const std::string cost = plan ? planned_cost(job, json ? " --json" : "") : "";
  if (!json) print_cost(job, cost);
  if (dry_run) {
    print_scripts(job);
    return exit_status::kComplete;
  }
  const ScriptPaths paths = write_scripts(job);
  const std::string sweep = submit_script(paths.sweep, "");
  note_job(job.store, sweep, job.name);
  const std::string reduce = submit_script(paths.reduce, "afterany:" + sweep);
  if (json) {
    Json jobs = {{"sweep", sweep}, {"reduce", reduce}, {"store", job.store}};
    if (plan) jobs["plan"] = parse_json(cost, "plan");
    std::cout << json_text(jobs) << '\n';
  } else {
    print_jobs(job, sweep, reduce);
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
