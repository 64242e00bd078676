// Times the parts of a study on the bundled small reasoner, one thread: neurosweep_bench [--benchmark_filter=...]
#include <cstdlib>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "experiments/neuron_choice.hpp"
#include "framework/measure/effects.hpp"
#include "framework/model/generate.hpp"
#include "framework/store/database.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/shard.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

constexpr const char* kModel = NS_SOURCE_DIR "/experiments/models/reasoner-small";
constexpr const char* kPrompt = "calc:7*7*7-8+7\n";
constexpr const char* kCompletion = "7*7=9;9*7=3;3-8=5;5+7=2\nA: 2";

void bench_load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(load_decoder(kModel).arch().L);
}
BENCHMARK(bench_load)->Unit(benchmark::kMillisecond);

/// The checkpoint folder that NEUROSWEEP_BENCH_MODEL names.
void bench_load_model(benchmark::State& state) {
  const char* model = std::getenv("NEUROSWEEP_BENCH_MODEL");
  if (!model) return state.SkipWithError("NEUROSWEEP_BENCH_MODEL is not set");
  for (auto _ : state) benchmark::DoNotOptimize(load_decoder(model).arch().L);
}
BENCHMARK(bench_load_model)->Unit(benchmark::kMillisecond);

void bench_tokenize(benchmark::State& state) {
  const Tokenizer tokenizer = Tokenizer::load(kModel);
  std::string text;
  while (text.size() < 100000) text += std::string(kPrompt) + kCompletion + "\n";
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text, AddSpecialTokens::no).size());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(bench_tokenize)->Unit(benchmark::kMillisecond);

/// Exact single-neuron suppressions on one item; items_per_second = interventions a second.
void bench_sweep(benchmark::State& state) {
  at::set_num_threads(1);
  const Decoder decoder = load_decoder(kModel);
  const Tokenizer tokenizer = Tokenizer::load(kModel);
  const auto text =
      make_reference(tokenizer, kPrompt, kCompletion, "2", decoder.arch().eos.front(), decoder.arch().context, "bench");
  std::vector<SweepArm> arms;
  for (const NeuronId& id : all_neurons(decoder.arch())) arms.push_back({id, InterventionKind::zero, 0, Span::all});
  SuffixSweep sweep(decoder, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(measure_effects(sweep, text, arms).reasoning.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(arms.size()));
}
BENCHMARK(bench_sweep)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond);

/// Sampled generation; items_per_second = tokens a second.
void bench_generate(benchmark::State& state) {
  at::set_num_threads(1);
  const Decoder decoder = load_decoder(kModel);
  const auto prompt = Tokenizer::load(kModel).encode(kPrompt, AddSpecialTokens::yes);
  std::vector<GenerationRequest> requests;
  for (std::int64_t i = 0; i < state.range(0); ++i) requests.push_back({prompt, static_cast<std::uint64_t>(i), 48});
  std::int64_t tokens = 0;
  for (auto _ : state) {
    for (const Generation& made : generate(decoder, requests, {1.0, 1.0}, state.range(0))) {
      tokens += static_cast<std::int64_t>(made.tokens.size());
    }
  }
  state.SetItemsProcessed(tokens);
}
BENCHMARK(bench_generate)->Arg(1)->Arg(64)->Unit(benchmark::kMillisecond);

/// Units of one 512-arm effect block written to a shard and merged; items_per_second = units a second.
void bench_store(benchmark::State& state) {
  constexpr int kUnits = 500, kArms = 512;
  for (auto _ : state) {
    const testing::TempDir dir;
    StudyIdentity identity;
    identity.study.name = "bench";
    Database db = create_or_open_results(dir.path().string(), identity);
    const std::string study_id = db.study().study_id;
    write_round(db, {0, "bench", "sweep", 0, "plan", kUnits, "{}"});
    const int launch = claim_launch(dir.path().string());
    ShardWriter shard(shard_path(dir.path().string(), launch, 0), study_id, launch, 0);
    for (int unit = 0; unit < kUnits; ++unit) {
      EffectBlockRow block;
      block.model = block.task = block.item = block.metric = "x";
      block.n = kArms;
      block.effects.resize(kArms, 0.5f);
      UnitRows rows;
      rows.add(std::move(block));
      shard.append(0, unit, unit_hash("plan", unit), std::move(rows), 0.1);
    }
    shard.close();
    benchmark::DoNotOptimize(merge_shards(dir.path().string()).units_added);
  }
  state.SetItemsProcessed(state.iterations() * kUnits);
  state.SetBytesProcessed(state.iterations() * kUnits * kArms * static_cast<std::int64_t>(sizeof(float)));
}
BENCHMARK(bench_store)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace neurosweep
