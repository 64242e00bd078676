#pragma once

#include <cstddef>
#include <functional>

namespace neurosweep {

/// Runs tasks 0 .. n - 1, each on one of up to `threads` threads, which take the next task when they are done. Inside,
/// libtorch's operators use one thread: nothing waits at a barrier. The first exception is thrown again here, once all
/// threads have stopped.
void run_on_threads(std::size_t tasks, std::size_t threads,
                    const std::function<void(std::size_t task, std::size_t thread)>& run);

}  // namespace neurosweep
