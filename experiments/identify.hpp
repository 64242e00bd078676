#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {

inline constexpr const char* kContrastMethod = "contrast";
inline constexpr const char* kProbeMethod = "probe";
inline constexpr const char* kAttributionMethod = "attribution";
inline constexpr const char* kRandomMethod = "random";

/// Keys of an identify experiment.
struct IdentifySpec {
  std::string kind, name;
  std::string from;
  std::string method = kContrastMethod;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t top = 50;
  bool polarity = true;
  std::int64_t seed_no = 0;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from,
               "the trace experiment that neurons are found in; attribution: the race whose screen is read");
    v.optional("method", method, "contrast, probe (needs keep_last in the traces), attribution or random");
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("top", top, "neurons selected", kPositive);
    v.optional("polarity", polarity, "contrast: keep only neurons whose mean changes sign between success and failure");
    v.optional("seed_no", seed_no, "which draw of random neurons", kNotNegative);
  }
};

/// Reads and checks the keys.
IdentifySpec read_identify(const ExperimentSpec& spec, const StudySpec& study);

/// What the contrast needs to know of them.
ContrastSpec contrast_of(const IdentifySpec& keys);

/// Neurons and directions found in traces, by contrast of success and failure paired by prompt, by an L1 probe, or
/// drawn at random to match the contrast; or neurons by first-order attribution, which has no direction. Measures
/// nothing itself.
std::unique_ptr<Experiment> make_identify(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
