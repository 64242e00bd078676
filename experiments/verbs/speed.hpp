#pragma once

#include <cstdint>

#include "experiments/experiment.hpp"

namespace neurosweep {

/// What work of an experiment takes on this machine with one rank, in seconds.
struct Speed {
  double unit = 0;           ///< of storing a unit
  double forward_token = 0;  ///< of Forecast::Work::forward_tokens, and so on
  double sweep_token = 0;
  double prompt_token = 0;
  double generated_token = 0;
  double decode_step = 0;
};

/// Times a little of the work on a model, by the functions that do it and as the experiment does it: with its texts,
/// batches and slots. Takes about a second, or one forward of what is timed where that takes longer.
Speed measure_speed(const Decoder& decoder, const Forecast& forecast, const Forecast::Work& work);

/// Seconds that the work takes one rank.
double seconds_of(const Forecast::Work& work, const Speed& speed);

/// How many times as fast `ranks` ranks of `threads` threads are as one, measured by as many forwards at the same time;
/// at least 1, and no more than the machine has processors for.
double useful_ranks(const Decoder& decoder, std::int64_t ranks, std::int64_t threads);

}  // namespace neurosweep
