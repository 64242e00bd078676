#include "cluster/comm.hpp"

#include <utility>

#include "cluster/mpi_calls.hpp"

namespace neurosweep {

namespace {

constexpr int kGatherTag = 1;

std::int64_t reduce_all(const Comm& comm, std::int64_t value, MPI_Op op) {
  if (!comm.group()) return value;
  std::int64_t result = 0;
  check_mpi(MPI_Allreduce(&value, &result, 1, MPI_INT64_T, op, comm.group()->handle), "MPI_Allreduce");
  return result;
}

void receive_bytes(MPI_Comm comm, int source, std::string& bytes) {
  for_each_piece(bytes.size(), kLongestPiece, [&](std::size_t offset, int length) {
    check_mpi(MPI_Recv(bytes.data() + offset, length, MPI_CHAR, source, kGatherTag, comm, MPI_STATUS_IGNORE),
              "MPI_Recv");
  });
}

void send_bytes(MPI_Comm comm, int target, const std::string& bytes) {
  for_each_piece(bytes.size(), kLongestPiece, [&](std::size_t offset, int length) {
    check_mpi(MPI_Send(bytes.data() + offset, length, MPI_CHAR, target, kGatherTag, comm), "MPI_Send");
  });
}

}  // namespace

Comm Comm::world() {
  return Comm(std::make_shared<Group>(MPI_COMM_WORLD, false));
}

Comm Comm::self_only() {
  return Comm(nullptr);
}

int Comm::rank() const {
  return group_ ? group_->rank : 0;
}

int Comm::size() const {
  return group_ ? group_->size : 1;
}

void Comm::barrier() const {
  if (group_) check_mpi(MPI_Barrier(group_->handle), "MPI_Barrier");
}

void Comm::broadcast(std::string& bytes, int root) const {
  if (size() == 1) return;
  std::uint64_t length = bytes.size();
  check_mpi(MPI_Bcast(&length, 1, MPI_UINT64_T, root, group_->handle), "MPI_Bcast");
  bytes.resize(length);
  for_each_piece(bytes.size(), kLongestPiece, [&](std::size_t offset, int count) {
    check_mpi(MPI_Bcast(bytes.data() + offset, count, MPI_CHAR, root, group_->handle), "MPI_Bcast");
  });
}

std::vector<std::string> Comm::gather(const std::string& bytes, int root) const {
  if (size() == 1) return {bytes};
  const std::uint64_t length = bytes.size();
  std::vector<std::uint64_t> lengths(rank() == root ? size() : 0);
  check_mpi(MPI_Gather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, root, group_->handle), "MPI_Gather");
  if (rank() != root) {
    send_bytes(group_->handle, root, bytes);
    return {};
  }
  std::vector<std::string> all(lengths.size());
  for (int source = 0; source < size(); ++source) {
    if (source == root) {
      all[source] = bytes;
    } else {
      all[source].resize(lengths[source]);
      receive_bytes(group_->handle, source, all[source]);
    }
  }
  return all;
}

std::int64_t Comm::all_max(std::int64_t value) const {
  return reduce_all(*this, value, MPI_MAX);
}

std::int64_t Comm::all_sum(std::int64_t value) const {
  return reduce_all(*this, value, MPI_SUM);
}

Comm Comm::split(int color, int key) const {
  if (!group_) return self_only();
  MPI_Comm made = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(group_->handle, color, key, &made), "MPI_Comm_split");
  return Comm(std::make_shared<Group>(made, true));
}

Comm Comm::dup() const {
  if (!group_) return self_only();
  MPI_Comm made = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(group_->handle, &made), "MPI_Comm_dup");
  return Comm(std::make_shared<Group>(made, true));
}

Comm Comm::split_by_host() const {
  if (!group_) return self_only();
  MPI_Comm made = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(group_->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &made), "MPI_Comm_split_type");
  return Comm(std::make_shared<Group>(made, true));
}

}  // namespace neurosweep
