#include "framework/steer/failure_predictor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kPredictedTogether = 256;  ///< prompts in one forward without training

/// Prompts as one tensor, padded at the right.
struct Batch {
  at::Tensor x;        ///< [B, T, K] standardised
  at::Tensor padding;  ///< [B, T] bool
  at::Tensor lengths;  ///< [B] int64
  at::Tensor failed;   ///< [B] f32
};

Batch make_batch(std::span<const FailureExample> examples, std::span<const std::int64_t> chosen,
                 const FailureWeights& weights) {
  const auto B = static_cast<std::int64_t>(chosen.size());
  std::int64_t T = 0;
  for (const auto i : chosen) T = std::max(T, examples[static_cast<std::size_t>(i)].activations.size(0));
  Batch batch{at::zeros({B, T, weights.center.size(0)}), at::ones({B, T}, at::kBool), at::empty({B}, at::kLong),
              at::empty({B})};
  for (std::int64_t b = 0; b < B; ++b) {
    const FailureExample& example = examples[static_cast<std::size_t>(chosen[static_cast<std::size_t>(b)])];
    const std::int64_t length = example.activations.size(0);
    batch.x.select(0, b).narrow(0, 0, length).copy_(example.activations.sub(weights.center).div_(weights.scale));
    batch.padding.select(0, b).narrow(0, 0, length).fill_(false);
    batch.lengths.mutable_data_ptr<std::int64_t>()[b] = length;
    batch.failed.mutable_data_ptr<float>()[b] = static_cast<float>(example.failed);
  }
  return batch;
}

/// The prompts of a batch as one vector each, [B, K].
at::Tensor pooled(const Batch& batch, const FailureWeights& weights, TokenPooling pooling) {
  switch (pooling) {
    case TokenPooling::attention: {
      const at::Tensor scores = at::matmul(batch.x, weights.attention).masked_fill(batch.padding, -1e9);
      return at::matmul(scores.softmax(1).unsqueeze(1), batch.x).squeeze(1);
    }
    case TokenPooling::mean:
      return batch.x.sum(1).div(batch.lengths.unsqueeze(1));
    case TokenPooling::last:
      break;
  }
  return batch.x.index({at::arange(batch.x.size(0)), batch.lengths.sub(1)});
}

/// Log-odds [B].
///   keep  [B, hidden] factors of dropout, or undefined
at::Tensor forward(const Batch& batch, const FailureWeights& weights, TokenPooling pooling, const at::Tensor& keep) {
  at::Tensor h = at::linear(pooled(batch, weights, pooling), weights.hidden, weights.hidden_bias).relu();
  if (keep.defined()) h = h.mul(keep);
  return at::matmul(h, weights.output).add(weights.output_bias);
}

/// Adam with the weight decay in the gradient.
///   source  Kingma, Ba 2015
class Adam {
 public:
  Adam(std::vector<at::Tensor*> parameters, double learning_rate, double weight_decay)
      : parameters_(std::move(parameters)), rate_(learning_rate), decay_(weight_decay) {
    for (const at::Tensor* parameter : parameters_) {
      mean_.push_back(at::zeros_like(*parameter));
      square_.push_back(at::zeros_like(*parameter));
    }
  }

  /// Moves the parameters against their gradients, and forgets these.
  void step() {
    const c10::NoGradGuard no_grad;
    ++steps_;
    const double bias1 = 1 - std::pow(kBeta1, steps_), bias2 = 1 - std::pow(kBeta2, steps_);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      at::Tensor& parameter = *parameters_[i];
      if (!parameter.grad().defined()) continue;
      const at::Tensor gradient = parameter.grad().add(parameter, decay_);
      mean_[i].mul_(kBeta1).add_(gradient, 1 - kBeta1);
      square_[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
      parameter.addcdiv_(mean_[i], square_[i].div(bias2).sqrt_().add_(kEpsilon), -rate_ / bias1);
      parameter.mutable_grad() = at::Tensor();
    }
  }

 private:
  static constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  std::vector<at::Tensor*> parameters_;
  double rate_, decay_;
  std::vector<at::Tensor> mean_, square_;
  std::int64_t steps_ = 0;
};

void check_examples(std::span<const FailureExample> examples, std::int64_t K, const char* side) {
  if (examples.empty()) throw input_error("a failure predictor needs at least one prompt to {} on", side);
  for (const FailureExample& example : examples) {
    if (example.activations.dim() != 2 || example.activations.size(0) == 0 || example.activations.size(1) != K) {
      throw input_error(
          "a prompt to {} on has activations of shape [{}]: expected [tokens, {}] with at least one token", side,
          fmt::join(example.activations.sizes(), ", "), K);
    }
  }
}

/// Mean and deviation of every neuron over all tokens; a neuron that never changes is left as it is.
void fit_scale(FailureWeights& weights, std::span<const FailureExample> train) {
  std::vector<at::Tensor> tokens;
  for (const FailureExample& example : train) tokens.push_back(example.activations);
  const at::Tensor all = at::cat(tokens).to(at::kDouble);
  weights.center = all.mean(0).to(at::kFloat);
  const at::Tensor deviation = all.sub(all.mean(0)).square().mean(0).sqrt();
  weights.scale = at::where(deviation > 1e-6, deviation, at::ones_like(deviation)).to(at::kFloat);
}

/// Uniform in +-1/sqrt(fan in), as linear layers usually start; attention starts as the mean over tokens.
void init_trained(FailureWeights& weights, std::int64_t hidden, at::Generator& generator) {
  const std::int64_t K = weights.center.size(0);
  const auto uniform = [&](at::IntArrayRef shape, std::int64_t fan_in) {
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
    return at::empty(shape).uniform_(-bound, bound, generator);
  };
  weights.attention = at::zeros({K});
  weights.hidden = uniform({hidden, K}, K);
  weights.hidden_bias = uniform({hidden}, K);
  weights.output = uniform({hidden}, hidden);
  weights.output_bias = uniform({}, hidden);
}

std::vector<std::int64_t> numbers(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> result;
  for (std::int64_t i = begin; i < end; ++i) result.push_back(i);
  return result;
}

std::vector<double> predict(std::span<const FailureExample> examples, const FailureWeights& weights,
                            TokenPooling pooling) {
  const c10::NoGradGuard no_grad;
  std::vector<double> logits;
  const auto n = static_cast<std::int64_t>(examples.size());
  for (std::int64_t begin = 0; begin < n; begin += kPredictedTogether) {
    const auto chosen = numbers(begin, std::min(n, begin + kPredictedTogether));
    const at::Tensor z = forward(make_batch(examples, chosen, weights), weights, pooling, {}).contiguous();
    logits.insert(logits.end(), z.const_data_ptr<float>(), z.const_data_ptr<float>() + z.numel());
  }
  return logits;
}

double mean_loss(std::span<const FailureExample> examples, const FailureWeights& weights, TokenPooling pooling) {
  const auto logits = predict(examples, weights, pooling);
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    sum += std::max(logits[i], 0.0) + std::log1p(std::exp(-std::abs(logits[i]))) - examples[i].failed * logits[i];
  }
  return sum / static_cast<double>(logits.size());
}

void run_epoch(const FailureNetworkSpec& spec, std::span<const FailureExample> train, FailureWeights& weights,
               Adam& adam, at::Generator& generator) {
  const c10::AutoGradMode grad(true);
  const auto n = static_cast<std::int64_t>(train.size());
  const at::Tensor order = at::randperm(n, generator, at::kLong);
  const auto* shuffled = order.const_data_ptr<std::int64_t>();
  for (std::int64_t begin = 0; begin < n; begin += spec.batch) {
    const std::int64_t size = std::min(spec.batch, n - begin);
    const Batch batch = make_batch(train, {shuffled + begin, static_cast<std::size_t>(size)}, weights);
    const at::Tensor keep =
        at::empty({size, spec.hidden}).bernoulli_(1 - spec.dropout, generator).div_(1 - spec.dropout);
    const at::Tensor z = forward(batch, weights, spec.pooling, keep);
    at::binary_cross_entropy_with_logits(z, batch.failed).backward();
    adam.step();
  }
}

FailureWeights copy_of(FailureWeights weights) {
  for (at::Tensor* each : weights.trained()) *each = each->detach().clone();
  return weights;
}

}  // namespace

TokenPooling parse_pooling(std::string_view name) {
  if (name == "attention") return TokenPooling::attention;
  if (name == "mean") return TokenPooling::mean;
  if (name == "last") return TokenPooling::last;
  throw input_error("unknown pooling '{}' (valid: attention, mean, last)", name);
}

FailurePredictor::FailurePredictor(const FailureNetworkSpec& spec, std::span<const FailureExample> train,
                                   std::span<const FailureExample> validate)
    : pooling_(spec.pooling), validate_loss_(std::numeric_limits<double>::infinity()) {
  const std::int64_t K = train.empty() || train[0].activations.dim() != 2 ? 1 : train[0].activations.size(1);
  check_examples(train, K, "train");
  check_examples(validate, K, "validate");
  at::Generator generator = at::detail::createCPUGenerator(spec.seed);
  FailureWeights weights;
  fit_scale(weights, train);
  init_trained(weights, spec.hidden, generator);
  for (at::Tensor* each : weights.trained()) each->set_requires_grad(true);
  Adam adam(weights.trained(), spec.learning_rate, spec.weight_decay);
  for (std::int64_t epoch = 1; epoch <= spec.epochs && epoch - epochs_ <= spec.patience; ++epoch) {
    run_epoch(spec, train, weights, adam, generator);
    const double loss = mean_loss(validate, weights, pooling_);
    if (loss >= validate_loss_) continue;
    validate_loss_ = loss;
    epochs_ = epoch;
    weights_ = copy_of(weights);
  }
  if (epochs_ == 0) throw error(ErrorKind::internal, "the failure predictor's loss is not a number from the start");
  train_loss_ = mean_loss(train, weights_, pooling_);
}

std::vector<double> FailurePredictor::logits(std::span<const FailureExample> examples) const {
  check_examples(examples, weights_.center.size(0), "predict");
  return predict(examples, weights_, pooling_);
}

}  // namespace neurosweep
