#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/edit.hpp"
#include "experiments/experiment.hpp"
#include "framework/steer/edit_file.hpp"

namespace neurosweep {

/// Name of the set of the neurons that an edit changes.
inline constexpr const char* kEditedSet = "edited";

/// Where the edits of an experiment come from, read and checked as far as the study alone can tell.
class EditSource {
 public:
  ///   keys    checked here, and its file made absolute
  ///   throws  Error{input}: keys that do not go together, a source that gives no such edit or has seen the test split
  EditSource(EditKeys& keys, const ExperimentSpec& spec, const StudySpec& study);

  /// Fails unless the file was made for this model.
  ///   throws  Error{input}
  void check(const ModelRow& model) const;

  /// Strengths or factors, each an edit; one that is none for an edit file.
  std::vector<std::optional<double>> amounts() const;
  /// fold, scale, rank_one, or file for the edits of an edit file.
  const std::string& op() const { return op_; }
  bool is_file() const { return !keys_.file.empty(); }
  /// Hash of the edits of an edit file, which are in no plan; "" otherwise.
  std::string hash() const;

  /// The neurons of an edit and of its controls.
  ///   task     whose own it is, or kAllTasks; "" of a file
  ///   returns  empty when `from` found nothing there
  ///   throws   Error{input}: it would change nothing, or a layer has too few neurons for controls
  std::vector<SetMemberRow> plan(const Catalog& catalog, const Database& so_far, const std::string& model,
                                 const std::string& task) const;

  /// The edits that planned members stand for.
  ///   members  of one plan()
  ///   set      kEditedSet or a random_set_name()
  std::vector<WeightEdit> edits(const std::vector<SetMemberRow>& members, const std::string& set,
                                std::optional<double> amount) const;

 private:
  void check_keys(const ExperimentSpec& spec, const std::string& where) const;
  void read_file(const std::string& where);
  void check_origin(const ExperimentSpec& spec, const StudySpec& study, const std::string& where);
  std::vector<std::vector<NeuronId>> random_neurons(const std::vector<NeuronId>& edited, std::int64_t M,
                                                    std::uint64_t seed) const;
  std::vector<SetMemberRow> chosen(const Database& so_far, const std::string& model, const std::string& task) const;

  const EditKeys& keys_;
  std::string op_;
  bool pulls_ = false;
  bool has_no_twin_ = false;  ///< an edit of the file cannot be made of random neurons
  std::optional<SteeringFile> steering_;
  std::optional<EditFile> edits_;
};

}  // namespace neurosweep
