#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/rank/transfer_blocks.hpp"

namespace neurosweep {

/// What a source says of its neurons.
enum class DonorForm { bare, push, pull };

std::string_view form_name(DonorForm form);

/// A neuron that a source chose on the donor.
struct DonorNeuron {
  NeuronId id;
  double score = 0;
  double value = 0;                         ///< push: activation to add; pull: to move towards
  double sd = 0;                            ///< pull: between successful attempts
  std::int64_t n = 0;                       ///< pull: successful attempts
  std::optional<NeuronId> stands_for = {};  ///< random control: the neuron in whose place it is, whose value it has
};

/// What a source chose on the donor for a task.
struct DonorSet {
  std::string source;
  std::string task;  ///< or kAllTasks
  DonorForm form = DonorForm::bare;
  std::vector<DonorNeuron> neurons;  ///< most important first
};

/// The control of a source: as many random neurons of the same donor layers, with the same pushes, or pulled as far
/// from their own means.
std::string random_source(const std::string& source);

/// The sets of all sources, with the directions or templates that go with them, in the order of the sources, each
/// before its random control. A source without one is warned of, and a layer with too few neurons for a control.
///   throws  Error{input} when no source found anything on the donor
std::vector<DonorSet> read_donor_sets(const Database& db, const TransferSpec& spec);

/// The random control of one set.
///   M        neurons of a layer of the donor
///   throws   Error{input}: a layer with too few neurons
DonorSet draw_random_control(const TransferSpec& spec, std::int64_t M, const DonorSet& set);

/// Experiment under which what a map made of a source is stored: EXPERIMENT/MAP/SOURCE.
std::string transfer_product(const std::string& experiment, const std::string& map, const std::string& source);

/// What one map made of one source, over the source's tasks; the most important neurons first.
struct TransferProduct {
  std::vector<CriticalSetRow> sets;
  std::vector<DirectionRow> directions;       ///< of pushes
  std::vector<SuccessTemplateRow> templates;  ///< of pulls
};

/// The derived rows of a transfer.
struct TransferRows {
  std::vector<LayerSimilarityRow> similarity;
  std::vector<TransferMapRow> quality;
  std::vector<NeuronMatchRow> matches;  ///< by kMatchingMap
  std::vector<TransferredNeuronRow> neurons;
  std::map<std::string, TransferProduct> products;  ///< by transfer_product()
};

/// Maps the sets by every map of the transfer's spec. What a shuffled map pushes, or pulls away from the means, gets
/// the norm of that of the map itself.
TransferRows make_transfer_rows(const MeasuredTransfer& measured, const std::vector<DonorSet>& sets);

/// Writes layer_similarity, transfer_map, neuron_match and transferred_neuron of a transfer from its measured blocks,
/// and critical_set, direction and success_template of every product.
void reduce_transfer(Database& db, const TransferSpec& spec);

}  // namespace neurosweep
