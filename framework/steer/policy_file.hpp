#pragma once

#include <string>
#include <string_view>

#include "framework/intervene/policy.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// A policy as a TOML file that people read and write, with the model it belongs to:
///
///     format = "neurosweep policy"
///     version = 1
///     model = "small"                # a name, for messages
///     checkpoint_hash = "93d1..."    # `neurosweep policy` writes it
///     layers = 4
///     neurons_per_layer = 256
///     from = "where the numbers come from"   # optional
///     scope = "generated"            # tokens it is enforced at: generated (default) or all
///     steering_cap = 0.25            # optional: norm of steering over that of the layer's neurons, per token
///     denied = ["2:17", "3:*"]       # optional: layer:neuron, or a whole layer
///     [[envelope]]                   # an activation that stays between low and high; one of them may be left out
///     neuron = "1:40"
///     low = -0.31
///     high = 1.2
///     [[floor]]                      # an activation that stays at least at
///     neuron = "1:41"
///     low = 0.05
///
/// A model that runs in half precision keeps to the numbers that it has within the limits, and is refused without any.
struct PolicyFile {
  std::string model;
  std::string checkpoint_hash;
  std::int64_t n_layers = 0;
  std::int64_t n_neurons_per_layer = 0;
  std::string from;
  Policy policy;
};

/// Reads the text of a policy file.
///   origin  what messages start with
///   throws  Error{input}: not TOML, another format or version, a missing or unknown key, a neuron that is written
///           otherwise, or a policy that cannot be satisfied (check_policy; a floor above a ceiling)
PolicyFile parse_policy(std::string_view text, const std::string& origin);

/// Reads a policy file. Throws Error{io} when it cannot be read, else as parse_policy().
PolicyFile read_policy_file(const std::string& path);

/// The text of a policy; limits are written as envelopes.
std::string policy_text(const PolicyFile& file);

/// Fails unless the file was made for this very checkpoint. Throws Error{input} with both hashes.
void check_policy_model(const PolicyFile& file, std::string_view origin, std::string_view model,
                        std::string_view checkpoint_hash);

/// The envelopes that an experiment measured as a policy.
///   task    or kAllTasks
///   throws  Error{input} that lists what is stored when there are none
PolicyFile make_policy_file(const Database& db, const std::string& experiment, const std::string& model,
                            const std::string& task);

}  // namespace neurosweep
