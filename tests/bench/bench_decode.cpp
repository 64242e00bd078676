// Greedy generation without interventions, with a different single-neuron intervention in every sequence, and with a
// steering vector on all neurons; plain and edited runs alternate in one process, so that the ratio is paired.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "framework/base/error.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/intervene/constraints.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/intervene/monitor_reader.hpp"
#include "framework/intervene/steering.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/safetensors.hpp"

namespace neurosweep {
namespace {

constexpr double kNoCap = std::numeric_limits<double>::infinity();

using Clock = std::chrono::steady_clock;

/// {"kind": "steer", "prompts": [{"context"}], "new_tokens", "vectors"}: the vectors' file lies beside the job.
struct SteerJob {
  std::vector<std::vector<std::int64_t>> prompts;
  std::int64_t new_tokens = 0;
  std::vector<at::Tensor> vectors;  ///< [M] of every layer
};

SteerJob read_steer_job(const std::string& path, const ArchSpec& arch) {
  const Json json = read_json(path);
  SteerJob job;
  job.new_tokens = require<std::int64_t>(json, "new_tokens", path);
  for (const Json& prompt : require<Json>(json, "prompts", path)) {
    job.prompts.push_back(require<std::vector<std::int64_t>>(prompt, "context", path));
  }
  if (job.prompts.empty()) throw input_error("{}: no prompts", path);
  const auto beside = std::filesystem::path(path).parent_path() / require<std::string>(json, "vectors", path);
  const auto file = SafetensorsFile::open(beside.string());
  for (std::int64_t l = 0; l < arch.L; ++l) job.vectors.push_back(file.tensor(fmt::format("layers.{}", l)));
  return job;
}

/// Adds a vector to the neurons of every layer, as the peers' hook does.
class AddVectors final : public ActivationHook {
 public:
  explicit AddVectors(const std::vector<at::Tensor>& vectors) : vectors_(vectors) {}
  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows&) override {
    x.add_(vectors_[static_cast<std::size_t>(to_int(layer))]);
  }

 private:
  const std::vector<at::Tensor>& vectors_;
};

/// Sets one neuron to zero in every sequence, another one in each; the layers take turns.
std::vector<Intervention> one_each(std::int64_t sequences, const ArchSpec& arch) {
  std::vector<Intervention> set;
  for (std::int64_t s = 0; s < sequences; ++s) {
    const NeuronId neuron{LayerIndex(s % arch.L), NeuronIndex((s * 977 + 13) % arch.M)};
    set.push_back({s, neuron, InterventionKind::zero, 0, Span::all});
  }
  return set;
}

/// The steering vectors as data: one `add` a neuron and sequence.
std::vector<Intervention> add_each(std::int64_t sequences, const SteerJob& job) {
  std::vector<Intervention> set;
  for (std::int64_t s = 0; s < sequences; ++s) {
    for (std::size_t l = 0; l < job.vectors.size(); ++l) {
      const float* values = job.vectors[l].const_data_ptr<float>();
      for (std::int64_t i = 0; i < job.vectors[l].numel(); ++i) {
        set.push_back({s, {LayerIndex(l), NeuronIndex(i)}, InterventionKind::add, values[i], Span::all});
      }
    }
  }
  return set;
}

/// 50 neurons, spread over the layers.
std::vector<NeuronId> pushed_neurons(const ArchSpec& arch) {
  std::vector<NeuronId> neurons;
  for (std::int64_t k = 0; k < 50; ++k) {
    neurons.push_back({LayerIndex(k % arch.L), NeuronIndex((k * 977 + 13) % arch.M)});
  }
  return neurons;
}

/// Pushes those of every sequence; strength follows the model's doubt or not.
std::vector<SteerOrder> push_each(std::int64_t sequences, const ArchSpec& arch, Doubt doubt) {
  SteeringVector vector;
  for (const NeuronId& id : pushed_neurons(arch)) vector.push_back({id, 0.1F, 0, 0});
  const auto shared = std::make_shared<const SteeringVector>(std::move(vector));
  std::vector<SteerOrder> orders;
  for (std::int64_t s = 0; s < sequences; ++s) {
    orders.push_back({s, shared, {}});
    orders.back().policy.doubt = doubt;
  }
  return orders;
}

/// Neurons spread over the layers.
std::vector<NeuronId> spread_neurons(std::int64_t n, const ArchSpec& arch) {
  std::vector<NeuronId> neurons;
  for (std::int64_t k = 0; k < n; ++k) {
    neurons.push_back({LayerIndex(k % arch.L), NeuronIndex(k / arch.L * 97 % arch.M)});
  }
  return neurons;
}

/// Envelopes of neurons, and a cap on steering, for every sequence.
std::vector<PolicyOrder> limit_each(std::int64_t sequences, const std::vector<NeuronId>& neurons, double size,
                                    double cap) {
  Policy policy;
  for (const NeuronId& id : neurons) policy.limits.push_back({id, -size, size});
  policy.steering_cap = cap;
  const auto shared = std::make_shared<const Policy>(std::move(policy));
  std::vector<PolicyOrder> orders;
  for (std::int64_t s = 0; s < sequences; ++s) orders.push_back({s, shared});
  return orders;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

enum class Meter { wall, cpu };

/// Seconds of the clock, or of computing by all threads of this process.
double seconds_of(Meter meter) {
  if (meter == Meter::wall) return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class DecodeBench {
 public:
  DecodeBench(const Decoder& decoder, const SteerJob& job, std::int64_t pairs, Meter meter)
      : decoder_(decoder), job_(job), pairs_(pairs), meter_(meter) {}

  /// One comparison of `sequences` sequences at once, with the hook and with another or none. Keeps the tokens under
  /// `name`.
  Json compare(const std::string& name, std::int64_t sequences, ActivationHook& hook, ActivationHook* other = nullptr) {
    std::vector<GenerationRequest> requests;
    for (std::int64_t s = 0; s < sequences; ++s) {
      requests.push_back({job_.prompts[static_cast<std::size_t>(s) % job_.prompts.size()], 0, job_.new_tokens});
    }
    const auto run = [&](ActivationHook* with, std::vector<Generation>& made) {
      const double begin = seconds_of(meter_);
      made = generate(decoder_, requests, {}, sequences, with);
      return seconds_of(meter_) - begin;
    };
    std::vector<double> plain, edited, ratio;
    std::vector<Generation> plain_made, edited_made;
    for (std::int64_t pair = -1; pair < pairs_; ++pair) {  // the first pair warms up
      const bool edited_first = pair % 2 == 0;
      const double first = edited_first ? run(&hook, edited_made) : run(other, plain_made);
      const double second = edited_first ? run(other, plain_made) : run(&hook, edited_made);
      if (pair < 0) continue;
      plain.push_back(edited_first ? second : first);
      edited.push_back(edited_first ? first : second);
      ratio.push_back(plain.back() / edited.back());
    }
    keep_tokens(other == nullptr ? "plain" : "other", plain_made);
    keep_tokens(name, edited_made);
    const auto tokens = static_cast<double>(sequences * job_.new_tokens);
    return {{"name", name},
            {"sequences", sequences},
            {"new_tokens", job_.new_tokens},
            {"plain_tokens_per_s", tokens / median(plain)},
            {"edited_tokens_per_s", tokens / median(edited)},
            {"edited_over_plain", median(ratio)},
            {"edited_over_plain_all", ratio},
            {"plain_seconds", plain},
            {"edited_seconds", edited}};
  }

  const std::vector<Json>& tokens() const { return tokens_; }

 private:
  void keep_tokens(const std::string& name, const std::vector<Generation>& made) {
    for (std::size_t s = 0; s < made.size(); ++s) {
      if (static_cast<std::int64_t>(made[s].tokens.size()) != job_.new_tokens) {
        throw input_error("sequence {} ended after {} of {} tokens: the model's context is too short for this job", s,
                          made[s].tokens.size(), job_.new_tokens);
      }
      tokens_.push_back({{"run", name}, {"sequences", made.size()}, {"prompt", s}, {"tokens", made[s].tokens}});
    }
  }

  const Decoder& decoder_;
  const SteerJob& job_;
  std::int64_t pairs_;
  Meter meter_;
  std::vector<Json> tokens_;
};

double peak_rss_mb() {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  return static_cast<double>(now.ru_maxrss) / 1024.0;
}

int run_decode(const std::vector<std::string>& words) {
  std::string model, job_path, out, summary;
  std::int64_t threads = 2, pairs = 3;
  std::vector<std::string> sizes;
  bool cpu_time = false;
  CommandLine line("neurosweep_bench_decode --model DIR --job STEER.json",
                   "Times greedy generation plain, with interventions and steered.");
  line.option("model", model, "checkpoint folder");
  line.option("job", job_path, "steering job");
  line.option("sequences", sizes, "sequences at once, may be repeated (default 16 and 64)");
  line.option("threads", threads, "compute threads (default 2)");
  line.option("pairs", pairs, "plain and edited runs of each comparison (default 3)");
  line.flag("cpu-time", cpu_time, "time by seconds of computing, not by the clock: for one thread on a busy machine");
  line.option("out", out, "tokens, JSON lines");
  line.option("summary", summary, "rates as JSON (also printed)");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return 0;
  if (model.empty() || job_path.empty()) throw input_error("--model DIR and --job STEER.json are needed");
  if (threads < 1 || pairs < 1) throw input_error("--threads and --pairs must be at least 1");
  if (sizes.empty()) sizes = {"16", "64"};
  at::set_num_threads(static_cast<int>(threads));

  const auto load_begin = Clock::now();
  ArchSpec arch = read_arch(model);
  Weights weights = read_weights(model, arch);
  arch.eos.clear();  // every sequence runs to its full length
  const Decoder decoder(arch, std::move(weights));
  const double load_seconds = std::chrono::duration<double>(Clock::now() - load_begin).count();
  const SteerJob job = read_steer_job(job_path, arch);

  DecodeBench bench(decoder, job, pairs, cpu_time ? Meter::cpu : Meter::wall);
  Json comparisons = Json::array();
  for (const std::string& size : sizes) {
    const std::int64_t sequences = std::stoll(size);
    InterventionSet single(one_each(sequences, arch), arch);
    comparisons.push_back(bench.compare("one-neuron-each", sequences, single));
  }
  const auto prompts = static_cast<std::int64_t>(job.prompts.size());
  Steering pushed(push_each(prompts, arch, Doubt::ignored), arch),
      doubting(push_each(prompts, arch, Doubt::margin), arch);
  comparisons.push_back(bench.compare("steered-50-neurons", prompts, pushed));
  comparisons.push_back(bench.compare("steered-50-neurons-by-doubt", prompts, doubting));
  const auto limited = spread_neurons(50, arch), watched = spread_neurons(128, arch);
  Constraints loose(limit_each(prompts, limited, 1e6, kNoCap), {}, arch, decoder.dtype()),
      tight(limit_each(prompts, limited, 0.1, kNoCap), {}, arch, decoder.dtype());
  comparisons.push_back(bench.compare("constrained-50-neurons-kept", prompts, loose));
  comparisons.push_back(bench.compare("constrained-50-neurons-enforced", prompts, tight));
  Constraints capped(limit_each(prompts, limited, 0.1, 0.01), {&pushed, pushed_neurons(arch)}, arch, decoder.dtype());
  comparisons.push_back(bench.compare("steered-and-constrained-over-steered", prompts, capped, &pushed));
  MonitorReader monitor(watched, 4, arch);
  comparisons.push_back(bench.compare("monitored-128-neurons", prompts, monitor));
  AddVectors dense(job.vectors);
  comparisons.push_back(bench.compare("steered-hook", prompts, dense));
  InterventionSet sparse(add_each(prompts, job), arch);
  comparisons.push_back(bench.compare("steered-interventions", prompts, sparse));

  const Json result = {{"peer", "neurosweep"},
                       {"threads", threads},
                       {"load_seconds", load_seconds},
                       {"peak_rss_mb", peak_rss_mb()},
                       {"comparisons", comparisons}};
  if (!out.empty()) {
    std::ofstream file(out, std::ios::binary);
    for (const Json& row : bench.tokens()) file << json_text(row) << '\n';
    if (!file.flush()) throw error(ErrorKind::io, "{}: cannot be written", out);
  }
  if (!summary.empty()) {
    std::ofstream file(summary, std::ios::binary);
    file << json_text(result, 1) << '\n';
    if (!file.flush()) throw error(ErrorKind::io, "{}: cannot be written", summary);
  }
  std::cout << json_text(result, 1) << '\n';
  return 0;
}

}  // namespace
}  // namespace neurosweep

int main(int argc, char** argv) {
  try {
    return neurosweep::run_decode(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& failure) {
    std::cerr << "neurosweep_bench_decode: " << failure.what() << '\n';
    return 2;
  }
}
