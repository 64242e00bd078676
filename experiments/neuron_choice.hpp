#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/catalog.hpp"
#include "experiments/experiment.hpp"
#include "framework/base/ids.hpp"

namespace neurosweep {

inline constexpr const char* kAllNeurons = "all";

/// Every neuron of a model, by layer.
std::vector<NeuronId> all_neurons(const ArchSpec& arch);

/// Most members that a round's plan may have. Every rank gets and reads it as one text: of so many 77 MB and 8 s, in
/// 1 GB of memory.
inline constexpr std::int64_t kMostMembers = 1'000'000;

/// Fails for a plan of more members.
///   remedy  what to do then
///   throws  Error{input}
void check_members(std::int64_t members, const std::string& experiment, const char* remedy);

/// The best `top` neurons of a model in each of the named sets of an experiment, each once, by layer.
///   sets  tasks, or kAllTasks for the pool; a set that is not stored adds nothing
std::vector<NeuronId> best_neurons(const Database& db, const std::string& experiment, const std::string& model,
                                   const std::vector<std::string>& sets, std::int64_t top);

/// Random control neurons with the layer shares of `candidates`, by layer; deterministic from the seed.
/// They are no candidates themselves, unless the candidates are all neurons.
std::vector<NeuronId> draw_controls(const std::vector<NeuronId>& candidates, const ArchSpec& arch, std::int64_t count,
                                    std::uint64_t seed);

/// Mean activation of every neuron over all traces of a model in a trace experiment, [L * M].
///   throws  Error{input} when it left no trace with activations
std::vector<float> reference_means(const Database& db, const std::string& trace_experiment, const std::string& model);

/// How an intervention of a study is written: kind, value, span, and for kind "mean" where the means come from.
struct InterventionKeys {
  std::string op = "zero";
  double value = 0;
  std::string span = "all";
  std::string mean_from;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.optional("op", op, "zero, mean, scale, add or set");
    v.optional("value", value, "of scale (factor), add or set (activation)");
    v.optional("span", span, "tokens acted on: all, prompt, generated or last (of the prompt)");
    v.optional("mean_from", mean_from, "op 'mean': the trace experiment whose mean activations are set");
  }

  /// Checks the words and the reference to an earlier trace experiment.
  void check(const StudySpec& study, const ExperimentSpec& spec) const;

  /// Value of every neuron of a model, [L * M], or empty where all share `value`.
  std::vector<float> values(const Database& so_far, const std::string& model) const;
};

}  // namespace neurosweep
