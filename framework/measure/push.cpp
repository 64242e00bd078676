#include "framework/measure/push.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/base/error.hpp"
#include "framework/model/batch.hpp"

namespace neurosweep {

namespace {

constexpr double kGraphBytes = 256e6;
constexpr double kDecay1 = 0.9, kDecay2 = 0.999, kEpsilon = 1e-8;  // Adam's usual constants

/// Adds constants [L, M] to the neurons where completions are decided.
class ConstantPush final : public ActivationHook {
 public:
  ConstantPush(const ArchSpec& arch, const at::Tensor& constants, at::Tensor mask)
      : constants_(constants.narrow(1, neurons_of(arch).first, neurons_of(arch).count)), mask_(std::move(mask)) {}

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    x = x + (mask_ * constants_.select(0, to_int(layer))).to(x.scalar_type());
  }

 private:
  at::Tensor constants_;  ///< of the neurons that this rank holds
  at::Tensor mask_;       ///< [B, T, 1] f32
};

/// Texts that go through the model together, the last token of each left out.
struct PushBatch {
  at::Tensor tokens;  ///< [B, T]
  BatchRows rows;
  at::Tensor mask;     ///< [B, T, 1]
  at::Tensor columns;  ///< [n] of the scored tokens in B * T
  at::Tensor targets;  ///< [n, 1]
  at::Tensor weights;  ///< [n] f32
};

PushBatch make_batch(const Decoder& decoder, std::span<const PushText* const> texts) {
  std::vector<std::vector<std::int64_t>> fed;
  std::vector<std::int64_t> lengths, prompts;
  for (const PushText* text : texts) {
    const auto& tokens = text->text.tokens;
    fed.emplace_back(tokens.begin(), tokens.end() - 1);
    lengths.push_back(static_cast<std::int64_t>(fed.back().size()));
    prompts.push_back(text->text.prompt_length);
  }
  PushBatch batch{padded_tokens(fed), padded_rows(lengths, prompts), {}, {}, {}, {}};
  const std::int64_t T = batch.tokens.size(1);
  std::vector<std::int64_t> columns, targets;
  std::vector<float> weights;
  for (std::size_t b = 0; b < texts.size(); ++b) {
    const auto& text = texts[b]->text;
    for (auto t = text.prompt_length; t < static_cast<std::int64_t>(text.tokens.size()); ++t) {
      columns.push_back(static_cast<std::int64_t>(b) * T + t - 1);
      targets.push_back(text.tokens[static_cast<std::size_t>(t)]);
      weights.push_back(static_cast<float>(texts[b]->weight));
    }
  }
  const at::Device device = decoder.device();
  batch.columns = at::tensor(columns, at::kLong).to(device);
  batch.targets = at::tensor(targets, at::kLong).to(device).unsqueeze(-1);
  batch.weights = at::tensor(weights, at::kFloat).to(device);
  batch.mask = at::zeros({batch.tokens.size(0) * T, 1}, at::kFloat).to(device);
  batch.mask.index_fill_(0, batch.columns, 1);
  batch.mask = batch.mask.view({batch.tokens.size(0), T, 1});
  return batch;
}

/// Weighted log probability of a batch's completions under constants.
at::Tensor weighted_logprob(const Decoder& decoder, const PushBatch& batch, const at::Tensor& constants) {
  ConstantPush hook(decoder.arch(), constants, batch.mask);
  const at::Tensor x = decoder.run_layers(decoder.embed(batch.tokens, batch.rows), LayerIndex{0},
                                          LayerIndex(decoder.arch().L), batch.rows, &hook, nullptr);
  const at::Tensor logits = decoder.head(x.flatten(0, 1).index_select(0, batch.columns));
  return (at::log_softmax(logits, -1).gather(-1, batch.targets).squeeze(-1) * batch.weights).sum();
}

/// Texts that fit into one graph, by tokens.
std::size_t graph_end(const ArchSpec& arch, std::span<const PushText* const> texts, std::size_t begin) {
  const double token_bytes = static_cast<double>(arch.L * (5 * arch.M + 16 * arch.D) + 2 * arch.V) * 4;
  std::size_t longest = 0, end = begin;
  while (end < texts.size()) {
    longest = std::max(longest, texts[end]->text.tokens.size());
    if (end > begin && static_cast<double>(longest * (end + 1 - begin)) * token_bytes > kGraphBytes) break;
    ++end;
  }
  return end;
}

struct Slope {
  double value = 0;
  at::Tensor gradient;  ///< like the leaf
};

/// The sum over texts of their weighted log probability, and its gradient by a leaf from which constants follow.
template <class Constants>
Slope slope_of(const Decoder& decoder, std::span<const PushText* const> texts, const at::Tensor& leaf,
               Constants&& constants) {
  const at::AutoGradMode grad(true);
  Slope sum{0, at::zeros_like(leaf)};
  for (std::size_t begin = 0; begin < texts.size();) {
    const std::size_t end = graph_end(decoder.arch(), texts, begin);
    const PushBatch batch = make_batch(decoder, texts.subspan(begin, end - begin));
    const at::Tensor value = weighted_logprob(decoder, batch, constants(leaf));
    sum.gradient += torch::autograd::grad({value}, {leaf}).front().detach();
    sum.value += value.item<double>();
    begin = end;
  }
  sum.gradient = sum_over_parts(decoder.group(), sum.gradient);  // each rank's is 0 but for its own neurons
  return sum;
}

std::vector<const PushText*> addresses(std::span<const PushText> texts) {
  std::vector<const PushText*> all;
  for (const PushText& text : texts) all.push_back(&text);
  return all;
}

at::Tensor new_leaf(const Decoder& decoder, at::IntArrayRef shape) {
  return at::zeros(shape, at::TensorOptions(at::kFloat).device(decoder.device())).set_requires_grad(true);
}

/// The texts of each step: shuffled, and shuffled anew when all were taken.
class Deck {
 public:
  Deck(std::vector<const PushText*> texts, std::uint64_t seed)
      : texts_(std::move(texts)), next_(texts_.size()), bits_(seed) {}

  std::vector<const PushText*> deal(std::int64_t n) {
    std::vector<const PushText*> hand;
    const auto wanted = std::min(static_cast<std::size_t>(n), texts_.size());
    while (hand.size() < wanted) {
      if (next_ == texts_.size()) shuffle();
      hand.push_back(texts_[next_++]);
    }
    return hand;
  }

 private:
  void shuffle() {
    for (std::size_t i = texts_.size(); i > 1; --i) std::swap(texts_[i - 1], texts_[bits_() % i]);
    next_ = 0;
  }

  std::vector<const PushText*> texts_;
  std::size_t next_;
  std::mt19937_64 bits_;
};

void check_options(const LearnOptions& options) {
  if (options.steps < 1 || options.batch < 1 || options.rate <= 0 || options.max_norm <= 0) {
    throw input_error("learning a push takes at least one step and text, a rate and a norm above 0");
  }
}

}  // namespace

std::vector<float> push_gradient(const Decoder& decoder, std::span<const PushText> texts) {
  if (texts.empty()) throw input_error("the gradient of a push needs at least one text");
  const at::Tensor leaf = new_leaf(decoder, {decoder.arch().L, decoder.arch().M});
  const Slope slope = slope_of(decoder, addresses(texts), leaf, [](const at::Tensor& all) { return all; });
  const at::Tensor gradient = slope.gradient.cpu().contiguous();
  const auto* p = gradient.const_data_ptr<float>();
  return {p, p + gradient.numel()};
}

LearnedPush learn_push(const Decoder& decoder, std::span<const PushText> texts, std::span<const NeuronId> neurons,
                       const LearnOptions& options) {
  check_options(options);
  if (texts.empty() || neurons.empty()) throw input_error("learning a push needs texts and neurons");
  const ArchSpec& arch = decoder.arch();
  std::vector<std::int64_t> flat;
  for (const NeuronId& id : neurons) flat.push_back(flat_index(id, arch.M));
  const at::Tensor index = at::tensor(flat, at::kLong).to(decoder.device());
  at::Tensor leaf = new_leaf(decoder, {static_cast<std::int64_t>(flat.size())});
  const auto constants = [&](const at::Tensor& values) {
    return at::zeros({arch.L * arch.M}, values.options()).index_put({index}, values).view({arch.L, arch.M});
  };
  const auto all = addresses(texts);
  const auto mean_loss = [&] {
    return -slope_of(decoder, all, leaf, constants).value / static_cast<double>(all.size());
  };

  LearnedPush learned;
  learned.loss_before = mean_loss();
  Deck deck(all, options.seed);
  at::Tensor first = at::zeros_like(leaf), second = at::zeros_like(leaf);
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const auto hand = deck.deal(options.batch);
    const at::Tensor gradient = slope_of(decoder, hand, leaf, constants).gradient / static_cast<double>(hand.size());
    const c10::NoGradGuard no_grad;
    const auto t = static_cast<double>(step + 1);
    first = kDecay1 * first + (1 - kDecay1) * gradient;
    second = kDecay2 * second + (1 - kDecay2) * gradient * gradient;
    const double rate = options.rate * (1 - static_cast<double>(step) / static_cast<double>(options.steps));
    leaf.add_((first / (1 - std::pow(kDecay1, t))) / ((second / (1 - std::pow(kDecay2, t))).sqrt() + kEpsilon), rate);
    const double norm = leaf.norm().item<double>();
    if (norm > options.max_norm) leaf.mul_(options.max_norm / norm);
  }
  learned.loss_after = mean_loss();
  const at::Tensor values = leaf.detach().cpu().contiguous();
  learned.push.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
  return learned;
}

}  // namespace neurosweep
