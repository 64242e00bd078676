#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/catalog.hpp"
#include "framework/config/json.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/measure/suffix_sweep.hpp"
#include "framework/store/database.hpp"
#include "framework/store/unit_rows.hpp"

namespace neurosweep {

/// A piece of work that one rank does alone. Its content fixes its batches and seeds.
struct WorkUnit {
  std::string model;
  std::string task;
  std::vector<std::string> items;  ///< ids
  std::int64_t first_arm = 0;      ///< arms [first_arm, first_arm + n_arms) of the plan
  std::int64_t n_arms = 0;
  std::vector<std::string> texts = {};  ///< that the unit works on beside its items
};

/// One round of an experiment: a pure function of the study and of merged results.
struct Plan {
  std::string experiment;
  std::string kind;
  std::int64_t round_no = 0;
  std::vector<ArmRow> arms;
  std::vector<SetMemberRow> members;
  std::vector<WorkUnit> units;
  std::vector<SteerArmRow> steer_arms = {};
  std::vector<SteerGateRow> gates = {};
};

std::string plan_to_text(const Plan& plan);
Plan plan_from_text(const std::string& text);

/// What a part of a study will cost, by model.
struct Forecast {
  struct Work {
    std::int64_t units = 0;
    std::int64_t reloads = 0;             ///< of the model from its checkpoint, within units
    std::int64_t forwards = 0;            ///< sequences passed through the model, interventions included
    double forward_tokens = 0;            ///< tokens through all layers in teacher-forced batches
    double sweep_tokens = 0;              ///< tokens of every arm of a sweep, which runs the layers from its neuron on
    double prompt_tokens = 0;             ///< tokens of prompts that are then continued
    double generated_tokens = 0;          ///< tokens decoded one by one
    double decode_steps = 0;              ///< forwards that decode, one token of every busy slot each
    std::vector<ReferenceText> examples;  ///< some of its texts, to time a little of it

    /// Adds a text to the examples unless they are enough already.
    void add_example(const ReferenceText& text);
    struct Decoding {
      std::int64_t count = 1;    ///< replies to each text
      std::int64_t longest = 0;  ///< tokens of a reply, at most
      std::int64_t slots = 1;    ///< sequences decoded together
      std::int64_t reply = 0;    ///< tokens of a typical reply; 0: as many as the text's correct completion
    };
    /// Adds what one unit decodes.
    void add_decoding(const std::vector<ReferenceText>& texts, const Decoding& how);
  };
  std::map<std::string, Work> by_model;
  double result_bytes = 0;
  bool upper_bound = false;  ///< the true plan depends on results that are not there yet

  // How the work is done:
  SweepArm arm;                     ///< an arm of a sweep, for its kind and span
  std::int64_t rows = 64;           ///< arms in one forward
  std::int64_t unit_arms = 512;     ///< arms in one unit
  std::int64_t slots = 64;          ///< sequences decoded together
  std::int64_t unit_sequences = 1;  ///< sequences that a unit decodes
  KeepMeans means = KeepMeans::no;  ///< of neurons while decoding
  SamplingSpec sampling;
};

/// Forwards that decode sequences of these lengths in order, when a free slot takes the next one.
double decode_steps(const std::vector<std::int64_t>& lengths, std::int64_t slots);

/// A kind of experiment with its settings read. Extending neurosweep by one is a file and a line in registry.cpp.
class Experiment {
 public:
  virtual ~Experiment() = default;
  /// Throws Error{input} for what only the study's models can show to be wrong; called before anything is measured.
  ///   store  holds the study's identity
  virtual void check(const Database& /*store*/) const {}
  /// The same for what only the tasks' items can show.
  virtual void check_items(const Catalog& /*catalog*/) const {}
  /// The plan of round `round_no`, or none when the experiment has no further round.
  virtual std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const = 0;
  /// Runs one unit; throws when it fails.
  virtual UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const = 0;
  /// Rebuilds the experiment's derived tables from merged results.
  virtual void reduce(const Catalog& catalog, Database& db) const = 0;
  virtual Forecast forecast(const Catalog& catalog) const = 0;
};

/// A row of the table of experiment kinds.
struct ExperimentKind {
  std::string_view name;
  std::string_view help;
  std::string (*keys)();  ///< one line per key of its table
  std::unique_ptr<Experiment> (*make)(const ExperimentSpec& spec, const StudySpec& study);
};

std::span<const ExperimentKind> experiment_kinds();

/// Reads the keys of every experiment of a study, in order.
///   throws  Error{input} with the place: unknown kind or key, or a reference to no earlier experiment
std::vector<std::unique_ptr<Experiment>> make_experiments(const StudySpec& study);

}  // namespace neurosweep
