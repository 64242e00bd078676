// Under mpirun: the last rank fails in the middle of a unit in which the others wait for it.
#include "cluster/rank_groups.hpp"
#include "framework/base/error.hpp"

int main(int argc, char** argv) {
  using namespace neurosweep;
  MpiSession session(argc, argv);
  const RankGroups groups(Comm::world(), Comm::world().size());
  const Comm data = groups.group().dup();
  if (data.rank() != data.size() - 1) {
    data.barrier();
    return exit_status::kInternal;
  }
  const auto verdict = groups.agree("no memory", std::chrono::milliseconds(200));
  abort_other_ranks(verdict.alone ? exit_status::kDevice : exit_status::kInternal);
  return exit_status::kInternal;
}
