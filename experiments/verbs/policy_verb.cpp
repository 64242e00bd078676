#include "experiments/verbs/policy_verb.hpp"

#include <iostream>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/cli.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/steer/policy_file.hpp"

namespace neurosweep {

int run_policy(const std::vector<std::string>& words) {
  std::string dir, experiment, model, task = kAllTasks, out;
  double cap = -1;
  CommandLine line(
      "policy DIR --experiment NAME --model NAME [options]",
      "The envelopes of an envelope experiment as a policy file: the activations between which chosen neurons stay in\n"
      "successful replies, and the checkpoint that they belong to. Edit it freely: framework/steer/policy_file.hpp "
      "has\n"
      "the format. Read by `generate --policy` and by constrain experiments (policy = ...).",
      "  neurosweep policy study-constrain --experiment envelope --model small --out policy.toml");
  line.positional("DIR", dir, "result folder");
  line.option("experiment", experiment, "the envelope experiment");
  line.option("model", model, "model of the study");
  line.option("task", task, "whose replies; '*', the default, is all tasks together");
  line.option("steering-cap", cap, "also cap steering at this share of a layer's activation (default: no cap)");
  line.option("out", out, "file to write (default: standard output)");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  if (experiment.empty() || model.empty()) throw input_error("policy needs --experiment and --model");
  const auto db = Database::open_results(dir, Database::Access::read);
  PolicyFile file = make_policy_file(db, experiment, model, task);
  if (cap >= 0) file.policy.steering_cap = cap;
  if (out.empty()) {
    std::cout << policy_text(file);
    return exit_status::kComplete;
  }
  write_text_file(out, policy_text(file));
  std::cout << fmt::format("{}: envelopes of {} neurons ('{}')\n", out, file.policy.limits.size(), experiment);
  return exit_status::kComplete;
}

}  // namespace neurosweep
