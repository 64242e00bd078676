#pragma once

#include <string>
#include <string_view>

namespace neurosweep {

/// The checkpoint that a file of neurons was made for.
struct MadeFor {
  std::string checkpoint_hash;
  std::string name;  ///< of the model and its study, for messages
};

/// Fails unless a file was made for this very checkpoint.
///   origin  what the message starts with
///   model   what the message calls the model at hand
///   throws  Error{input} with both hashes
void check_checkpoint(const MadeFor& made_for, std::string_view origin, std::string_view model,
                      std::string_view checkpoint_hash);

}  // namespace neurosweep
