#pragma once

#include <string>
#include <string_view>

#include "framework/config/json.hpp"
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

/// Whether a JSON text says that it is an undo file. Throws Error{input} when it is no object.
bool is_undo(const Json& json, std::string_view origin);

/// Reads an undo file.
///   edited  the checkpoint that it is applied to; must live as long as what is returned
///   throws  Error{input}: no undo file, a missing key, an empty hash, a file of another name than undo_text() writes,
///           a shape, dimension, column or number of bytes that does not fit its tensor
Undo parse_undo(const Json& json, const std::string& origin, const LayerTensors& edited);

}  // namespace neurosweep
