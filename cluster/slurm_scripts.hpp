#pragma once

namespace neurosweep {

/// slurm/sweep.sbatch and slurm/reduce.sbatch, built into the program.
extern const char* const kSweepScript;
extern const char* const kReduceScript;

}  // namespace neurosweep
