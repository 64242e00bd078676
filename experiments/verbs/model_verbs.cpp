#include "experiments/verbs/model_verbs.hpp"

#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "experiments/catalog.hpp"
#include "experiments/steer_vectors.hpp"
#include "experiments/verbs/json_lines.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/config/cli.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

namespace {

/// What every verb on one model takes.
struct ModelOptions {
  std::string model;
  std::string dtype = "float32";
  std::int64_t threads = 1;

  void add_to(CommandLine& line) {
    line.option("model", model, "checkpoint folder (config.json, model.safetensors, tokenizer.json)");
    line.option("dtype", dtype, "float32 (default), bfloat16 or float16");
    line.option("threads", threads, "compute threads (default 1)");
  }
  Decoder load() const {
    if (model.empty()) throw input_error("--model DIR is missing");
    if (threads < 1) throw input_error("--threads must be at least 1, found {}", threads);
    at::set_num_threads(static_cast<int>(threads));
    return load_decoder(model, {parse_dtype(dtype, {"--dtype", 0, 0}), at::kCPU});
  }
};

/// How `generate` steers.
struct SteerOptions {
  std::string file, scope = "generated", doubt;
  double strength = 1, cap = 0, full_doubt = 1;
  std::int64_t steps = 0;

  void add_to(CommandLine& line) {
    line.option("steer", file, "steering file (neurosweep export) by which every line is steered");
    line.option("strength", strength, "of steering (default 1)");
    line.option("scope", scope, "tokens steered: generated (default), first (the first --steps of them) or all");
    line.option("steps", steps, "scope 'first': how many");
    line.option("cap", cap, "largest change of an activation (default 0: none)");
    line.option("doubt", doubt, "strength follows the model's doubt: entropy or margin (default: it does not)");
    line.option("full-doubt", full_doubt, "doubt from which on the whole strength acts (default 1)");
  }
  /// Steering of sequences 0 .. n - 1, or none without a file.
  std::optional<Steering> make(const ModelOptions& model, const ArchSpec& arch, std::size_t n) const {
    const bool defaults = strength == 1 && scope == "generated" && doubt.empty() && cap == 0 && steps == 0;
    if (file.empty() && !defaults)
      throw input_error("--strength, --scope, --steps, --cap and --doubt need --steer FILE");
    if (file.empty()) return std::nullopt;
    const SteeringFile steering = read_steering_file(file);
    check_steering_model(steering, file, model.model, hash_checkpoint(model.model));
    const auto vector = std::make_shared<SteeringVector>(steering_vector(steering.pattern));
    const SteerPolicy policy{strength, steer_scope(scope), steps, cap, doubt_kind(doubt), full_doubt};
    std::vector<SteerOrder> orders;
    for (std::size_t i = 0; i < n; ++i) orders.push_back({static_cast<std::int64_t>(i), vector, policy});
    return Steering(orders, arch);
  }
};

Json score_line(const Decoder& decoder, const SequenceLine& line) {
  const auto T = static_cast<std::int64_t>(line.tokens.size());
  if (T == 0) throw input_error("{}: no tokens to score", line.origin);
  const at::NoGradGuard no_grad;
  at::Tensor logits;
  try {
    logits = decoder.forward(padded_tokens({line.tokens}), full_rows(1, T, T)).squeeze(0);
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("{}: {}", line.origin, failure.what()));
  }
  const at::Tensor argmax = logits.argmax(-1).to(at::kCPU).contiguous();
  const at::Tensor logprobs = at::log_softmax(logits, -1).to(at::kCPU);
  Json values = Json::array({nullptr});
  for (std::int64_t t = 1; t < T; ++t) values.push_back(logprobs[t - 1][line.tokens[t]].item<float>());
  const auto* best = argmax.const_data_ptr<std::int64_t>();
  return {{"id", line.id},
          {"tokens", line.tokens},
          {"logprobs", std::move(values)},
          {"argmax", std::vector<std::int64_t>(best, best + T)}};
}

}  // namespace

int run_score(const std::vector<std::string>& words) {
  ModelOptions options;
  CommandLine line(
      "score --model DIR < SEQUENCES.jsonl",
      "Log-probability of every token given those before it, and the most likely next token after each.\n"
      "Reads {\"id\",\"tokens\":[...]} or {\"id\",\"text\"} lines; writes {\"id\",\"tokens\",\"logprobs\",\"argmax\"}\n"
      "lines: logprobs[t] belongs to tokens[t] (null for the first), argmax[t] is the best guess for t + 1.",
      "  echo '{\"id\":1,\"text\":\"2+2=4\"}' | neurosweep score --model experiments/models/reasoner-small");
  options.add_to(line);
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  const Decoder decoder = options.load();
  const auto tokenizer = load_tokenizer_if_any(options.model);
  for (const SequenceLine& sequence : read_sequence_lines(std::cin, tokenizer ? &*tokenizer : nullptr)) {
    std::cout << json_text(score_line(decoder, sequence)) << '\n';
  }
  return exit_status::kComplete;
}

int run_generate(const std::vector<std::string>& words) {
  ModelOptions options;
  std::int64_t max_new_tokens = 64, seed = 1, slots = 32;
  SamplingSpec sampling;
  CommandLine line(
      "generate --model DIR --max-new-tokens N < PROMPTS.jsonl",
      "Continues prompts. Reads {\"id\",\"tokens\":[...]} or {\"id\",\"text\"} lines; writes\n"
      "{\"id\",\"tokens\":[new ones],\"text\"} lines in the same order.",
      "  echo '{\"id\":1,\"text\":\"...\"}' | neurosweep generate --model experiments/models/reasoner-small\n"
      "  neurosweep generate --model DIR --steer steer.json --strength 0.5 < PROMPTS.jsonl");
  options.add_to(line);
  SteerOptions steer;
  steer.add_to(line);
  line.option("max-new-tokens", max_new_tokens, "longest continuation (default 64)");
  line.option("temperature", sampling.temperature, "of sampling (default 0: greedy)");
  line.option("top-p", sampling.top_p, "share of probability that is sampled from (default 1)");
  line.option("seed", seed, "of sampling; each line has a random stream of its own (default 1)");
  line.option("slots", slots, "sequences decoded together (default 32)");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  const Decoder decoder = options.load();
  const auto tokenizer = load_tokenizer_if_any(options.model);
  const auto lines = read_sequence_lines(std::cin, tokenizer ? &*tokenizer : nullptr);
  std::vector<GenerationRequest> requests;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string content = fmt::format("generate|{}|{}", i, json_text(lines[i].id));
    requests.push_back({lines[i].tokens, derive_seed(static_cast<std::uint64_t>(seed), content), max_new_tokens});
  }
  auto steering = steer.make(options, decoder.arch(), lines.size());
  const auto generations = generate(decoder, requests, sampling, slots, steering ? &*steering : nullptr);
  if (steering) steering->check_applied();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Json out = {{"id", lines[i].id}, {"tokens", generations[i].tokens}};
    if (tokenizer) out["text"] = tokenizer->decode(generations[i].tokens, SkipSpecialTokens::yes);
    std::cout << json_text(out) << '\n';
  }
  return exit_status::kComplete;
}

int run_tokenize(const std::vector<std::string>& words) {
  std::string model;
  bool decode = false, plain = false;
  CommandLine line(
      "tokenize --model DIR [--decode] < LINES.jsonl",
      "Texts to token ids and back: {\"id\",\"text\"} lines to {\"id\",\"tokens\"} lines, or with --decode\n"
      "the other way.",
      "  echo '{\"id\":1,\"text\":\"a b\"}' | neurosweep tokenize --model experiments/models/reasoner-small");
  line.option("model", model, "folder with tokenizer.json");
  line.flag("decode", decode, "token ids to text");
  line.flag("plain", plain, "add no special tokens; keep them in decoded text");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (model.empty()) throw input_error("--model DIR is missing");
  const Tokenizer tokenizer = Tokenizer::load(model);
  for_each_json_line(std::cin, [&](const Json& json, const std::string& origin) {
    Json out = {{"id", json.value("id", Json())}};
    if (decode) {
      const auto tokens = require<std::vector<std::int64_t>>(json, "tokens", origin);
      out["text"] = tokenizer.decode(tokens, plain ? SkipSpecialTokens::no : SkipSpecialTokens::yes);
    } else {
      const auto text = require<std::string>(json, "text", origin);
      out["tokens"] = tokenizer.encode(text, plain ? AddSpecialTokens::no : AddSpecialTokens::yes);
    }
    std::cout << json_text(out) << '\n';
  });
  return exit_status::kComplete;
}

}  // namespace neurosweep
