#pragma once

#include <string>
#include <string_view>

#include "framework/rank/steering_pattern.hpp"

namespace neurosweep {

/// A direction or success template as a file that can be shared: one JSON object with the model it belongs to, where
/// it comes from, and its neurons as columns `layer`, `neuron`, `value` and, for a pull, `sd`.
struct SteeringFile {
  // The model:
  std::string checkpoint_hash;  ///< see hash_checkpoint()
  std::string family;
  std::int64_t n_layers = 0;
  std::int64_t n_neurons_per_layer = 0;
  // Provenance:
  std::string study, study_id, experiment, model, task;  ///< names in the study
  std::string code_version;
  SteeringPattern pattern;
};

/// The pattern of an experiment with what a reader of the file needs to know.
///   throws  Error{input} that lists what is stored when there is no such pattern
SteeringFile make_steering_file(const Database& db, const std::string& experiment, const std::string& model,
                                const std::string& task, std::int64_t top = 0);

std::string steering_text(const SteeringFile& file);

/// Reads the text of a steering file.
///   origin  what messages start with
///   throws  Error{input}: not JSON, no steering file, a missing or unknown key, columns of different lengths, a neuron
///           outside the model or twice, a value that is not finite, no neuron
SteeringFile parse_steering(std::string_view text, std::string_view origin);

/// Reads a steering file. Throws Error{io} when it cannot be read, else as parse_steering().
SteeringFile read_steering_file(const std::string& path);

/// Fails unless the file was made for this very checkpoint.
///   model   what the message calls it
///   throws  Error{input} with both hashes
void check_steering_model(const SteeringFile& file, std::string_view origin, std::string_view model,
                          std::string_view checkpoint_hash);

}  // namespace neurosweep
