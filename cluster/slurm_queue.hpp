#pragma once

#include <optional>
#include <string>

namespace neurosweep {

/// Gives a script to sbatch.
///   dependency  as sbatch takes it, such as "afterany:12"; "": none
///   returns     the job's number
///   throws      Error{input} with sbatch's own text when it refuses; Error{io} when it cannot be run
std::string submit_script(const std::string& path, const std::string& dependency);

/// Notes in STORE/slurm/jobs that a job works on the store. Throws Error{io}.
void note_job(const std::string& store, const std::string& id, const std::string& name);

/// A job that SLURM has not ended yet.
struct QueuedJob {
  std::string id;
  std::string state;  ///< SLURM's word: PENDING, RUNNING, ...
};

/// The job noted for a store that still waits or runs, or nothing. Numbers that SLURM knows no more, or that belong to
/// a job of another name by now, are passed over.
///   throws  Error{io} when jobs are noted and squeue cannot tell
std::optional<QueuedJob> find_queued_job(const std::string& store);

}  // namespace neurosweep
