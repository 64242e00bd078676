#include "framework/model/model_group.hpp"

#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace neurosweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

bool needs_gradient(const at::Tensor& x) {
  return c10::GradMode::is_enabled() && x.requires_grad();
}

at::Tensor sum_now(ModelGroup& group, const at::Tensor& x) {
  at::Tensor sum = x.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  group.sum(sum.mutable_data_ptr<float>(), static_cast<std::size_t>(sum.numel()));
  return sum.to(x.scalar_type());
}

at::Tensor join_now(ModelGroup& group, const at::Tensor& x, std::int64_t total) {
  const ModelPart part = group.part();
  const std::int64_t widest = (total + part.count - 1) / part.count, rows = x.numel() / x.size(-1);
  at::Tensor mine = at::zeros({rows, widest}, x.options());
  mine.narrow(1, 0, x.size(-1)).copy_(x.detach().reshape({rows, x.size(-1)}));
  at::Tensor all = at::empty({part.count, rows, widest}, x.options());
  group.gather(mine.const_data_ptr<float>(), all.mutable_data_ptr<float>(), static_cast<std::size_t>(mine.numel()));
  std::vector<at::Tensor> pieces;
  for (int index = 0; index < part.count; ++index) {
    pieces.push_back(all.select(0, index).narrow(1, 0, piece_of(total, {index, part.count}).count));
  }
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = total;
  return at::cat(pieces, 1).view(shape);
}

struct SumOverParts : torch::autograd::Function<SumOverParts> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, ModelGroup* group) { return sum_now(*group, x); }
  static tensor_list backward(AutogradContext*, tensor_list gradients) { return {gradients[0], {}}; }
};

struct EnterParts : torch::autograd::Function<EnterParts> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, ModelGroup* group) {
    context->saved_data["group"] = reinterpret_cast<std::int64_t>(group);
    return x.view_as(x);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto* group = reinterpret_cast<ModelGroup*>(context->saved_data["group"].toInt());
    return {sum_now(*group, gradients[0]), {}};
  }
};

struct JoinPieces : torch::autograd::Function<JoinPieces> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, ModelGroup* group, std::int64_t total) {
    context->saved_data["first"] = piece_of(total, group->part()).first;
    context->saved_data["count"] = x.size(-1);
    return join_now(*group, x, total);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return {
        gradients[0].narrow(-1, context->saved_data["first"].toInt(), context->saved_data["count"].toInt()), {}, {}};
  }
};

}  // namespace

at::Tensor sum_over_parts(ModelGroup* group, const at::Tensor& x) {
  if (group == nullptr) return x;
  return needs_gradient(x) ? SumOverParts::apply(x, group) : sum_now(*group, x);
}

at::Tensor enter_parts(ModelGroup* group, const at::Tensor& x) {
  if (group == nullptr || !needs_gradient(x)) return x;
  return EnterParts::apply(x, group);
}

at::Tensor join_pieces(ModelGroup* group, const at::Tensor& x, std::int64_t total) {
  if (group == nullptr) return x;
  return needs_gradient(x) ? JoinPieces::apply(x, group, total) : join_now(*group, x, total);
}

}  // namespace neurosweep
