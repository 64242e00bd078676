#include <algorithm>
#include <utility>

#include "cluster/collectives.hpp"
#include "cluster/mpi_calls.hpp"

namespace neurosweep {

namespace {

class SingleCollectives final : public Collectives {
 public:
  std::string_view name() const override { return "none"; }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce_sum(float*, std::size_t) override {}
  void all_gather(const float* mine, float* all, std::size_t n) override {
    if (mine != all) std::copy_n(mine, n, all);
  }
  void broadcast(float*, std::size_t, int) override {}
};

class MpiCollectives final : public Collectives {
 public:
  explicit MpiCollectives(const Comm& comm) : comm_(comm.dup()) {}

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }

  void all_reduce_sum(float* data, std::size_t n) override {
    for_each_piece(n, kLongestPiece, [&](std::size_t offset, int count) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, data + offset, count, MPI_FLOAT, MPI_SUM, handle()), "MPI_Allreduce");
    });
  }

  void all_gather(const float* mine, float* all, std::size_t n) override {
    std::copy_n(mine, n, all + n * static_cast<std::size_t>(rank()));
    for (int root = 0; root < size(); ++root) broadcast(all + n * static_cast<std::size_t>(root), n, root);
  }

  void broadcast(float* data, std::size_t n, int root) override {
    for_each_piece(n, kLongestPiece, [&](std::size_t offset, int count) {
      check_mpi(MPI_Bcast(data + offset, count, MPI_FLOAT, root, handle()), "MPI_Bcast");
    });
  }

 private:
  MPI_Comm handle() const { return comm_.group()->handle; }
  Comm comm_;
};

}  // namespace

std::unique_ptr<Collectives> make_single_collectives() {
  return std::make_unique<SingleCollectives>();
}

std::unique_ptr<Collectives> make_mpi_collectives(const Comm& comm) {
  if (!comm.group()) return make_single_collectives();
  return std::make_unique<MpiCollectives>(comm);
}

}  // namespace neurosweep
