#include "framework/model/generate.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/fit_memory.hpp"

namespace neurosweep {
namespace {

void check_request(const GenerationRequest& request, const ArchSpec& arch) {
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  if (length == 0) throw input_error("empty prompt: a generation needs at least one token to start from");
  if (length > arch.context) {
    throw input_error("a prompt of {} tokens is longer than the model's context of {}", length, arch.context);
  }
  if (request.max_new_tokens < 0) throw input_error("max_new_tokens {}: expected 0 or more", request.max_new_tokens);
  for (const auto id : request.prompt) {
    if (id < 0 || id >= arch.V) {
      throw input_error("token id {} is outside the vocabulary of {}: is it the model's own tokenizer?", id, arch.V);
    }
  }
}

/// Tokens that a request may still be given: what it asks for, or what the context leaves.
std::int64_t new_token_limit(const GenerationRequest& request, const ArchSpec& arch) {
  return std::min(request.max_new_tokens, arch.context - static_cast<std::int64_t>(request.prompt.size()));
}

/// A batch of running sequences. Slots [0, n) are busy: the last one moves into a slot that is given up, so that no
/// forward computes an idle row.
class SlotBatch {
 public:
  SlotBatch(const Decoder& decoder, const std::vector<GenerationRequest>& requests, const SamplingSpec& sampling,
            std::int64_t slots, ActivationHook* hook)
      : decoder_(decoder),
        requests_(requests),
        sampling_(sampling),
        hook_(hook),
        results_(requests.size()),
        slots_(slots),
        cache_(decoder.own_sizes(), slots, longest_run(), decoder.dtype(), decoder.device()) {}

  std::vector<Generation> run() {
    while (refill() > 0) {
      step();
      drop_finished();
    }
    return std::move(results_);
  }

 private:
  struct Slot {
    std::size_t request;
    std::int64_t last_token;  ///< sampled, not yet fed
    bool done;
  };

  const GenerationRequest& request_of(const Slot& slot) const { return requests_[slot.request]; }

  std::int64_t longest_run() const {
    std::int64_t longest = 1;
    for (const auto& request : requests_) {
      const auto length = static_cast<std::int64_t>(request.prompt.size());
      longest = std::max(longest, length + new_token_limit(request, decoder_.arch()));
    }
    return longest;
  }

  /// Gives free slots to waiting requests, and returns how many slots are busy.
  std::size_t refill() {
    while (next_ < requests_.size() && static_cast<std::int64_t>(busy_.size()) < slots_) {
      std::vector<std::size_t> taken;
      while (next_ < requests_.size() && static_cast<std::int64_t>(busy_.size() + taken.size()) < slots_) {
        if (new_token_limit(requests_[next_], decoder_.arch()) > 0) taken.push_back(next_);
        ++next_;
      }
      if (!taken.empty()) prefill(taken);
      drop_finished();
    }
    return busy_.size();
  }

  /// Runs prompts in a batch of their own, hands their keys and values to free slots, and samples the first tokens.
  void prefill(const std::vector<std::size_t>& taken) {
    std::vector<std::vector<std::int64_t>> prompts;
    BatchRows rows;
    for (const auto index : taken) {
      prompts.push_back(requests_[index].prompt);
      add_row(rows, index, 0, static_cast<std::int64_t>(prompts.back().size()));
    }
    const at::Tensor tokens = padded_tokens(prompts);
    const auto B = static_cast<std::int64_t>(taken.size());
    KvCache fresh(decoder_.own_sizes(), B, tokens.size(1), decoder_.dtype(), decoder_.device());
    const at::Tensor x = run(tokens, rows, fresh);
    std::vector<at::Tensor> last;
    for (std::int64_t b = 0; b < B; ++b) {
      last.push_back(x.select(0, b).select(0, rows.n_tokens[static_cast<std::size_t>(b)] - 1));
      cache_.copy_row(fresh, b, static_cast<std::int64_t>(busy_.size()));
      busy_.push_back({taken[static_cast<std::size_t>(b)], 0, false});
    }
    take_samples(at::stack(last), busy_.size() - taken.size());
  }

  /// Feeds the last token of every busy slot and samples the next one.
  void step() {
    at::Tensor tokens = at::empty({static_cast<std::int64_t>(busy_.size()), 1}, at::kLong);
    auto* out = tokens.mutable_data_ptr<std::int64_t>();
    BatchRows rows;
    for (const auto& slot : busy_) {
      *out++ = slot.last_token;
      const auto position = request_of(slot).prompt.size() + results_[slot.request].tokens.size() - 1;
      add_row(rows, slot.request, static_cast<std::int64_t>(position), 1);
    }
    take_samples(run(tokens, rows, cache_).select(1, 0), 0);
  }

  void add_row(BatchRows& rows, std::size_t request, std::int64_t position, std::int64_t n_tokens) const {
    rows.sequence.push_back(static_cast<std::int64_t>(request));
    rows.first_position.push_back(position);
    rows.n_tokens.push_back(n_tokens);
    rows.prompt_length.push_back(static_cast<std::int64_t>(requests_[request].prompt.size()));
  }

  at::Tensor run(const at::Tensor& tokens, const BatchRows& rows, KvCache& cache) const {
    const auto all = static_cast<LayerIndex>(decoder_.arch().L);
    return decoder_.run_layers(decoder_.embed(tokens, rows), LayerIndex{0}, all, rows, hook_, &cache);
  }

  /// x: [n, D], the residuals from which slots first_slot, first_slot + 1, ... get their next token.
  void take_samples(const at::Tensor& x, std::size_t first_slot) {
    at::Tensor uniforms = at::empty({x.size(0)}, at::kDouble);
    auto* u = uniforms.mutable_data_ptr<double>();
    for (std::size_t s = first_slot; s < busy_.size(); ++s) {
      *u++ = uniform_at(request_of(busy_[s]).seed, results_[busy_[s].request].tokens.size());
    }
    const at::Tensor logits = decoder_.head(x);
    if (hook_ != nullptr && hook_->wants_predictions()) hook_->predicted(logits, sequences_from(first_slot));
    const SampledTokens sampled = sample_tokens(logits, uniforms, sampling_);
    const auto* token = sampled.tokens.const_data_ptr<std::int64_t>();
    const auto* logprob = sampled.logprobs.const_data_ptr<float>();
    for (std::size_t s = first_slot; s < busy_.size(); ++s) accept(busy_[s], *token++, *logprob++);
  }

  std::vector<std::int64_t> sequences_from(std::size_t first_slot) const {
    std::vector<std::int64_t> sequences;
    for (std::size_t s = first_slot; s < busy_.size(); ++s) {
      sequences.push_back(static_cast<std::int64_t>(busy_[s].request));
    }
    return sequences;
  }

  void accept(Slot& slot, std::int64_t token, double logprob) {
    const ArchSpec& arch = decoder_.arch();
    Generation& result = results_[slot.request];
    result.logprob += logprob;
    if (std::find(arch.eos.begin(), arch.eos.end(), token) != arch.eos.end()) {
      result.ended_by_eos = slot.done = true;
      return;
    }
    result.tokens.push_back(token);
    slot.last_token = token;
    slot.done = static_cast<std::int64_t>(result.tokens.size()) == new_token_limit(request_of(slot), arch);
  }

  void drop_finished() {
    for (std::size_t s = busy_.size(); s-- > 0;) {
      if (!busy_[s].done) continue;
      const std::size_t last = busy_.size() - 1;
      if (s != last) cache_.copy_row(cache_, static_cast<std::int64_t>(last), static_cast<std::int64_t>(s));
      cache_.reset(static_cast<std::int64_t>(last));
      busy_[s] = busy_[last];
      busy_.pop_back();
    }
  }

  const Decoder& decoder_;
  const std::vector<GenerationRequest>& requests_;
  const SamplingSpec& sampling_;
  ActivationHook* hook_;
  std::vector<Generation> results_;
  std::int64_t slots_;
  KvCache cache_;
  std::vector<Slot> busy_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<Generation> generate(const Decoder& decoder, const std::vector<GenerationRequest>& requests,
                                 const SamplingSpec& sampling, std::int64_t slots, ActivationHook* hook) {
  check_sampling(sampling);
  if (slots < 1) throw input_error("{} slots: generation needs at least one", slots);
  for (const auto& request : requests) check_request(request, decoder.arch());
  if (requests.empty()) return {};
  const c10::NoGradGuard no_grad;
  const std::int64_t useful = std::min(slots, static_cast<std::int64_t>(requests.size()));
  std::vector<std::int64_t> sequences(requests.size());
  std::iota(sequences.begin(), sequences.end(), std::int64_t{0});
  bool started = false;
  return fit_memory({"generating", "sequences", decoder.device(), decoder.group()}, useful, [&](std::int64_t fitting) {
    if (started) forget_sequences(hook, sequences);
    started = true;
    return SlotBatch(decoder, requests, sampling, fitting, hook).run();
  });
}

}  // namespace neurosweep
