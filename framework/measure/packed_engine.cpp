#include <algorithm>
#include <mutex>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "framework/base/error.hpp"
#include "framework/base/memory.hpp"
#include "framework/measure/sweep_engine.hpp"
#include "framework/measure/worker_threads.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/cpu/packed_decoder.hpp"

namespace neurosweep {

namespace {

using cpu::AlignedBuffer;
using cpu::RaggedBatch;

// Tokens of a batch: fewer would wait for the weights on their way from memory, more leave the caches, and ranks beside
// each other then wait for the memory that they share.
constexpr std::int64_t kFewestTokens = 256, kMostTokens = 512;
constexpr std::int64_t kBatchesPerThread = 4;  // so that threads end together
constexpr double kUsualBytes = 1 << 30;        // of a thread's batch, where nothing else is said
constexpr double kLogitCopies = 2;             // logits, and as they are sent when rows are of different lengths

/// What a layer did without an intervention, of which arms start.
struct LayerBaseline {
  AlignedBuffer<float> keys;     ///< [kv_heads, head_dim, T rounded up], transposed
  AlignedBuffer<float> kv;       ///< [T, 2 kv_heads head_dim]
  AlignedBuffer<float> neurons;  ///< [T, M]
  AlignedBuffer<float> output;   ///< [T, row stride], residual after the layer
};

/// Keeps a baseline's keys, values and activations.
class BaselineProbe final : public cpu::LayerProbe {
 public:
  BaselineProbe(const ArchSpec& arch, LayerBaseline& to) : arch_(arch), to_(to) {}

  void keys_values(const RaggedBatch& batch, const float* kv, std::int64_t stride) override {
    const std::int64_t T = batch.tokens, width = arch_.head_dim, kv_width = 2 * arch_.kv_heads * width;
    const std::int64_t keys_stride = cpu::round_to_key_block(T);
    copy_rows(kv, stride, T, kv_width, to_.kv.reserve(T * kv_width));
    float* keys = to_.keys.reserve(arch_.kv_heads * width * keys_stride);
    for (std::int64_t g = 0; g < arch_.kv_heads; ++g) {
      cpu::transpose_keys(kv + g * width, stride, T, width, keys + g * width * keys_stride, keys_stride);
    }
  }

  void neurons(const RaggedBatch& batch, float* a, std::int64_t stride) override {
    copy_rows(a, stride, batch.tokens, arch_.M, to_.neurons.reserve(batch.tokens * arch_.M));
  }

 private:
  static void copy_rows(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::copy(from + r * stride, from + r * stride + width, to + r * width);
    }
  }

  const ArchSpec& arch_;
  LayerBaseline& to_;
};

/// The change of one neuron's activation from token `first` on.
struct NeuronChange {
  std::int64_t neuron;
  std::vector<float> by;  ///< [T - first]
};

/// Where and with what an arm starts.
struct ArmStart {
  std::size_t arm;
  std::int64_t layer;  ///< lowest layer that it changes; -1: it changes nothing
  std::int64_t first;  ///< first token that it changes anywhere
};

/// Applies the edits of a batch's arms above the layers where they start.
class EditProbe final : public cpu::LayerProbe {
 public:
  EditProbe(std::span<const JointArm> arms, const SweepPrompt& prompt) : arms_(arms), prompt_(prompt) {}

  void add_row(std::size_t arm) { rows_.push_back(arm); }
  void set_layer(std::int64_t layer) { layer_ = layer; }

  void keys_values(const RaggedBatch&, const float*, std::int64_t) override {}

  void neurons(const RaggedBatch& batch, float* a, std::int64_t stride) override {
    const auto T = static_cast<std::int64_t>(prompt_.input.size());
    for (std::size_t b = 0; b < batch.rows.size(); ++b) {
      const auto& row = batch.rows[b];
      for (const SweepArm& edit : arms_[rows_[b]]) {
        if (to_int(edit.neuron.layer) != layer_) continue;
        const auto [begin, end] = positions_of(edit.span, prompt_.prompt_length, T);
        const auto apply = kind_info(edit.kind).apply_to;
        float* column = a + to_int(edit.neuron.neuron) + (row.offset - row.first) * stride;
        for (std::int64_t t = std::max(begin, row.first); t < end; ++t) {
          column[t * stride] = apply(column[t * stride], edit.value);
        }
      }
    }
  }

 private:
  std::span<const JointArm> arms_;
  const SweepPrompt& prompt_;
  std::vector<std::size_t> rows_;
  std::int64_t layer_ = 0;
};

class PackedEngine final : public SweepEngine {
 public:
  PackedEngine(const Decoder& decoder, const SweepLimits& limits)
      : decoder_(decoder), arch_(decoder.arch()), packed_(decoder.packed()), limits_(limits) {}

  at::Tensor baseline(const SweepPrompt& prompt) override;
  void run(std::span<const JointArm> arms, const SuffixSweep::Sink& sink) const override;

 private:
  /// Buffers of one thread.
  struct Worker {
    cpu::Workspace work;
    AlignedBuffer<float> x, column;
    at::Tensor logits, scored;
  };
  /// Consecutive arms of one batch.
  struct Batch {
    std::size_t begin, end;
  };

  std::int64_t T() const { return static_cast<std::int64_t>(prompt_.input.size()); }
  std::int64_t first_scored() const { return T() - prompt_.n_scored; }
  std::vector<NeuronChange> changes(JointArm arm, std::int64_t layer, std::int64_t first) const;
  ArmStart find_start(std::span<const JointArm> arms, std::size_t index) const;
  std::int64_t batch_tokens(std::int64_t total, int threads) const;
  std::vector<Batch> cut_batches(const std::vector<ArmStart>& starts, int threads) const;
  void run_batch(std::span<const JointArm> arms, std::span<const ArmStart> starts, Worker& worker) const;
  void start_row(JointArm arm, const ArmStart& start, std::int64_t first, Worker& worker, float* x) const;
  at::Tensor spread(const RaggedBatch& tail, std::size_t rows, Worker& worker) const;
  void send_unchanged(std::span<const ArmStart> starts, const SuffixSweep::Sink& sink) const;

  const Decoder& decoder_;
  const ArchSpec& arch_;
  const cpu::PackedDecoder& packed_;
  SweepLimits limits_;
  SweepPrompt prompt_;
  std::vector<LayerBaseline> layers_;
  at::Tensor logits_;  ///< [n_scored, V] of the baseline
  mutable std::vector<std::unique_ptr<Worker>> workers_;
};

at::Tensor PackedEngine::baseline(const SweepPrompt& prompt) {
  prompt_ = prompt;
  layers_.resize(static_cast<std::size_t>(arch_.L));
  if (workers_.empty()) workers_.push_back(std::make_unique<Worker>());
  Worker& worker = *workers_.front();
  const at::NoGradGuard no_grad;
  const at::Tensor embedded =
      decoder_.embed(padded_tokens({prompt.input}), full_rows(1, T(), prompt.prompt_length)).contiguous();
  const std::int64_t stride = packed_.row_stride();
  float* x = worker.x.reserve(T() * stride);
  for (std::int64_t t = 0; t < T(); ++t) {
    std::copy_n(embedded.const_data_ptr<float>() + t * arch_.D, arch_.D, x + t * stride);
  }
  RaggedBatch batch;
  batch.add(0, T());
  for (std::int64_t l = 0; l < arch_.L; ++l) {
    LayerBaseline& layer = layers_[static_cast<std::size_t>(l)];
    BaselineProbe probe(arch_, layer);
    packed_.run_layer(l, batch, nullptr, nullptr, &probe, worker.work, x);
    std::copy_n(x, T() * stride, layer.output.reserve(T() * stride));
  }
  logits_ = at::empty({prompt.n_scored, arch_.V}, at::kFloat);
  packed_.run_head(x + first_scored() * stride, prompt.n_scored, worker.work, logits_.mutable_data_ptr<float>());
  return logits_.clone();
}

/// What an arm's edits of one layer change there from token `first` on, neurons that stay as they are left out.
std::vector<NeuronChange> PackedEngine::changes(JointArm arm, std::int64_t layer, std::int64_t first) const {
  const float* a = layers_[static_cast<std::size_t>(layer)].neurons.data();
  std::vector<NeuronChange> changes;
  std::vector<std::int64_t> done;
  for (const SweepArm& edit : arm) {
    const std::int64_t neuron = to_int(edit.neuron.neuron);
    if (to_int(edit.neuron.layer) != layer || std::find(done.begin(), done.end(), neuron) != done.end()) continue;
    done.push_back(neuron);
    NeuronChange change{neuron, std::vector<float>(static_cast<std::size_t>(T() - first), 0.0F)};
    for (std::int64_t t = first; t < T(); ++t) {
      const float before = a[t * arch_.M + neuron];
      float after = before;
      for (const SweepArm& each : arm) {  // several edits of one neuron act in their order
        if (each.neuron != edit.neuron) continue;
        const auto [begin, end] = positions_of(each.span, prompt_.prompt_length, T());
        if (begin <= t && t < end) after = kind_info(each.kind).apply_to(after, each.value);
      }
      change.by[static_cast<std::size_t>(t - first)] = after - before;
    }
    if (std::any_of(change.by.begin(), change.by.end(), [](float by) { return by != 0; })) {
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

ArmStart PackedEngine::find_start(std::span<const JointArm> arms, std::size_t index) const {
  ArmStart start{index, -1, T()};
  std::vector<std::int64_t> edited;
  for (const SweepArm& edit : arms[index]) edited.push_back(to_int(edit.neuron.layer));
  std::sort(edited.begin(), edited.end());
  edited.erase(std::unique(edited.begin(), edited.end()), edited.end());
  for (const std::int64_t layer : edited) {
    for (const NeuronChange& change : changes(arms[index], layer, 0)) {
      if (start.layer < 0) start.layer = layer;
      const auto changed = std::find_if(change.by.begin(), change.by.end(), [](float by) { return by != 0; });
      start.first = std::min<std::int64_t>(start.first, changed - change.by.begin());
    }
  }
  return start;
}

/// Tokens that one thread's batch may hold.
std::int64_t PackedEngine::batch_tokens(std::int64_t total, int threads) const {
  const std::int64_t best =
      threads == 1 ? kMostTokens : std::clamp(total / (kBatchesPerThread * threads), kFewestTokens, kMostTokens);
  const double scored = static_cast<double>(prompt_.n_scored) / static_cast<double>(T());
  const double token = static_cast<double>(packed_.bytes_per_token()) +
                       kLogitCopies * scored * static_cast<double>(arch_.V) * sizeof(float);
  const double bytes = limits_.bytes > 0 ? static_cast<double>(limits_.bytes) / threads : kUsualBytes;
  const auto fit = static_cast<std::int64_t>(bytes / token);
  if (limits_.bytes > 0 && fit < T()) {
    throw input_error("{} are left for {} thread(s) of a sweep, and one arm of {} tokens takes {}: allow more memory",
                      bytes_text(limits_.bytes), threads, T(),
                      bytes_text(static_cast<std::int64_t>(token * static_cast<double>(T()))));
  }
  return std::min(best, fit);
}

/// Batches of arms, those that start lowest first: they take longest, so that the threads end together.
std::vector<PackedEngine::Batch> PackedEngine::cut_batches(const std::vector<ArmStart>& starts, int threads) const {
  std::int64_t total = 0;
  for (const ArmStart& start : starts) total += T() - start.first;
  const std::int64_t most_tokens = batch_tokens(total, threads);
  std::vector<Batch> batches;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t n = T() - starts[i].first;
    const bool fits = !batches.empty() && tokens + n <= most_tokens &&
                      static_cast<std::int64_t>(i - batches.back().begin) < limits_.rows;
    if (!fits) {
      batches.push_back({i, i});
      tokens = 0;
    }
    batches.back().end = i + 1;
    tokens += n;
  }
  return batches;
}

/// Residuals after the arm's own layer, from token `first` on.
void PackedEngine::start_row(JointArm arm, const ArmStart& start, std::int64_t first, Worker& worker, float* x) const {
  const std::int64_t stride = packed_.row_stride();
  const float* clean = layers_[static_cast<std::size_t>(start.layer)].output.data();
  std::copy(clean + first * stride, clean + T() * stride, x);
  float* column = worker.column.reserve(arch_.D);
  for (const NeuronChange& change : changes(arm, start.layer, first)) {
    packed_.layer(start.layer).down.copy_column(change.neuron, column);
    for (std::int64_t t = first; t < T(); ++t) {
      const float by = change.by[static_cast<std::size_t>(t - first)];
      float* to = x + (t - first) * stride;
      for (std::int64_t i = 0; i < arch_.D; ++i) to[i] += by * column[i];
    }
  }
}

void PackedEngine::run_batch(std::span<const JointArm> arms, std::span<const ArmStart> starts, Worker& worker) const {
  const std::int64_t stride = packed_.row_stride(), last = arch_.L - 1;
  std::int64_t tokens = 0;
  for (const ArmStart& start : starts) tokens += T() - start.first;
  float* x = worker.x.reserve(tokens * stride);
  EditProbe probe(arms, prompt_);
  RaggedBatch batch;
  std::size_t joined = 0;
  const auto join = [&](std::int64_t layer, std::int64_t from) {
    for (; joined < starts.size() && starts[joined].layer == layer; ++joined) {
      const ArmStart& start = starts[joined];
      const std::int64_t first = std::max(from, start.first);
      start_row(arms[start.arm], start, first, worker, x + batch.tokens * stride);
      batch.add(first, T() - first);
      probe.add_row(start.arm);
    }
  };
  for (std::int64_t l = starts.front().layer; l < last; ++l) {
    join(l, 0);
    const LayerBaseline& baseline = layers_[static_cast<std::size_t>(l + 1)];
    const std::int64_t kv_width = arch_.kv_heads * arch_.head_dim;
    const cpu::LayerPrefix prefix{baseline.keys.data(), cpu::round_to_key_block(T()), baseline.kv.data() + kv_width,
                                  2 * kv_width};
    const RaggedBatch tail = batch.from(first_scored());
    probe.set_layer(l + 1);
    packed_.run_layer(l + 1, batch, &prefix, l + 1 == last ? &tail : nullptr, &probe, worker.work, x);
    if (l + 1 == last) batch = tail;
  }
  join(last, first_scored());
  worker.logits = worker.logits.defined() && worker.logits.size(0) >= batch.tokens
                      ? worker.logits
                      : at::empty({batch.tokens, arch_.V}, at::kFloat);
  packed_.run_head(x, batch.tokens, worker.work, worker.logits.mutable_data_ptr<float>());
  worker.scored = spread(batch, starts.size(), worker);
}

/// Logits of the scored positions of every row; those before its first change are the baseline's.
at::Tensor PackedEngine::spread(const RaggedBatch& tail, std::size_t rows, Worker& worker) const {
  const auto B = static_cast<std::int64_t>(rows), S = prompt_.n_scored;
  if (tail.tokens == B * S) return worker.logits.narrow(0, 0, B * S).view({B, S, arch_.V});
  at::Tensor out = at::empty({B, S, arch_.V}, at::kFloat);
  for (std::int64_t b = 0; b < B; ++b) {
    const auto& row = tail.rows[static_cast<std::size_t>(b)];
    at::Tensor to = out.select(0, b);
    to.narrow(0, 0, S - row.n).copy_(logits_.narrow(0, 0, S - row.n));
    to.narrow(0, S - row.n, row.n).copy_(worker.logits.narrow(0, row.offset, row.n));
  }
  return out;
}

void PackedEngine::send_unchanged(std::span<const ArmStart> starts, const SuffixSweep::Sink& sink) const {
  for (const ArmStart& start : starts) sink(std::span(&start.arm, 1), logits_.unsqueeze(0));
}

void PackedEngine::run(std::span<const JointArm> arms, const SuffixSweep::Sink& sink) const {
  std::vector<ArmStart> starts;
  for (std::size_t i = 0; i < arms.size(); ++i) starts.push_back(find_start(arms, i));
  std::stable_sort(starts.begin(), starts.end(),
                   [](const ArmStart& a, const ArmStart& b) { return a.layer < b.layer; });
  const auto changed = std::find_if(starts.begin(), starts.end(), [](const ArmStart& s) { return s.layer >= 0; });
  send_unchanged({starts.begin(), changed}, sink);
  starts.erase(starts.begin(), changed);
  const int threads = at::get_num_threads();
  const std::vector<Batch> batches = cut_batches(starts, threads);
  while (workers_.size() < static_cast<std::size_t>(threads)) workers_.push_back(std::make_unique<Worker>());
  std::mutex sink_mutex;
  run_on_threads(batches.size(), static_cast<std::size_t>(threads), [&](std::size_t number, std::size_t thread) {
    const auto [begin, end] = batches[number];
    const std::span<const ArmStart> part = std::span(starts).subspan(begin, end - begin);
    run_batch(arms, part, *workers_[thread]);
    std::vector<std::size_t> which;
    for (const ArmStart& start : part) which.push_back(start.arm);
    const std::lock_guard lock(sink_mutex);
    sink(which, workers_[thread]->scored);
  });
}

}  // namespace

std::unique_ptr<SweepEngine> make_packed_engine(const Decoder& decoder, const SweepLimits& limits) {
  return std::make_unique<PackedEngine>(decoder, limits);
}

}  // namespace neurosweep
