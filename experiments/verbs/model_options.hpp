#pragma once

#include <string>

#include <ATen/Parallel.h>

#include "experiments/catalog.hpp"
#include "experiments/verbs/json_lines.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/config/cli.hpp"
#include "framework/model/decoder.hpp"
#include "framework/model/generate.hpp"

namespace neurosweep {

/// What every verb on a model takes.
struct ModelOptions {
  std::string model;
  std::string dtype = "float32";
  std::int64_t threads = 1;

  void add_to(CommandLine& line) {
    line.option("model", model, "checkpoint folder (config.json, model.safetensors, tokenizer.json)");
    add_compute_to(line);
  }
  void add_compute_to(CommandLine& line) {
    line.option("dtype", dtype, "float32 (default), bfloat16 or float16");
    line.option("threads", threads, "compute threads (default 1)");
  }
  Decoder load() const {
    if (model.empty()) throw input_error("--model DIR is missing");
    return load(model);
  }
  Decoder load(const std::string& dir) const {
    if (threads < 1) throw input_error("--threads must be at least 1, found {}", threads);
    at::set_num_threads(static_cast<int>(threads));
    return load_decoder(dir, {parse_dtype(dtype, {"--dtype", 0, 0}), at::kCPU});
  }
};

/// How the verbs that continue prompts do it.
struct GenerateOptions {
  std::int64_t max_new_tokens = 64, seed = 1, slots = 32;
  SamplingSpec sampling;

  void add_to(CommandLine& line) {
    line.option("max-new-tokens", max_new_tokens, "longest continuation (default 64)");
    line.option("temperature", sampling.temperature, "of sampling (default 0: greedy)");
    line.option("top-p", sampling.top_p, "share of probability that is sampled from (default 1)");
    line.option("seed", seed, "of sampling; each line has a random stream of its own (default 1)");
    line.option("slots", slots, "sequences decoded together (default 32)");
  }
  std::vector<GenerationRequest> requests(const std::vector<SequenceLine>& lines) const {
    std::vector<GenerationRequest> made;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string content = fmt::format("generate|{}|{}", i, json_text(lines[i].id));
      made.push_back({lines[i].tokens, derive_seed(static_cast<std::uint64_t>(seed), content), max_new_tokens});
    }
    return made;
  }
};

}  // namespace neurosweep
