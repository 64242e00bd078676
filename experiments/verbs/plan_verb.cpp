#include <chrono>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "cluster/progress.hpp"
#include "experiments/experiment.hpp"
#include "experiments/verbs/study_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/config/cli.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/generate.hpp"
#include "framework/store/query_format.hpp"

namespace neurosweep {

namespace {

/// Speed of a model here, measured: tokens a second of one rank.
struct Rates {
  double forward = 0;
  double generate = 0;
};

/// Repeats `work` for about a fifth of a second after one run to warm up; returns seconds per run.
template <class Work>
double seconds_of(Work&& work) {
  using Clock = std::chrono::steady_clock;
  work();
  const auto begin = Clock::now();
  int runs = 0;
  std::chrono::duration<double> spent{};
  do {
    work();
    ++runs;
    spent = Clock::now() - begin;
  } while (spent.count() < 0.2);
  return spent.count() / runs;
}

Rates measure_rates(const Decoder& decoder) {
  constexpr std::int64_t B = 32, T = 32;
  const at::NoGradGuard no_grad;
  const at::Tensor tokens = at::zeros({B, T}, at::kLong);
  const BatchRows rows = full_rows(B, T, T);
  const double forward = seconds_of([&] {
    decoder.run_layers(decoder.embed(tokens, rows), LayerIndex(0), LayerIndex(decoder.arch().L), rows, nullptr,
                       nullptr);
  });
  const std::vector<GenerationRequest> requests(B, GenerationRequest{{0, 0, 0, 0}, 0, 8});
  std::int64_t generated = 1;
  const double generation = seconds_of([&] {
    generated = 0;
    for (const auto& made : generate(decoder, requests, {}, B))
      generated += static_cast<std::int64_t>(made.tokens.size()) + 1;
  });
  return {B * T / forward, static_cast<double>(generated) / generation};
}

/// Multiply-adds of one token through all layers and the head, times two.
double flops_per_token(const ArchSpec& arch) {
  const double attention =
      static_cast<double>(arch.D * arch.head_dim) * static_cast<double>(2 * arch.H + 2 * arch.kv_heads);
  const double mlp = (arch.gated_mlp ? 3.0 : 2.0) * static_cast<double>(arch.D * arch.M);
  return 2.0 * (static_cast<double>(arch.L) * (attention + mlp) + static_cast<double>(arch.V * arch.D));
}

std::string bytes_text(double bytes) {
  return bytes >= 1e9 ? fmt::format("{:.2f} GB", bytes / 1e9) : fmt::format("{:.2f} MB", bytes / 1e6);
}

}  // namespace

int run_plan(const std::vector<std::string>& words) {
  std::string study_path;
  std::vector<std::string> settings;
  std::int64_t ranks = 1;
  bool json = false;
  CommandLine line(
      "plan STUDY.toml [--ranks N]",
      "What a study will do and cost: units, forwards, arithmetic, result size and time. Runs nothing but a\n"
      "short timing of each model on this machine. A '<=' marks what depends on results not there yet.",
      "  neurosweep plan experiments/configs/demo.toml --ranks 2");
  line.positional("STUDY.toml", study_path, "the study file");
  line.option("set", settings, "override a key of the study");
  line.option("ranks", ranks, "ranks that share the work (default 1)");
  line.flag("json", json, "print as JSON");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (ranks < 1) throw input_error("--ranks must be at least 1, found {}", ranks);

  const Catalog catalog(read_study(study_path, settings));
  at::set_num_threads(static_cast<int>(catalog.study().settings.threads));
  Workbench bench(catalog, at::Device(at::kCPU));
  const auto experiments = make_experiments(catalog.study());
  std::map<std::string, Rates> rates;
  QueryResult table{{"experiment", "model", "units", "forwards", "GFLOP", "results", "time"}, {}};
  double total_seconds = 0, total_bytes = 0;
  for (std::size_t e = 0; e < experiments.size(); ++e) {
    const Forecast forecast = experiments[e]->forecast(catalog);
    const std::string mark = forecast.upper_bound ? "<= " : "";
    total_bytes += forecast.result_bytes;
    for (const auto& [model, work] : forecast.by_model) {
      if (!rates.count(model)) rates[model] = measure_rates(bench.decoder(model));
      const double seconds =
          (work.forward_tokens / rates[model].forward + work.generated_tokens / rates[model].generate) /
          static_cast<double>(ranks);
      total_seconds += seconds;
      const double gflop =
          1e-9 * flops_per_token(catalog.model(model).arch) * (work.forward_tokens + work.generated_tokens);
      table.rows.push_back({catalog.study().experiments[e].name, model, mark + std::to_string(work.units),
                            mark + std::to_string(work.forwards), fmt::format("{}{:.1f}", mark, gflop),
                            bytes_text(forecast.result_bytes), mark + format_duration(seconds)});
    }
    if (forecast.by_model.empty()) {
      table.rows.push_back({catalog.study().experiments[e].name, "-", "0", "0", "0", "0 MB", "reduction only"});
    }
  }
  print_table(std::cout, table, json ? TableFormat::json : TableFormat::table);
  if (!json) {
    std::cout << fmt::format("total: about {} with {} rank{} of {} thread{}, results about {}\n",
                             format_duration(total_seconds), ranks, ranks == 1 ? "" : "s",
                             catalog.study().settings.threads, catalog.study().settings.threads == 1 ? "" : "s",
                             bytes_text(total_bytes));
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
