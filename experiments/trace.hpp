#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"
#include "framework/measure/attempts.hpp"

namespace neurosweep {

/// Keys of a trace experiment.
struct TraceSpec {
  std::string kind, name;
  Selection selection{{}, {}, "identify", 40};
  std::int64_t attempts = 8;
  std::int64_t stop_after = 0;
  double temperature = 1.0;
  double top_p = 1.0;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 8;
  bool keep_last = false;
  bool geometry = false;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    selection.visit_keys(v);
    v.optional("attempts", attempts, "attempts at each item", kPositive);
    v.optional("stop_after", stop_after,
               "no further attempts at an item that has as many correct and as many incorrect ones; 0: make them all",
               kNotNegative);
    v.optional("temperature", temperature, "of sampling; 0: greedy", kNotNegative);
    v.optional("top_p", top_p, "share of probability that is sampled from", Range{1e-6, 1});
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
    v.optional("keep_last", keep_last, "keep the activations at the last token of each attempt too, for probes");
    v.optional("geometry", geometry, "measure how straight each attempt's residual stream runs through the layers");
  }
};

/// Attempts at reasoning, graded, each with the mean activation of every neuron over its generated tokens. They are
/// made in waves, so that stop_after can leave an item early; the waves of a unit follow from its items and grades
/// alone, and an attempt from its item and number, so that slots and ranks change nothing.
std::unique_ptr<Experiment> make_trace(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
