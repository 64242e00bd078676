#include "framework/measure/reach.hpp"

#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/base/error.hpp"
#include "framework/measure/layer_edit.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

/// Keeps the edits of one sequence, their displacements, and what gradients make of them.
class ReachHook final : public ActivationHook {
 public:
  enum class Fold { sum, sum_of_squares };  ///< over positions

  ReachHook(const LayerEdit& edit, const at::Tensor& column_squares)
      : edit_(edit),
        column_squares_(column_squares),
        changes_(static_cast<std::size_t>(column_squares.size(0))),
        displacements_(changes_.size()),
        folded_(changes_.size()) {}

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron || site == Site::residual; }

  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    const auto l = static_cast<std::size_t>(to_int(layer));
    if (site == Site::residual) {
      displacements_[l] = displacement(l, x.detach());
      return;
    }
    changes_[l] = edit_.change(layer, x).squeeze(0);
    if (!first_.defined()) x = first_ = x.detach().set_requires_grad(true);
    x.register_hook([this, l](const at::Tensor& gradient) { folded_[l] = fold(gradient, l); });
  }

  /// Gradient of a scalar times the change of every neuron, folded over positions. returns [L, M] f32
  at::Tensor run_backward(const at::Tensor& metric, Fold fold, bool keep_graph) {
    fold_ = fold;
    torch::autograd::grad({metric}, {first_}, {}, keep_graph);
    return at::stack(folded_);
  }

  at::Tensor displacements() const { return at::stack(displacements_); }

 private:
  at::Tensor displacement(std::size_t l, const at::Tensor& residual) const {
    const at::Tensor at_edits = residual.squeeze(0).narrow(0, edit_.begin, edit_.count).to(at::kFloat);
    const at::Tensor squares = at_edits.square().sum(-1, /*keepdim=*/true).clamp_min(1e-20);
    return changes_[l].square().div(squares).sum(0).mul(column_squares_[static_cast<std::int64_t>(l)]);
  }

  at::Tensor fold(const at::Tensor& gradient, std::size_t l) const {
    const c10::NoGradGuard no_grad;
    const at::Tensor at_edits = gradient.squeeze(0).narrow(0, edit_.begin, edit_.count).to(at::kFloat);
    const at::Tensor product = at::mul(at_edits, changes_[l]);
    return fold_ == Fold::sum ? product.sum(0) : product.square().sum(0);
  }

  const LayerEdit& edit_;
  const at::Tensor& column_squares_;
  std::vector<at::Tensor> changes_;        ///< [l] = [count, M] f32
  std::vector<at::Tensor> displacements_;  ///< [l] = [M] f32
  std::vector<at::Tensor> folded_;         ///< [l] = [M] f32 of the last backward
  at::Tensor first_;                       ///< the activations of layer 0, the graph's only leaf
  Fold fold_ = Fold::sum;
};

}  // namespace

ReachProbe::ReachProbe(const Decoder& decoder) : decoder_(decoder) {
  const ArchSpec& arch = decoder.arch();
  const Piece held = neurons_of(arch);
  std::vector<at::Tensor> squares;
  for (std::int64_t l = 0; l < arch.L; ++l) {
    for (std::int64_t i = held.first; i < held.first + held.count; ++i) {
      squares.push_back(decoder.down_column({LayerIndex(l), NeuronIndex(i)}).to(at::kFloat).square().sum());
    }
  }
  column_squares_ = at::stack(squares).view({arch.L, held.count});
}

ReachEffects ReachProbe::measure(const ReferenceText& text, InterventionKind kind, std::span<const float> values,
                                 Span span) const {
  const auto T = static_cast<std::int64_t>(text.tokens.size()) - 1;
  const std::int64_t n_scored = T + 1 - text.prompt_length;
  ensure(text.prompt_length >= 1 && n_scored >= 1, "a reference text without prompt or completion");
  return guard_torch("measuring reaches", [&] {
    const LayerEdit edit = make_layer_edit(decoder_, kind, values, span, text.prompt_length, T);
    const at::AutoGradMode grad(true);
    ReachHook hook(edit, column_squares_);
    const BatchRows rows = full_rows(1, T, text.prompt_length);
    const at::Tensor input = padded_tokens({{text.tokens.begin(), text.tokens.end() - 1}});
    const at::Tensor x = decoder_.run_layers(decoder_.embed(input, rows), LayerIndex{0}, LayerIndex(decoder_.arch().L),
                                             rows, &hook, nullptr);
    const at::Tensor logits = decoder_.head(x.narrow(1, T - n_scored, n_scored)).squeeze(0);
    const at::Tensor targets =
        at::tensor(at::IntArrayRef(text.tokens).slice(static_cast<std::size_t>(text.prompt_length)), at::kLong)
            .to(logits.device())
            .unsqueeze(-1);
    const at::Tensor right = logits.gather(-1, targets);
    const at::Tensor others = logits.scatter(-1, targets, -std::numeric_limits<float>::infinity());
    const at::Tensor logprob = at::log_softmax(logits, -1).gather(-1, targets).sum();
    const at::Tensor margin = (right - others.logsumexp(-1, /*keepdim=*/true)).sum();
    const at::Tensor effect = hook.run_backward(logprob, ReachHook::Fold::sum, /*keep_graph=*/true);
    const at::Tensor push = hook.run_backward(margin, ReachHook::Fold::sum_of_squares, /*keep_graph=*/false);
    const auto all = [&](const at::Tensor& own) {
      return to_floats(join_pieces(decoder_.group(), own.to(at::kFloat), decoder_.arch().M));
    };
    return ReachEffects{logprob.item<double>(), n_scored, all(effect), all(push), all(hook.displacements())};
  });
}

}  // namespace neurosweep
