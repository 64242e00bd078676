#pragma once

#include <cstdint>
#include <string>

#include "cluster/comm.hpp"
#include "experiments/runner.hpp"

namespace neurosweep {

/// Runs `action` on every rank; an Error of any of them is thrown on all, with the text of the first that failed.
template <class Action>
void on_every_rank(const Comm& comm, Action&& action) {
  std::int64_t kind = -1;
  std::string text;
  try {
    action();
  } catch (const Error& failure) {
    kind = static_cast<std::int64_t>(failure.kind());
    text = failure.what();
  }
  const std::int64_t worst = comm.all_max(kind);
  if (worst < 0) return;
  for (const std::string& each : comm.gather(text)) {
    if (text.empty()) text = each;
  }
  throw CommonError(static_cast<ErrorKind>(worst), text);
}

/// Runs `action` on rank 0; an Error there is thrown on every rank, its text on rank 0.
template <class Action>
void on_root(const Comm& comm, Action&& action) {
  on_every_rank(comm, [&] {
    if (comm.rank() == 0) action();
  });
}

}  // namespace neurosweep
