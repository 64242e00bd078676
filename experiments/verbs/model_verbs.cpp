#include "experiments/verbs/model_verbs.hpp"

#include <iostream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "experiments/steer_vectors.hpp"
#include "experiments/verbs/json_lines.hpp"
#include "experiments/verbs/model_options.hpp"
#include "framework/base/error.hpp"
#include "framework/intervene/constraints.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/weights.hpp"
#include "framework/steer/policy_file.hpp"

namespace neurosweep {

namespace {

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
  /// Steering of sequences 0 .. n - 1, or none without a file; adds the neurons that it acts on.
  std::optional<Steering> make(const ModelOptions& model, const ArchSpec& arch, std::size_t n,
                               std::vector<NeuronId>& touched) const {
    const bool defaults = strength == 1 && scope == "generated" && doubt.empty() && cap == 0 && steps == 0;
    if (file.empty() && !defaults)
      throw input_error("--strength, --scope, --steps, --cap and --doubt need --steer FILE");
    if (file.empty()) return std::nullopt;
    const SteeringFile steering = read_steering_file(file);
    check_steering_model(steering, file, model.model, hash_checkpoint(model.model));
    const auto vector = std::make_shared<SteeringVector>(steering_vector(steering.pattern));
    for (const SteeredNeuron& neuron : *vector) touched.push_back(neuron.id);
    const SteerPolicy policy{strength, steer_scope(scope), steps, cap, doubt_kind(doubt), full_doubt};
    std::vector<SteerOrder> orders;
    for (std::size_t i = 0; i < n; ++i) orders.push_back({static_cast<std::int64_t>(i), vector, policy});
    return Steering(orders, arch);
  }
};

/// The policy that `generate` keeps to.
struct PolicyOptions {
  std::string file;

  void add_to(CommandLine& line) {
    line.option("policy", file,
                "policy file (neurosweep policy) that every line keeps to; adds \"enforced\" "
                "(neuron null: the layer, for a cap or for neurons beyond the first 1000)");
  }
  /// Constraints of sequences 0 .. n - 1 around what acts on them, or none without a file.
  std::optional<Constraints> make(const ModelOptions& model, const Decoder& decoder, std::size_t n,
                                  Guarded guarded) const {
    if (file.empty()) return std::nullopt;
    const PolicyFile read = read_policy_file(file);
    check_policy_model(read, file, model.model, hash_checkpoint(model.model));
    const auto policy = std::make_shared<const Policy>(read.policy);
    std::vector<PolicyOrder> orders;
    for (std::size_t i = 0; i < n; ++i) orders.push_back({static_cast<std::int64_t>(i), policy});
    return Constraints(orders, std::move(guarded), decoder.arch(), decoder.dtype());
  }
};

Json enforced_json(const std::vector<Enforcement>& log, std::int64_t sequence) {
  Json list = Json::array();
  for (const Enforcement& each : log) {
    if (each.sequence != sequence) continue;
    list.push_back({{"rule", rule_name(each.rule)},
                    {"layer", each.layer},
                    {"neuron", each.neuron < 0 ? Json(nullptr) : Json(each.neuron)},
                    {"times", each.times},
                    {"first_position", each.first_position},
                    {"largest", each.largest}});
  }
  return list;
}

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
  GenerateOptions how;
  CommandLine line(
      "generate --model DIR --max-new-tokens N < PROMPTS.jsonl",
      "Continues prompts. Reads {\"id\",\"tokens\":[...]} or {\"id\",\"text\"} lines; writes\n"
      "{\"id\",\"tokens\":[new ones],\"text\"} lines in the same order.",
      "  echo '{\"id\":1,\"text\":\"...\"}' | neurosweep generate --model experiments/models/reasoner-small\n"
      "  neurosweep generate --model DIR --steer steer.json --policy policy.toml < PROMPTS.jsonl");
  options.add_to(line);
  SteerOptions steer;
  steer.add_to(line);
  PolicyOptions policy;
  policy.add_to(line);
  how.add_to(line);
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  const Decoder decoder = options.load();
  const auto tokenizer = load_tokenizer_if_any(options.model);
  const auto lines = read_sequence_lines(std::cin, tokenizer ? &*tokenizer : nullptr);
  std::vector<NeuronId> touched;
  auto steering = steer.make(options, decoder.arch(), lines.size(), touched);
  ActivationHook* hook = steering ? &*steering : nullptr;
  auto constraints = policy.make(options, decoder, lines.size(), {hook, touched});
  if (constraints) hook = &*constraints;
  const auto generations = generate(decoder, how.requests(lines), how.sampling, how.slots, hook);
  if (steering) steering->check_applied();
  const auto log = constraints ? constraints->log() : std::vector<Enforcement>{};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Json out = {{"id", lines[i].id}, {"tokens", generations[i].tokens}};
    if (tokenizer) out["text"] = tokenizer->decode(generations[i].tokens, SkipSpecialTokens::yes);
    if (constraints) out["enforced"] = enforced_json(log, static_cast<std::int64_t>(i));
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
