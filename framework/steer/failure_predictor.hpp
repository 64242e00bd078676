#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// A prompt as a failure predictor reads it, and what came of it.
struct FailureExample {
  at::Tensor activations;  ///< [T, K] f32 on the CPU: chosen neurons at every token of the prompt
  double failed = 0;       ///< share of attempts that failed
};

/// How the tokens of a prompt become one vector.
enum class TokenPooling {
  attention,  ///< a learned weighting of the tokens
  mean,
  last,  ///< the last token alone
};

/// Throws Error{input} for a name that is none of attention, mean, last.
TokenPooling parse_pooling(std::string_view name);

/// Architecture and training of a failure predictor; the values that stand here are the paper's.
struct FailureNetworkSpec {
  TokenPooling pooling = TokenPooling::attention;
  std::int64_t hidden = 256;
  double dropout = 0.3;
  double learning_rate = 1e-4;
  double weight_decay = 1e-5;
  std::int64_t epochs = 100;   ///< at most
  std::int64_t patience = 10;  ///< epochs without a better validation loss after which training stops
  std::int64_t batch = 32;     ///< prompts
  std::uint64_t seed = 0;      ///< of weights, order and dropout
};

/// The numbers of a trained network.
struct FailureWeights {
  at::Tensor center, scale;        ///< [K] mean and deviation over the tokens of the training prompts
  at::Tensor attention;            ///< [K] a token's weight is the softmax over tokens of its product with this
  at::Tensor hidden, hidden_bias;  ///< [hidden, K], [hidden]
  at::Tensor output, output_bias;  ///< [hidden], []

  /// Those that training changes.
  std::vector<at::Tensor*> trained() { return {&attention, &hidden, &hidden_bias, &output, &output_bias}; }
};

/// Says from a prompt's activations how likely the model is to fail: standardised activations, pooled over tokens, then
/// Linear(K, hidden), ReLU, dropout, Linear(hidden, 1).
///   source  arXiv:2601.19847 sec. 3.3 and C.1
class FailurePredictor {
 public:
  /// Trains with Adam on binary cross-entropy and keeps the weights of the best validation loss. The same examples and
  /// spec give the same weights.
  ///   throws  Error{input}: no example on one of the sides, an empty prompt, or prompts of different K
  FailurePredictor(const FailureNetworkSpec& spec, std::span<const FailureExample> train,
                   std::span<const FailureExample> validate);

  /// Log-odds of failure, not calibrated, in the order of the examples.
  std::vector<double> logits(std::span<const FailureExample> examples) const;

  const FailureWeights& weights() const { return weights_; }
  std::int64_t epochs() const { return epochs_; }    ///< until the weights that were kept
  double train_loss() const { return train_loss_; }  ///< mean cross-entropy without dropout, nats
  double validate_loss() const { return validate_loss_; }

 private:
  TokenPooling pooling_;
  FailureWeights weights_;
  std::int64_t epochs_ = 0;
  double train_loss_ = 0;
  double validate_loss_ = 0;
};

}  // namespace neurosweep
