#include "framework/steer/checkpoint_match.hpp"

#include "framework/base/error.hpp"

namespace neurosweep {

void check_checkpoint(const MadeFor& made_for, std::string_view origin, std::string_view model,
                      std::string_view checkpoint_hash) {
  if (made_for.checkpoint_hash == checkpoint_hash) return;
  throw input_error(
      "{}: made for the checkpoint {} ({}), but model '{}' is {}: neurons of one checkpoint say nothing about "
      "another's",
      origin, made_for.checkpoint_hash, made_for.name, model, checkpoint_hash);
}

}  // namespace neurosweep
