#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of an identify experiment.
struct IdentifySpec {
  std::string kind, name;
  std::string from;
  std::string method = "contrast";
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t top = 50;
  bool polarity = true;
  std::int64_t seed_no = 0;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from, "the trace experiment whose attempts are contrasted");
    v.optional("method", method, "how neurons are chosen: contrast or random");
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("top", top, "neurons selected, by |contrast|", kPositive);
    v.optional("polarity", polarity, "keep only neurons whose mean changes sign between success and failure");
    v.optional("seed_no", seed_no, "which draw of random neurons", kNotNegative);
  }
};

/// Neurons and directions found in traces, by contrast of success and failure paired by prompt, or drawn at random to
/// match it. Measures nothing itself.
std::unique_ptr<Experiment> make_identify(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
