#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace neurosweep {

/// MPI from start to end of a program; under mpirun or srun, or alone as a run of one rank.
/// Joins an MPI that is already running, and then leaves its end to whoever started it.
///   throws   Error{mpi} when MPI does not start or gives no MPI_THREAD_MULTIPLE
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

 private:
  bool started_here_ = false;
};

/// Ends every rank of the run with `status`; returns only in a run of one rank. For the last catch of main().
void abort_other_ranks(int status);

/// First line of the MPI library's own description, such as "Open MPI v4.1.4, ...".
std::string mpi_library_version();

/// A group of ranks. Copies share the group; the last copy must go before MPI ends.
///   throws   Error{mpi} from every call that fails
class Comm {
 public:
  /// All ranks of the run. MPI must have started.
  static Comm world();
  /// One rank without MPI: every operation is local.
  static Comm self_only();

  int rank() const;
  int size() const;

  void barrier() const;
  /// After it, `bytes` is on every rank what it was on `root`; of any length.
  void broadcast(std::string& bytes, int root = 0) const;
  /// On `root`, what every rank gave, by rank; elsewhere empty. Of any length.
  std::vector<std::string> gather(const std::string& bytes, int root = 0) const;
  std::int64_t all_max(std::int64_t value) const;
  std::int64_t all_sum(std::int64_t value) const;

  /// Ranks with the same color >= 0, ordered by key. Collective, as is the end of its last copy.
  Comm split(int color, int key) const;
  /// The same ranks with messages of their own. Collective, as is the end of its last copy.
  Comm dup() const;
  /// The ranks that share this one's machine. Collective, as is the end of its last copy.
  Comm split_by_host() const;

  struct Group;                                        ///< the MPI side, in mpi_calls.hpp
  const Group* group() const { return group_.get(); }  ///< nullptr: no MPI

 private:
  explicit Comm(std::shared_ptr<const Group> group) : group_(std::move(group)) {}
  std::shared_ptr<const Group> group_;
};

}  // namespace neurosweep
