#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/checkpoint.hpp"

namespace neurosweep {

/// A tensor that is new or changed.
struct TensorChange {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::function<at::Tensor()> make;  ///< as in TensorToWrite
  std::string beside;                ///< a new one: goes into the file that holds this tensor
};

/// What a copy of a checkpoint has that its source has not; all else is copied.
struct CheckpointChanges {
  std::map<std::string, TensorChange> tensors;
  std::map<std::string, std::string> files;    ///< whole texts, by file name: config.json, ...
  std::map<std::string, std::string> headers;  ///< exact headers of weight files, by file name: what they do not
                                               ///< name is left out
  std::set<std::string> left_out;              ///< files of the source that are not copied
};

/// Whether what a name of a checkpoint folder leads to is of the checkpoint: it lies, links followed, where the folder
/// or one of the weight files does, as in the cache of a hub (snapshots/REVISION/NAME -> ../../blobs/HASH). What else a
/// link leads to may be anything that the user can read, and is not to be published.
bool is_of_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

/// Writes a checkpoint folder into an empty one: weights sharded as the source, tensor by tensor, their index, and
/// every other file of the source folder. Foreign weight files, folders and links to what is_of_checkpoint() does not
/// accept are not taken along; a line of the log says so. Everything is synced to the disk.
///   source_dir  folder that `source` was opened from
///   throws      Error{io}: unreadable or unwritable, with the path; Error{input}: a changed file whose name is no
///   plain
///               one, an exact header without offsets, a link out of the checkpoint where the engine reads a file
void write_checkpoint(const std::string& source_dir, const Checkpoint& source, const CheckpointChanges& changes,
                      const std::string& into);

}  // namespace neurosweep
