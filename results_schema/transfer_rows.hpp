#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neurosweep {

/// A vector that a unit of a transfer measured; `quantity` says of what.
struct TransferBlockRow {
  static constexpr std::string_view kTable = "transfer_block";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string quantity;  ///< 'hsic', 'donor moments', 'receiver moments', 'candidates', 'fit', 'push' or 'cosines'
  std::string map;       ///< '' where all maps share it
  std::string source;    ///< of what was mapped, or ''
  std::string task;      ///< of what was mapped, or ''
  std::int64_t donor_layer = 0;     ///< -1: all
  std::int64_t receiver_layer = 0;  ///< -1: all
  std::int64_t n_samples = 0;
  std::int64_t n_held_out = 0;
  std::int64_t n = 0;
  std::int64_t n_nonfinite = 0;  ///< counted by UnitRows
  std::vector<float> block_values;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("quantity", row.quantity);
    visit("map", row.map);
    visit("source", row.source);
    visit("task", row.task);
    visit("donor_layer", row.donor_layer);
    visit("receiver_layer", row.receiver_layer);
    visit("n_samples", row.n_samples);
    visit("n_held_out", row.n_held_out);
    visit("n", row.n);
    visit("n_nonfinite", row.n_nonfinite);
    visit("block_values", row.block_values);
  }
};

/// How alike two models' residual streams are after a layer of each.
struct LayerSimilarityRow {
  static constexpr std::string_view kTable = "layer_similarity";
  static constexpr std::string_view kKey = "experiment, donor_layer, receiver_layer";

  std::string experiment;
  std::string donor;
  std::string receiver;
  std::int64_t donor_layer = 0;
  std::int64_t receiver_layer = 0;
  std::int64_t n_samples = 0;
  double cka = 0.0;
  std::int64_t paired = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("donor", row.donor);
    visit("receiver", row.receiver);
    visit("donor_layer", row.donor_layer);
    visit("receiver_layer", row.receiver_layer);
    visit("n_samples", row.n_samples);
    visit("cka", row.cka);
    visit("paired", row.paired);
  }
};

/// How well a map from donor to receiver holds at a pair of layers.
struct TransferMapRow {
  static constexpr std::string_view kTable = "transfer_map";
  static constexpr std::string_view kKey = "experiment, map, donor_layer, receiver_layer";

  std::string experiment;
  std::string map;
  std::int64_t donor_layer = 0;
  std::int64_t receiver_layer = 0;
  std::string donor;
  std::string receiver;
  std::int64_t n_samples = 0;
  std::int64_t n_held_out = 0;
  std::optional<std::int64_t> n_matched;
  std::string measure;  ///< 'correlation' (mean size over matched neurons) or 'r2'
  double fit = 0.0;
  double held_out = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("map", row.map);
    visit("donor_layer", row.donor_layer);
    visit("receiver_layer", row.receiver_layer);
    visit("donor", row.donor);
    visit("receiver", row.receiver);
    visit("n_samples", row.n_samples);
    visit("n_held_out", row.n_held_out);
    visit("n_matched", row.n_matched);
    visit("measure", row.measure);
    visit("fit", row.fit);
    visit("held_out", row.held_out);
  }
};

/// A neuron of the donor and its partner of the receiver.
struct NeuronMatchRow {
  static constexpr std::string_view kTable = "neuron_match";
  static constexpr std::string_view kKey = "experiment, donor_layer, donor_neuron";

  std::string experiment;
  std::int64_t donor_layer = 0;
  std::int64_t donor_neuron = 0;
  std::string donor;
  std::string receiver;
  std::int64_t receiver_layer = 0;
  std::int64_t receiver_neuron = 0;
  double correlation = 0.0;
  double held_out = 0.0;
  double slope = 0.0;  ///< of the receiver's activation on the donor's

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("donor_layer", row.donor_layer);
    visit("donor_neuron", row.donor_neuron);
    visit("donor", row.donor);
    visit("receiver", row.receiver);
    visit("receiver_layer", row.receiver_layer);
    visit("receiver_neuron", row.receiver_neuron);
    visit("correlation", row.correlation);
    visit("held_out", row.held_out);
    visit("slope", row.slope);
  }
};

/// A neuron of the receiver that a map put in place of what a source found on the donor.
struct TransferredNeuronRow {
  static constexpr std::string_view kTable = "transferred_neuron";
  static constexpr std::string_view kKey = "experiment, map, source, task, layer, neuron";

  std::string experiment;
  std::string map;
  std::string source;
  std::string task;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string donor;
  std::string receiver;
  std::int64_t rank_no = 0;
  std::optional<double> value;  ///< to add, or to move towards for a template; none for a bare set
  double similarity = 0.0;      ///< correlation of matched neurons, cosine of what is written, 1 for identity
  std::optional<std::int64_t> donor_layer;
  std::optional<std::int64_t> donor_neuron;  ///< none where a sum of neurons was mapped as a whole

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("map", row.map);
    visit("source", row.source);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("donor", row.donor);
    visit("receiver", row.receiver);
    visit("rank_no", row.rank_no);
    visit("value", row.value);
    visit("similarity", row.similarity);
    visit("donor_layer", row.donor_layer);
    visit("donor_neuron", row.donor_neuron);
  }
};

/// The tables that the reducer of a transfer rebuilds.
using TransferTables = std::tuple<LayerSimilarityRow, TransferMapRow, NeuronMatchRow, TransferredNeuronRow>;

}  // namespace neurosweep
