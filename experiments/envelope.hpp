#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of an envelope experiment.
struct EnvelopeKeys {
  std::string kind, name;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t items = 0;
  std::string neurons;
  std::int64_t top = 50;
  double outside = 0.01;
  double temperature = 0;
  double top_p = 1;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 20;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required(
        "neurons", neurons,
        "the earlier experiment whose critical sets are measured, or \"all\", up to 1,000,000 over all models; a "
        "constrain experiment takes fewer");
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks whose successful replies are permitted; []: all");
    v.optional("items", items, "items of each task, of the identify split; 0: all of it", kNotNegative);
    v.optional("top", top, "neurons: the first of each set", kPositive);
    v.optional("outside", outside,
               "share of the successful replies that may go beyond a bound: it is that quantile of their extremes",
               Range{0, 0.5});
    v.optional("temperature", temperature, "of sampling, one reply an item; 0: greedy", kNotNegative);
    v.optional("top_p", top_p, "share of probability that is sampled from", Range{1e-6, 1});
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }
};

/// Between which activations chosen neurons stay, over the tokens of successful replies: envelopes for a policy.
std::unique_ptr<Experiment> make_envelope(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
