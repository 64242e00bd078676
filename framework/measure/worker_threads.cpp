#include "framework/measure/worker_threads.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

namespace neurosweep {

void run_on_threads(std::size_t tasks, std::size_t threads,
                    const std::function<void(std::size_t task, std::size_t thread)>& run) {
  const std::size_t used = std::min(tasks, threads);
  if (used <= 1) {
    for (std::size_t task = 0; task < tasks; ++task) run(task, 0);
    return;
  }
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&](std::size_t thread) {
    at::init_num_threads();  // would otherwise undo the next line at the thread's first operator
    omp_set_num_threads(1);
    const at::NoGradGuard no_grad;
    try {
      for (std::size_t task = next++; task < tasks; task = next++) run(task, thread);
    } catch (...) {
      next = tasks;
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> running;
  for (std::size_t thread = 0; thread < used; ++thread) running.emplace_back(work, thread);
  for (std::jthread& each : running) each.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace neurosweep
