// The fp32 GEMM rate that torch reaches on this machine: one fixed product (the machine's pulse), and on request the
// products of a model's layers. The driver measures it before and after every run.
#include <chrono>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include "framework/base/error.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/model/arch.hpp"

namespace neurosweep {
namespace {

using Clock = std::chrono::steady_clock;

struct Rate {
  double best = 0;  ///< GFLOP/s
  double mean = 0;  ///< GFLOP/s over all repetitions
};

/// Repeats y = x w for `seconds`, once at least; x is [rows, in], w [in, out] or the view of a stored [out, in].
Rate measure_product(std::int64_t rows, std::int64_t in, std::int64_t out, const at::Tensor& w, double seconds) {
  const at::Tensor x = at::ones({rows, in});
  at::Tensor y = at::empty({rows, out});
  at::mm_out(y, x, w);
  const double gflop = 2e-9 * static_cast<double>(rows * in * out);
  double best = 1e30, total = 0;
  std::int64_t repeats = 0;
  do {
    const auto begin = Clock::now();
    at::mm_out(y, x, w);
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, took);
    total += took;
    ++repeats;
  } while (total < seconds);
  return {gflop / best, gflop * static_cast<double>(repeats) / total};
}

/// The products of one layer and of the head at `rows` tokens, with the weights as nn.Linear stores them.
Json model_products(const ArchSpec& arch, std::int64_t rows, double seconds) {
  struct Product {
    const char* name;
    std::int64_t in, out;
  };
  const Product products[] = {
      {"qkv", arch.D, (arch.H + 2 * arch.kv_heads) * arch.head_dim},
      {"o", arch.H * arch.head_dim, arch.D},
      {"up", arch.D, arch.gated_mlp ? 2 * arch.M : arch.M},
      {"down", arch.M, arch.D},
  };
  Json shapes = Json::array();
  double gflop = 0, best_seconds = 0;
  for (const Product& product : products) {
    const Rate rate = measure_product(rows, product.in, product.out, at::ones({product.out, product.in}).t(), seconds);
    const double work = 2e-9 * static_cast<double>(rows * product.in * product.out);
    gflop += work;
    best_seconds += work / rate.best;
    shapes.push_back({{"name", product.name},
                      {"rows", rows},
                      {"in", product.in},
                      {"out", product.out},
                      {"best_gflops", rate.best},
                      {"mean_gflops", rate.mean}});
  }
  return {{"products", shapes}, {"layer_best_gflops", gflop / best_seconds}};
}

int run_gemm(const std::vector<std::string>& words) {
  std::string model;
  std::int64_t threads = 2, rows = 1024;
  double seconds = 0.4;
  CommandLine line("neurosweep_bench_gemm [--model DIR]", "Measures the fp32 GEMM rate of this machine, as JSON.");
  line.option("model", model, "also the products of this checkpoint's layers");
  line.option("threads", threads, "compute threads (default 2)");
  line.option("rows", rows, "tokens in one product of a layer (default 1024)");
  line.option("seconds", seconds, "time for each product (default 0.4)");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return 0;
  if (threads < 1 || rows < 1) throw input_error("--threads and --rows must be at least 1");
  at::set_num_threads(static_cast<int>(threads));
  const Rate pulse = measure_product(1024, 512, 1536, at::ones({512, 1536}), seconds);
  Json result = {
      {"threads", threads}, {"torch", TORCH_VERSION}, {"pulse_gflops", pulse.mean}, {"pulse_best_gflops", pulse.best}};
  if (!model.empty()) result["model"] = model_products(read_arch(model), rows, seconds);
  std::cout << json_text(result) << '\n';
  return 0;
}

}  // namespace
}  // namespace neurosweep

int main(int argc, char** argv) {
  try {
    return neurosweep::run_gemm(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& failure) {
    std::cerr << "neurosweep_bench_gemm: " << failure.what() << '\n';
    return 2;
  }
}
