#include "framework/model/score.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/fit_memory.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {
namespace {

constexpr std::int64_t kTokensPerBatch = 8192;              ///< padded tokens of one forward
constexpr std::int64_t kLogitsPerBlock = 16 * 1024 * 1024;  ///< elements, 64 MiB

std::int64_t length_of(const ScoreRequest& request) {
  return static_cast<std::int64_t>(request.tokens.size());
}

/// The end of the batch that starts at order[begin]; its longest sequence is the first.
std::size_t batch_end(const std::vector<ScoreRequest>& requests, const std::vector<std::size_t>& order,
                      std::size_t begin) {
  const auto rows = static_cast<std::size_t>(kTokensPerBatch / length_of(requests[order[begin]]));
  return std::min(order.size(), begin + std::max<std::size_t>(rows, 1));
}

/// Residuals of the scored positions of a batch, in order of rows.
struct ScoredPositions {
  std::vector<std::int64_t> column;  ///< into the batch's B * T columns
  std::vector<std::int64_t> target;  ///< the token that follows
};

ScoredPositions scored_positions(const std::vector<const ScoreRequest*>& batch, std::int64_t T) {
  ScoredPositions result;
  for (std::size_t b = 0; b < batch.size(); ++b) {
    for (std::int64_t t = batch[b]->first_scored; t < length_of(*batch[b]); ++t) {
      result.column.push_back(static_cast<std::int64_t>(b) * T + t - 1);
      result.target.push_back(batch[b]->tokens[static_cast<std::size_t>(t)]);
    }
  }
  return result;
}

/// Log probability of each target and the most likely token, from residuals x [n, D]; one block of logits at a time.
TokenScores score_positions(const Decoder& decoder, const at::Tensor& x, const at::Tensor& targets) {
  TokenScores scores;
  const std::int64_t block = std::max<std::int64_t>(1, kLogitsPerBlock / decoder.arch().V);
  for (std::int64_t begin = 0; begin < x.size(0); begin += block) {
    const std::int64_t n = std::min(block, x.size(0) - begin);
    const at::Tensor logits = decoder.head(x.narrow(0, begin, n));
    const at::Tensor chosen = logits.gather(-1, targets.narrow(0, begin, n).unsqueeze(-1)).squeeze(-1);
    const at::Tensor logprobs = chosen - at::logsumexp(logits, -1);
    const at::Tensor argmax = at::argmax(logits, -1);
    // Both are exact in f64: the host waits for the device once.
    const at::Tensor both = at::stack({logprobs.to(at::kDouble), argmax.to(at::kDouble)}).cpu();
    const auto* numbers = both.const_data_ptr<double>();
    std::transform(numbers, numbers + n, std::back_inserter(scores.logprobs),
                   [](double p) { return static_cast<float>(p); });
    std::transform(numbers + n, numbers + 2 * n, std::back_inserter(scores.argmax),
                   [](double a) { return static_cast<std::int64_t>(a); });
  }
  return scores;
}

/// Scores of all sequences of a batch, one after the other.
TokenScores score_batch(const Decoder& decoder, const std::vector<const ScoreRequest*>& batch,
                        const std::vector<std::int64_t>& sequence, ActivationHook* hook) {
  std::vector<std::vector<std::int64_t>> tokens;
  std::vector<std::int64_t> lengths, prompt_lengths;
  for (const auto* request : batch) {
    tokens.push_back(request->tokens);
    lengths.push_back(length_of(*request));
    prompt_lengths.push_back(request->prompt_length);
  }
  BatchRows rows = padded_rows(lengths, prompt_lengths);
  rows.sequence = sequence;
  const at::Tensor batch_tokens = padded_tokens(tokens);
  const at::Tensor x = decoder.run_layers(decoder.embed(batch_tokens, rows), LayerIndex{0},
                                          static_cast<LayerIndex>(decoder.arch().L), rows, hook, nullptr);
  const ScoredPositions positions = scored_positions(batch, batch_tokens.size(1));
  const at::Tensor picked =
      x.flatten(0, 1).index_select(0, to_device(at::tensor(positions.column, at::kLong), x.device()));
  return score_positions(decoder, picked, to_device(at::tensor(positions.target, at::kLong), x.device()));
}

/// One call's requests, longest first, and their results.
class Scoring {
 public:
  Scoring(const Decoder& decoder, const std::vector<ScoreRequest>& requests, ActivationHook* hook)
      : decoder_(decoder), requests_(requests), hook_(hook), order_(requests.size()), results_(requests.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](auto a, auto b) { return length_of(requests[a]) > length_of(requests[b]); });
  }

  std::vector<TokenScores> run() {
    for (std::size_t begin = 0; begin < order_.size();) {
      const std::size_t end = batch_end(requests_, order_, begin);
      run_batch(begin, end);
      begin = end;
    }
    return std::move(results_);
  }

 private:
  /// Scores order_[begin, end), in one forward where memory allows.
  void run_batch(std::size_t begin, std::size_t end) {
    std::size_t tried = begin;
    fit_memory({"scoring", "sequences", decoder_.device(), decoder_.group()}, static_cast<std::int64_t>(end - begin),
               [&](std::int64_t rows) {
                 if (tried > begin) forget_sequences(hook_, sequences(begin, tried));
                 for (; begin < end; begin = tried) {
                   tried = std::min(end, begin + static_cast<std::size_t>(rows));
                   run_forward(begin, tried);
                 }
               });
  }

  void run_forward(std::size_t begin, std::size_t end) {
    std::vector<const ScoreRequest*> batch;
    for (std::size_t i = begin; i < end; ++i) batch.push_back(&requests_[order_[i]]);
    const TokenScores scores = score_batch(decoder_, batch, sequences(begin, end), hook_);
    std::ptrdiff_t offset = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const ScoreRequest& request = requests_[order_[i]];
      const auto n = std::max<std::int64_t>(0, length_of(request) - request.first_scored);
      const auto p = scores.logprobs.begin() + offset;
      const auto a = scores.argmax.begin() + offset;
      results_[order_[i]] = {{p, p + n}, {a, a + n}};
      offset += n;
    }
  }

  std::vector<std::int64_t> sequences(std::size_t begin, std::size_t end) const {
    return {order_.begin() + static_cast<std::ptrdiff_t>(begin), order_.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  const Decoder& decoder_;
  const std::vector<ScoreRequest>& requests_;
  ActivationHook* hook_;
  std::vector<std::size_t> order_;
  std::vector<TokenScores> results_;
};

void check_request(const ScoreRequest& request) {
  if (request.tokens.empty()) throw input_error("an empty sequence cannot be scored");
  if (request.first_scored < 1) {
    throw input_error("first_scored {}: the first token of a sequence has no probability, expected 1 or more",
                      request.first_scored);
  }
}

}  // namespace

std::vector<TokenScores> score_tokens(const Decoder& decoder, const std::vector<ScoreRequest>& requests,
                                      ActivationHook* hook) {
  const c10::NoGradGuard no_grad;
  for (const auto& request : requests) check_request(request);
  return Scoring(decoder, requests, hook).run();
}

std::vector<std::vector<float>> token_logprobs(const Decoder& decoder,
                                               const std::vector<std::vector<std::int64_t>>& sequences,
                                               ActivationHook* hook) {
  std::vector<ScoreRequest> requests;
  for (const auto& sequence : sequences) requests.push_back({sequence, static_cast<std::int64_t>(sequence.size()), 1});
  std::vector<std::vector<float>> result;
  for (auto& scores : score_tokens(decoder, requests, hook)) result.push_back(std::move(scores.logprobs));
  return result;
}

}  // namespace neurosweep
