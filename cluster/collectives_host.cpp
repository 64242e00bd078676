#include <algorithm>
#include <utility>
#include <vector>

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
      sum_in_rank_order(data + offset, static_cast<std::size_t>(count));
    });
  }

  void all_gather(const float* mine, float* all, std::size_t n) override {
    if (n <= kLongestPiece) {
      check_mpi(MPI_Allgather(mine, static_cast<int>(n), MPI_FLOAT, all, static_cast<int>(n), MPI_FLOAT, handle()),
                "MPI_Allgather");
      return;
    }
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

  /// Each rank sums a share of the numbers. MPI_Allreduce may choose its order by the count, and so could change a row
  /// with the batch that it is in.
  void sum_in_rank_order(float* data, std::size_t n) {
    const auto ranks = static_cast<std::size_t>(size());
    const std::size_t share = (n + ranks - 1) / ranks;
    given_.assign(data, data + n);
    given_.resize(share * ranks, 0);
    shares_.resize(share * ranks);
    const int count = static_cast<int>(share);
    check_mpi(MPI_Alltoall(given_.data(), count, MPI_FLOAT, shares_.data(), count, MPI_FLOAT, handle()),
              "MPI_Alltoall");
    for (std::size_t rank = 1; rank < ranks; ++rank) {
      for (std::size_t i = 0; i < share; ++i) shares_[i] += shares_[rank * share + i];
    }
    check_mpi(MPI_Allgather(shares_.data(), count, MPI_FLOAT, given_.data(), count, MPI_FLOAT, handle()),
              "MPI_Allgather");
    std::copy_n(given_.data(), n, data);
  }

  Comm comm_;
  std::vector<float> given_, shares_;
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
