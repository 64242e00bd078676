#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// A calibrated logistic regression over the signals of one reading (framework/intervene/monitor_signals.hpp).
struct MonitorProbe {
  std::int64_t tokens = 0;  ///< generated from which on it is used
  std::vector<double> center, scale, weight;
  double intercept = 0;
  double slope = 1, shift = 0;  ///< risk = sigmoid(slope * log-odds + shift)

  /// Log-odds of failure, not calibrated.
  ///   throws  Error{input} for another number of signals
  double logit(std::span<const float> signals) const;
  double risk(std::span<const float> signals) const;
};

/// Where an alarm is raised so that at most a stated share of right replies has one.
struct AlarmThreshold {
  double rate = 0;
  double risk = 1;  ///< the alarm is raised above it
};

/// A fitted early warning for one checkpoint, as a file that can be shared: one JSON object.
struct MonitorFile {
  // The model:
  std::string checkpoint_hash;
  std::string family;
  std::int64_t n_layers = 0;
  std::int64_t n_neurons_per_layer = 0;
  // Provenance:
  std::string study, study_id, experiment, model, code_version;
  std::string predictor;  ///< what it reads: `neurons`, `output` or `both`

  std::int64_t every = 1;  ///< tokens between readings
  std::vector<NeuronId> neurons;
  std::vector<MonitorProbe> probes;  ///< by tokens, the first at 0
  std::vector<AlarmThreshold> thresholds;

  /// Risk of failure that a reading shows, by the last probe that is in use by then.
  double risk(std::span<const float> signals) const;
  /// The threshold for a stated rate. Throws Error{input} that lists the rates there are.
  const AlarmThreshold& threshold(double rate, std::string_view origin) const;
};

/// The monitor that an experiment fitted.
///   throws  Error{input} that lists what is stored when there is none for the model
MonitorFile make_monitor_file(const Database& db, const std::string& experiment, const std::string& model);

std::string monitor_text(const MonitorFile& file);

/// Reads the text of a monitor file.
///   origin  what messages start with
///   throws  Error{input}: not JSON, no monitor file, a missing or unknown key, columns of different lengths, a neuron
///           outside the model, a number that is not finite, probes out of order
MonitorFile parse_monitor(std::string_view text, std::string_view origin);

/// Reads a monitor file. Throws Error{io} when it cannot be read, else as parse_monitor().
MonitorFile read_monitor_file(const std::string& path);

/// Fails unless the file was made for this very checkpoint. Throws Error{input} with both hashes.
void check_monitor_model(const MonitorFile& file, std::string_view origin, std::string_view model,
                         std::string_view checkpoint_hash);

}  // namespace neurosweep
