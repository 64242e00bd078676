#pragma once

#include <memory>
#include <optional>

#include "cluster/comm.hpp"
#include "framework/model/model_group.hpp"

namespace neurosweep {

/// The ranks of `group` as the holders of one decoder: over NCCL on CUDA devices, else over MPI. Collective.
///   returns  null for one rank
///   throws   Error{device}: some of the ranks have a CUDA device and some have not; as make_nccl_collectives
std::shared_ptr<ModelGroup> make_model_group(const Comm& group, std::optional<int> cuda_device);

}  // namespace neurosweep
