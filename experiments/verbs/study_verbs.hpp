#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep run`: runs what is left of a study.
int run_run(const std::vector<std::string>& words);

/// `neurosweep plan`: what a study will do and cost, without doing it.
int run_plan(const std::vector<std::string>& words);

/// `neurosweep keys`: every key of a study file.
int run_keys(const std::vector<std::string>& words);

/// `neurosweep sweep`: one sweep job file on one model, without a study.
int run_sweep(const std::vector<std::string>& words);

}  // namespace neurosweep
