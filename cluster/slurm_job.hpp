#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neurosweep {

/// What starts the ranks of a job.
enum class Launcher { srun, mpirun, none };

/// Launcher of a name. Throws Error{input} with the valid ones.
Launcher make_launcher(const std::string& name);

/// A study as a SLURM job: what to run, on what, and how long to go on.
struct SlurmJob {
  std::string program;                ///< the neurosweep program, absolute
  std::string study;                  ///< study file, absolute
  std::string store;                  ///< result folder, absolute
  std::vector<std::string> settings;  ///< --set assignments
  std::string name;                   ///< job name
  std::string partition, account, qos;
  std::int64_t nodes = 1;
  std::int64_t tasks_per_node = 1;
  std::int64_t cpus_per_task = 1;
  std::int64_t gpus_per_task = 0;
  std::string time = "04:00:00";
  std::int64_t slices = 0;  ///< 0: one job that requeues itself; else an array of so many, one after the other
  std::int64_t jobs = 1;    ///< an array of so many that work on the store at the same time, each requeueing itself
  std::int64_t max_restarts = 50;
  Launcher launcher = Launcher::srun;
  std::string environment;          ///< script that is sourced before the ranks start; "": none
  std::vector<std::string> sbatch;  ///< further options of the sweep's job, such as "--constraint=a100"
};

/// Seconds of a SLURM time limit: "30", "30:00", "4:00:00", "2-0", "2-12:00", "2-12:00:00".
///   throws  Error{input}
std::int64_t slurm_seconds(const std::string& time);

/// Seconds before its time limit at which a job is asked to stop: 180, or a third of a limit shorter than 540 s.
std::int64_t stop_notice_seconds(const std::string& time);

/// slurm/sweep.sbatch, slurm/reduce.sbatch with the job's options in the place of the #SBATCH lines.
///   throws  Error{input} when an option cannot stand in a batch script
std::string make_sweep_script(const SlurmJob& job);
std::string make_reduce_script(const SlurmJob& job);

}  // namespace neurosweep
