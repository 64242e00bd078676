#include "experiments/model_ranks.hpp"

#include <utility>

#include "cluster/collectives.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

class ModelRanks final : public ModelGroup {
 public:
  explicit ModelRanks(std::unique_ptr<Collectives> ranks) : ranks_(std::move(ranks)) {}

  ModelPart part() const override { return {ranks_->rank(), ranks_->size()}; }
  void sum(float* data, std::size_t n) override { ranks_->all_reduce_sum(data, n); }
  void gather(const float* mine, float* all, std::size_t n) override { ranks_->all_gather(mine, all, n); }

 private:
  std::unique_ptr<Collectives> ranks_;
};

}  // namespace

std::shared_ptr<ModelGroup> make_model_group(const Comm& group, std::optional<int> cuda_device) {
  if (group.size() == 1) return nullptr;
  const std::int64_t with_device = group.all_sum(cuda_device ? 1 : 0);
  if (with_device != 0 && with_device != group.size()) {
    throw error(
        ErrorKind::device,
        "of the {} ranks that hold a model together {} have a CUDA device and the others none: give each one, or "
        "set [study] device = \"cpu\"",
        group.size(), with_device);
  }
  return std::make_shared<ModelRanks>(cuda_device ? make_nccl_collectives(group, *cuda_device)
                                                  : make_mpi_collectives(group));
}

}  // namespace neurosweep
