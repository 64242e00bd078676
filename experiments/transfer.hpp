#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

inline constexpr Range kTransferSamples{20, 1e6};
inline constexpr Range kTransferCandidates{1, 1024};
inline constexpr Range kTransferRidge{0, 1e6};

/// Keys of a transfer experiment.
struct TransferKeys {
  std::string kind, name;
  std::string donor;
  std::string receiver;
  std::vector<std::string> sources;
  std::vector<std::string> tasks;
  std::string split = "identify";
  std::int64_t items = 100;
  std::int64_t top = 50;
  std::vector<std::string> maps;
  bool shuffled = true;
  bool random = true;
  std::string align = "characters";
  std::string layers = "paired";
  std::int64_t samples = 4096;
  std::int64_t candidates = 16;
  double ridge = 0.01;
  std::int64_t items_per_unit = 20;
  std::int64_t layers_per_unit = 4;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("donor", donor, "model that something was found on");
    v.required("receiver", receiver, "model that gets it; of any shape, architecture and tokenizer");
    v.required("sources", sources,
               "earlier experiments whose sets, directions or templates on the donor are mapped; each map of each is "
               "then used as from = \"EXPERIMENT/MAP/SOURCE\"");
    v.optional("tasks", tasks, "tasks whose correct completions both models read, and whose sets are mapped; []: all");
    v.optional("split", split, "items used: identify, validate, test or all");
    v.optional("items", items, "items of each task, drawn by the study's seed; 0: all of the split", kNotNegative);
    v.optional("top", top, "neurons of each set that are mapped, the most important; 0: all", kNotNegative);
    v.optional("maps", maps, "identity (models of one shape), matching, ridge, procrustes; []: all that can be made");
    v.optional("shuffled", shuffled,
               "true: also MAP-shuffled, the control: each map fitted on samples whose pairing was dealt anew");
    v.optional("random", random,
               "true: also the source \"random SOURCE\", the control: as many random neurons of the same donor layers, "
               "pushed as "
               "far, or pulled as far from their means");
    v.optional("align", align,
               "a sample is: characters (two tokens that end at the same one) or means (of a whole completion)");
    v.optional("layers", layers, "neurons are matched between: paired (layers, by CKA) or all (pairs of layers)");
    v.optional("samples", samples, "most samples that maps are made of, spread evenly", kTransferSamples);
    v.optional("candidates", candidates, "partners considered for each donor neuron", kTransferCandidates);
    v.optional("ridge", ridge, "penalty of the map `ridge`, as a share of the mean variance of a coordinate",
               kTransferRidge);
    v.optional("items_per_unit", items_per_unit, "items in one batch for CKA", kPositive);
    v.optional("layers_per_unit", layers_per_unit,
               "receiver layers in one unit of work; it holds the samples of so many layers of each model at a time",
               kPositive);
  }
};

/// Maps between two models, and what they make of the donor's neurons, directions and templates on the receiver.
/// Round 0 compares layers by CKA; round 1 fits the maps between paired layers, a few layers a unit; the reducer
/// matches neurons.
std::unique_ptr<Experiment> make_transfer(const ExperimentSpec& spec, const StudySpec& study);

/// Fails where neurons cannot stay what they are.
///   where   what the message starts with
///   throws  Error{input}: the models have other numbers of layers or neurons
void need_one_shape(const ModelRow& a, const ModelRow& b, const std::string& where);

/// The experiment whose result on the donor became `name` = EXPERIMENT/MAP/SOURCE; none when `transfer` makes no such
/// thing. Whether the models have one shape, as identity needs, the transfer's check() tells.
std::optional<std::string> source_of_product(const ExperimentSpec& transfer, const std::string& name);

/// What `transfer` makes, to say that `name` is none of it; none for a name that does not begin like what it makes.
std::optional<std::string> what_it_makes(const ExperimentSpec& transfer, const std::string& name);

}  // namespace neurosweep
