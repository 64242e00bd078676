#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/steer/steering_file.hpp"

namespace neurosweep {

/// What steering by a file at every token does, made permanent. With strength s, a push of S' adds s W_down S' to the
/// MLP's output; a pull to t adds s W_down t and scales the columns of its neurons by 1 - s.
///   source  arXiv:2601.19847 eq. (3)
struct FoldEdit {
  SteeringPattern pattern;
  double strength = 1;
};

/// Multiplies what a neuron writes: its column of W_down. Factor 0 removes the neuron.
struct ScaleEdit {
  std::vector<NeuronId> neurons;
  double factor = 0;
};

/// In each layer W_down <- W_down + s W_down (target - key) key^T / (key^T key), over the listed neurons, the others
/// being 0 in both: activations like the key then write what the target would, and what is orthogonal to the key
/// writes what it did. Needs no bias.
///   source  the update of ROME (arXiv:2202.05262, eq. 2) with an identity covariance
struct RankOneEdit {
  std::vector<NeuronId> neurons;
  std::vector<double> key, target;
  double strength = 1;
};

using WeightEdit = std::variant<FoldEdit, ScaleEdit, RankOneEdit>;

/// Edits of one checkpoint, in the order in which they are made.
struct EditFile {
  std::string checkpoint_hash;       ///< that they are for; "": any
  std::set<NeuronId> protected_set;  ///< that no edit may touch
  std::vector<WeightEdit> edits;
};

/// The neurons that an edit touches.
std::vector<NeuronId> touched_neurons(const WeightEdit& edit);

/// Reads the text of an edit file.
///   origin  what messages start with; steering files that it names are relative to its folder
///   throws  Error{input}: not JSON, no edit file, a missing or unknown key, an edit that would change nothing, one of
///           a protected neuron, a neuron twice, columns of different lengths, a value that is not finite, a pull with
///           a strength outside 0 to 1, steering files of different checkpoints
EditFile parse_edits(std::string_view text, const std::string& origin);

/// An edit file that folds one steering file in.
EditFile fold_of(const SteeringFile& steering, double strength, std::string_view origin);

/// Adds the neurons of a protection file (columns `layer` and `neuron`) and fails when an edit touches one.
void protect(EditFile& file, std::string_view text, std::string_view origin);

/// Throws Error{input} when a protected neuron is none of a model with L layers of M neurons.
void check_protected_exist(const EditFile& file, std::int64_t L, std::int64_t M, std::string_view origin);

}  // namespace neurosweep
