#include "experiments/verbs/speed.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include <ATen/Parallel.h>
#include <unistd.h>

#include "framework/intervene/neuron_means.hpp"
#include "framework/measure/effects.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "framework/store/shard.hpp"

namespace neurosweep {

namespace {

constexpr double kEnough = 0.1;   ///< seconds of one timing
constexpr double kPatience = 2;  ///< seconds that the prompts of one timed decoding may take

template <class Work>
double time_once(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Seconds of one run of `work`, which has been run before and is repeated while it is short.
template <class Work>
double time_of(Work&& work) {
  double spent = 0;
  int runs = 0;
  for (; spent < kEnough; ++runs) spent += time_once(work);
  return spent / runs;
}

/// The examples of the work, or a text of this model's context where there are none.
std::vector<ReferenceText> texts_of(const Decoder& decoder, const Forecast::Work& work) {
  if (!work.examples.empty()) return work.examples;
  const std::int64_t T = std::min<std::int64_t>(64, decoder.arch().context);
  return {{std::vector<std::int64_t>(static_cast<std::size_t>(T), 0), T / 2, T / 2}};
}

/// Positions that this model runs through in kPatience seconds, from a short text.
std::int64_t affordable_positions(const Decoder& decoder) {
  const std::int64_t T = std::min<std::int64_t>(16, decoder.arch().context);
  const std::vector<ScoreRequest> one = {{std::vector<std::int64_t>(static_cast<std::size_t>(T), 0), T, T}};
  score_tokens(decoder, one);
  const double seconds = time_once([&] { score_tokens(decoder, one); });
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(kPatience * static_cast<double>(T) / seconds));
}

/// Raises a size from 1 to `most` while running it is expected to take no longer than twice kEnough.
/// Returns the last size and its time.
template <class Run>
std::pair<std::int64_t, double> grow(std::int64_t most, Run&& run) {
  constexpr std::int64_t kFactor = 4;
  std::int64_t size = 1;
  double seconds = time_once([&] { run(size); });
  if (seconds < kEnough) seconds = time_once([&] { run(size); });
  while (size < most && kFactor * seconds <= 2 * kEnough) {
    size = std::min(kFactor * size, most);
    seconds = time_once([&] { run(size); });
  }
  return {size, seconds < kEnough ? time_of([&] { run(size); }) : seconds};
}

double time_forward_token(const Decoder& decoder, const std::vector<ReferenceText>& texts, std::int64_t most) {
  const auto requests = [&](std::int64_t n) {
    std::vector<ScoreRequest> result;
    for (std::int64_t i = 0; i < n; ++i) {
      const ReferenceText& text = texts[static_cast<std::size_t>(i) % texts.size()];
      result.push_back({text.tokens, text.prompt_length, text.prompt_length});
    }
    return result;
  };
  const auto [n, seconds] = grow(most, [&](std::int64_t size) { score_tokens(decoder, requests(size)); });
  double tokens = 0;
  for (const auto& request : requests(n)) tokens += static_cast<double>(request.tokens.size());
  return seconds / tokens;
}

/// Arms like `arm`, the same number in every layer; of one layer in the middle alone when there is less than one each.
std::vector<SweepArm> spread_arms(SweepArm arm, std::int64_t per_layer, const ArchSpec& arch) {
  std::vector<SweepArm> arms;
  for (std::int64_t l = per_layer == 0 ? arch.L / 2 : 0; l < (per_layer == 0 ? arch.L / 2 + 1 : arch.L); ++l) {
    const std::int64_t n = std::max<std::int64_t>(1, per_layer);
    for (std::int64_t i = 0; i < n; ++i) {
      arm.neuron = {LayerIndex(l), NeuronIndex(i * arch.M / n)};
      arms.push_back(arm);
    }
  }
  return arms;
}

double time_sweep_token(const Decoder& decoder, const std::vector<ReferenceText>& texts, const Forecast& forecast) {
  SuffixSweep sweep(decoder, forecast.rows);
  const std::int64_t L = decoder.arch().L;
  // A text of middling length stands for all.
  std::vector<ReferenceText> sorted = texts;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.tokens.size() < b.tokens.size(); });
  const ReferenceText& text = sorted[sorted.size() / 2];
  const auto fed = static_cast<double>(text.tokens.size() - 1);
  const auto run = [&](std::int64_t per_layer) {
    measure_effects(sweep, text, spread_arms(forecast.arm, per_layer, decoder.arch()));
  };
  const double one = time_once([&] { run(0); });
  if (one > 2 * kEnough) return one / fed;
  const double alone = time_of([&] { measure_effects(sweep, text, {}); });
  const std::int64_t most =
      std::clamp<std::int64_t>(std::min(forecast.rows, forecast.unit_arms / L), 1, decoder.arch().M);
  const auto [per_layer, seconds] = grow(most, run);
  return std::max(0.0, seconds - alone) / (fed * static_cast<double>(per_layer * L));
}

/// The prompts of `sequences` requests, each cut to its share of `positions`.
std::vector<std::vector<std::int64_t>> decoded_prompts(const std::vector<ReferenceText>& texts, std::int64_t sequences,
                                                       std::int64_t positions) {
  std::vector<std::vector<std::int64_t>> prompts;
  for (std::int64_t i = 0; i < sequences; ++i) {
    const ReferenceText& text = texts[static_cast<std::size_t>(i) % texts.size()];
    const std::int64_t n = std::min(text.prompt_length, std::max<std::int64_t>(1, positions / sequences));
    prompts.emplace_back(text.tokens.begin(), text.tokens.begin() + n);
  }
  return prompts;
}

/// A run of generation: what it did and how long the decoding took.
struct Decoding {
  double prompt_tokens = 0, prefill = 0;  ///< seconds until the first token of each
  double steps = 0, tokens = 0, seconds = 0;
};

Decoding time_decoding(const Decoder& decoder, const std::vector<ReferenceText>& texts, const Forecast& forecast,
                       std::int64_t sequences, std::int64_t positions) {
  const auto prompts = decoded_prompts(texts, sequences, positions);
  const auto run = [&](std::int64_t new_tokens) {
    std::vector<GenerationRequest> requests;
    for (const auto& prompt : prompts) requests.push_back({prompt, requests.size(), new_tokens});
    NeuronMeans means(decoder.arch());
    return generate(decoder, requests, forecast.sampling, sequences,
                    forecast.means == KeepMeans::yes ? &means : nullptr);
  };
  Decoding result;
  run(1);
  result.prefill = time_of([&] { run(1); });
  for (const auto& prompt : prompts) result.prompt_tokens += static_cast<double>(prompt.size());
  std::int64_t longest = 2;
  for (const auto& text : texts) {
    longest = std::max(longest, static_cast<std::int64_t>(text.tokens.size()) - text.prompt_length);
  }
  const auto [more, seconds] = grow(longest - 1, [&](std::int64_t size) { run(1 + size); });
  result.seconds = std::max(0.0, seconds - result.prefill);
  for (const auto& made : run(1 + more)) {
    const double fed = static_cast<double>(made.tokens.size()) - (made.ended_by_eos ? 0 : 1);
    result.tokens += fed;
    result.steps = std::max(result.steps, fed);
  }
  return result;
}

/// Fits seconds = step * steps + token * tokens to full slots and to few.
void set_decoding(Speed& speed, const Decoder& decoder, const std::vector<ReferenceText>& texts,
                  const Forecast& forecast) {
  const std::int64_t positions = affordable_positions(decoder);
  const std::int64_t all = std::clamp<std::int64_t>(std::min(forecast.slots, forecast.unit_sequences), 1, positions);
  const Decoding full = time_decoding(decoder, texts, forecast, all, positions);
  speed.prompt_token = full.prefill / full.prompt_tokens;
  speed.decode_step = full.seconds / std::max(1.0, full.steps);
  const std::int64_t some = all / 8;
  if (some == 0) return;
  const Decoding few = time_decoding(decoder, texts, forecast, some, positions);
  const double determinant = full.steps * few.tokens - few.steps * full.tokens;
  if (determinant == 0) return;
  const double step = (full.seconds * few.tokens - few.seconds * full.tokens) / determinant;
  const double token = (full.steps * few.seconds - few.steps * full.seconds) / determinant;
  if (token < 0) return;
  speed.decode_step = std::max(0.0, step);
  speed.generated_token = step < 0 ? full.seconds / full.tokens : token;
}

/// Seconds to store a unit of this many bytes.
double time_storing(std::int64_t bytes) {
  const auto dir = std::filesystem::temp_directory_path() / fmt::format("neurosweep-plan-{}", ::getpid());
  std::filesystem::create_directories(dir);
  constexpr std::int64_t kUnits = ShardWriter::kUnitsPerCommit;
  const auto begin = std::chrono::steady_clock::now();
  {
    ShardWriter shard((dir / "shard.db").string(), "plan", 1, 0);
    for (std::int64_t unit = 0; unit < kUnits; ++unit) {
      EffectBlockRow row;
      row.model = row.task = row.item = row.metric = "plan";
      row.effects.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, bytes / 4)));
      row.n = static_cast<std::int64_t>(row.effects.size());
      UnitRows rows;
      rows.add(std::move(row));
      shard.append(0, unit, "plan", std::move(rows), 0);
    }
    shard.close();
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  std::filesystem::remove_all(dir);
  return spent.count() / kUnits;
}

}  // namespace

Speed measure_speed(const Decoder& decoder, const Forecast& forecast, const Forecast::Work& work) {
  const auto texts = texts_of(decoder, work);
  Speed speed;
  if (work.units > 0) {
    const auto models = static_cast<std::int64_t>(forecast.by_model.size());
    speed.unit = time_storing(static_cast<std::int64_t>(forecast.result_bytes) / (work.units * models));
  }
  if (work.forward_tokens > 0) {
    const std::int64_t together = work.sweep_tokens > 0 ? 1 : 64;
    speed.forward_token = time_forward_token(decoder, texts, together);
  }
  if (work.sweep_tokens > 0) speed.sweep_token = time_sweep_token(decoder, texts, forecast);
  if (work.generated_tokens > 0) set_decoding(speed, decoder, texts, forecast);
  return speed;
}

double seconds_of(const Forecast::Work& work, const Speed& speed) {
  return static_cast<double>(work.units) * speed.unit + work.forward_tokens * speed.forward_token +
         work.sweep_tokens * speed.sweep_token + work.prompt_tokens * speed.prompt_token +
         work.generated_tokens * speed.generated_token + work.decode_steps * speed.decode_step;
}

double useful_ranks(const Decoder& decoder, std::int64_t ranks, std::int64_t threads) {
  const auto processors = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  const std::int64_t n = std::min(ranks, processors / threads);
  if (n <= 1) return 1;
  const std::int64_t T = std::min<std::int64_t>(64, decoder.arch().context);
  const std::vector<ScoreRequest> one = {{std::vector<std::int64_t>(static_cast<std::size_t>(T), 0), T, 1}};
  score_tokens(decoder, one);
  const double alone = time_of([&] { score_tokens(decoder, one); });
  const int runs = std::max(1, static_cast<int>(2 * kEnough / alone));
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> workers;
    for (std::int64_t i = 0; i < n; ++i) {
      workers.emplace_back([&] {
        at::set_num_threads(static_cast<int>(threads));
        for (int k = 0; k < runs; ++k) score_tokens(decoder, one);
      });
    }
  }
  const std::chrono::duration<double> together = std::chrono::steady_clock::now() - begin;
  return std::clamp(static_cast<double>(n * runs) * alone / together.count(), 1.0, static_cast<double>(n));
}

}  // namespace neurosweep
