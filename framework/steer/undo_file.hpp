#pragma once

#include <string>
#include <string_view>

#include "framework/steer/checkpoint_edit.hpp"

namespace neurosweep {

inline constexpr const char* kUndoFile = "neurosweep_undo.json";
inline constexpr const char* kProvenanceFile = "neurosweep_edit.json";

/// The inverse of an edit: the bytes that it overwrote, and the headers, config.json and index as they were.
///   edited_dir  folder with the edited checkpoint
///   throws      Error{input}: more bytes than a file of text should hold
std::string undo_text(const LayerTensors& source, const CheckpointEdit& edit, const std::string& edited_dir);

/// What an undo file says.
struct Undo {
  std::string checkpoint_hash;  ///< of the edited checkpoint
  std::string restores;         ///< hash of the checkpoint before the edit
  CheckpointChanges changes;    ///< of the edited checkpoint
};

bool is_undo_text(std::string_view text);

/// Reads an undo file.
///   edited  the checkpoint that it is applied to; must live as long as what is returned
///   throws  Error{input}: not JSON, no undo file, a missing key, bytes that do not fit their tensor
Undo parse_undo(std::string_view text, std::string_view origin, const LayerTensors& edited);

}  // namespace neurosweep
