#include "framework/measure/screen.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/measure/layer_edit.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kTokensPerGraph = 512;

/// Keeps what the edit would change in every layer of one sequence.
class ChangeRecorder final : public ActivationHook {
 public:
  ChangeRecorder(const LayerEdit& edit, std::int64_t L) : edit_(edit), changes_(static_cast<std::size_t>(L)) {}

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    changes_[static_cast<std::size_t>(to_int(layer))] = edit_.change(layer, x).squeeze(0);
  }
  std::vector<at::Tensor> take() { return std::move(changes_); }

 private:
  const LayerEdit& edit_;
  std::vector<at::Tensor> changes_;  ///< [l] = [count, M] f32
};

/// Starts the graph at the neurons of layer 0 and turns every gradient that arrives at a layer into one number a
/// neuron.
class GradientReducer final : public ActivationHook {
 public:
  /// Row b of the batch moves its own neurons, share [B, L, M], of the way to the edit, and estimates those alone.
  ///   changes  [l] = [count, M]: the edits of the unmoved text; empty: take them on the way
  GradientReducer(const LayerEdit& edit, std::vector<at::Tensor> changes, at::Tensor share, std::int64_t L)
      : edit_(edit), changes_(std::move(changes)), share_(std::move(share)), sums_(static_cast<std::size_t>(L)) {
    changes_.resize(static_cast<std::size_t>(L));
  }

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }

  void visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    const auto l = static_cast<std::size_t>(to_int(layer));
    if (!changes_[l].defined()) changes_[l] = edit_.change(layer, x).squeeze(0);
    if (share_.defined()) {
      x = x.clone();
      x.narrow(1, edit_.begin, edit_.count).add_(share_.select(1, to_int(layer)).unsqueeze(1) * changes_[l]);
    }
    if (!first_.defined()) x = first_ = x.detach().set_requires_grad(true);
    x.register_hook([this, l](const at::Tensor& gradient) { sums_[l] = reduce(gradient, l); });
  }

  /// The gradient of sum(metric), times the change, of every neuron.
  ///   returns  [L, M] f32
  at::Tensor run_backward(const at::Tensor& metric, bool keep_graph) {
    torch::autograd::grad({metric.sum()}, {first_}, {}, keep_graph);
    return at::stack(sums_);
  }

 private:
  at::Tensor reduce(const at::Tensor& gradient, std::size_t l) const {
    const c10::NoGradGuard no_grad;
    const at::Tensor at_edits = gradient.narrow(1, edit_.begin, edit_.count).to(at::kFloat);
    const at::Tensor sums = at::mul(at_edits, changes_[l]).sum(1);  // [B, M]
    if (!share_.defined()) return sums.squeeze(0);
    return sums.mul(share_.select(1, static_cast<std::int64_t>(l)) != 0).sum(0);
  }

  const LayerEdit& edit_;
  std::vector<at::Tensor> changes_;
  at::Tensor share_;
  at::Tensor first_;              ///< the activations of layer 0, the graph's only leaf
  std::vector<at::Tensor> sums_;  ///< [l] = [M] of the last backward
};

/// One text in one model, whose log probabilities are wanted.
class ScoredText {
 public:
  ScoredText(const Decoder& decoder, const ReferenceText& text)
      : decoder_(decoder),
        T_(static_cast<std::int64_t>(text.tokens.size()) - 1),
        prompt_length_(text.prompt_length),
        n_scored_(T_ + 1 - text.prompt_length),
        answer_offset_(text.answer_begin - text.prompt_length) {
    ensure(prompt_length_ >= 1 && n_scored_ >= 1, "a reference text without prompt or completion");
    input_ = padded_tokens({{text.tokens.begin(), text.tokens.end() - 1}});
    targets_ = at::tensor(at::IntArrayRef(text.tokens).slice(static_cast<std::size_t>(prompt_length_)), at::kLong)
                   .to(decoder.device())
                   .unsqueeze(-1);
  }

  std::int64_t T() const { return T_; }

  /// log p of every scored token in B rows under a hook. returns [B, n_scored] f32
  at::Tensor logprobs(std::int64_t B, ActivationHook& hook) const {
    const BatchRows rows = full_rows(B, T_, prompt_length_);
    const at::Tensor x = decoder_.run_layers(decoder_.embed(input_.expand({B, T_}), rows), LayerIndex{0},
                                             LayerIndex(decoder_.arch().L), rows, &hook, nullptr);
    const at::Tensor logits = decoder_.head(x.narrow(1, T_ - n_scored_, n_scored_));
    return at::log_softmax(logits, -1).gather(-1, targets_.expand({B, n_scored_, 1})).squeeze(-1);
  }

  at::Tensor answer_part(const at::Tensor& logprobs) const {
    return logprobs.narrow(1, answer_offset_, n_scored_ - answer_offset_);
  }

 private:
  const Decoder& decoder_;
  std::int64_t T_, prompt_length_, n_scored_, answer_offset_;
  at::Tensor input_, targets_;
};

/// Random sets of neurons, one row for each: `share` at its members and 0 elsewhere. returns [n, L, M] f32
at::Tensor deal_sets(std::int64_t n, double share, const ArchSpec& arch, const std::vector<std::int64_t>& tokens) {
  std::mt19937_64 bits(ContentHash().add_bytes(std::as_bytes(std::span(tokens))).low_bits());
  std::vector<std::int64_t> set(static_cast<std::size_t>(arch.L * arch.M));
  for (auto& s : set) s = static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(n));
  const at::Tensor index = at::tensor(set, at::kLong).view({1, arch.L, arch.M});
  return at::zeros({n, arch.L, arch.M}).scatter_(0, index, share);
}

struct Sums {
  at::Tensor reasoning, answer;  ///< [L, M] f32
};

/// Adds the estimates of one graph's neurons; returns its log probabilities.
at::Tensor add_graph(const ScoredText& text, std::int64_t B, GradientReducer& reducer, Sums& sums) {
  const at::AutoGradMode grad(true);
  const at::Tensor logprobs = text.logprobs(B, reducer);
  const at::Tensor reasoning = reducer.run_backward(logprobs, /*keep_graph=*/true);
  const at::Tensor answer = reducer.run_backward(text.answer_part(logprobs), /*keep_graph=*/false);
  sums.reasoning = sums.reasoning.defined() ? sums.reasoning + reasoning : reasoning;
  sums.answer = sums.answer.defined() ? sums.answer + answer : answer;
  return logprobs.detach();
}

}  // namespace

ScreenEffects screen_effects(const Decoder& decoder, const ReferenceText& text, InterventionKind kind,
                             std::span<const float> values, Span span, std::int64_t steps) {
  if (steps < 1) throw input_error("a screen needs at least 1 step, found {}", steps);
  const ArchSpec& arch = decoder.arch();
  return guard_torch("screening", [&] {
    const ScoredText scored(decoder, text);
    const LayerEdit edit = make_layer_edit(decoder, kind, values, span, text.prompt_length, scored.T());
    Sums sums;
    at::Tensor logprobs;
    if (steps == 1) {
      GradientReducer reducer(edit, {}, {}, arch.L);
      logprobs = add_graph(scored, 1, reducer, sums);
    } else {
      const c10::NoGradGuard no_grad;
      ChangeRecorder recorder(edit, arch.L);
      logprobs = scored.logprobs(1, recorder);
      const std::vector<at::Tensor> changes = recorder.take();
      const double share = 0.5 * (1 - 1 / std::sqrt(static_cast<double>(steps)));
      const Piece held = neurons_of(arch);
      const at::Tensor sets =
          deal_sets(steps, share, arch, text.tokens).narrow(2, held.first, held.count).to(decoder.device());
      const std::int64_t rows = std::clamp<std::int64_t>(kTokensPerGraph / scored.T(), 1, steps);
      for (std::int64_t first = 0; first < steps; first += rows) {
        const std::int64_t B = std::min(rows, steps - first);
        GradientReducer reducer(edit, changes, sets.narrow(0, first, B), arch.L);
        add_graph(scored, B, reducer, sums);
      }
    }
    const at::Tensor sum = logprobs.to(at::kDouble);
    const auto all = [&](const at::Tensor& own) { return to_floats(join_pieces(decoder.group(), own, arch.M)); };
    return ScreenEffects{sum.sum().item<double>(), scored.answer_part(sum).sum().item<double>(), all(sums.reasoning),
                         all(sums.answer)};
  });
}

}  // namespace neurosweep
