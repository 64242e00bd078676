#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

// What transfer_block rows hold: results_schema/README.md.
inline constexpr const char* kHsicQuantity = "hsic";
inline constexpr const char* kDonorMoments = "donor moments";
inline constexpr const char* kReceiverMoments = "receiver moments";
inline constexpr const char* kCandidates = "candidates";
inline constexpr const char* kMapFit = "fit";
inline constexpr const char* kMappedPush = "push";
inline constexpr const char* kCosines = "cosines";

inline constexpr const char* kIdentityMap = "identity";
inline constexpr const char* kMatchingMap = "matching";
inline constexpr const char* kRidgeMap = "ridge";
inline constexpr const char* kProcrustesMap = "procrustes";
inline const std::vector<std::string> kTransferMaps = {kIdentityMap, kMatchingMap, kRidgeMap, kProcrustesMap};

/// The control of a map: the same, fitted on samples whose pairing was dealt anew.
std::string shuffled_map(const std::string& map);
bool is_shuffled(const std::string& map);

/// A transfer: what is asked, in the words of its derived rows.
struct TransferSpec {
  std::string experiment;
  std::string donor;
  std::string receiver;
  std::vector<std::string> sources;
  std::vector<std::string> tasks;
  std::vector<std::string> maps;                  ///< with the shuffled ones
  std::int64_t top = 50;                          ///< neurons of each set that are mapped
  std::optional<std::uint64_t> random_seed = {};  ///< none: no control sets of random donor neurons
};

/// A transfer as it was measured: all that its derived rows are made of.
struct MeasuredTransfer {
  using Visit = std::function<void(const TransferBlockRow&)>;

  TransferSpec spec;
  ModelRow donor;
  ModelRow receiver;
  std::function<void(const std::string& quantity, const Visit&)> for_each_block;  ///< in the order of units
};

/// What a store holds of a transfer. The store must outlive the result.
MeasuredTransfer stored_transfer(const Database& db, const TransferSpec& spec);

/// CKA of every donor layer with every receiver layer; each donor layer is paired with the one most like it.
///   returns  by donor layer, then receiver layer
///   throws   Error{input} when no batch was measured
std::vector<LayerSimilarityRow> make_layer_similarity(const MeasuredTransfer& measured);

/// Mean and standard deviation of every neuron of the layers that were measured.
struct LayerMoments {
  std::vector<float> means;
  std::vector<float> sds;
};
std::map<LayerIndex, LayerMoments> read_moments(const MeasuredTransfer& measured, const std::string& quantity);

/// The one-to-one matching of largest total absolute correlation among the candidates that were measured, over all
/// pairs of layers together.
///   map      kMatchingMap or its control
///   quality  gets a row for each pair of layers with a match
std::vector<NeuronMatchRow> match_neurons(const MeasuredTransfer& measured, const std::string& map,
                                          std::vector<TransferMapRow>& quality);

}  // namespace neurosweep
