#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/model/safetensors.hpp"

namespace neurosweep {

/// Name of the file that says which shard has which tensor.
inline constexpr const char* kShardIndex = "model.safetensors.index.json";

/// Whether a name that a foreign file gives stays within the folder that it is put behind.
bool is_plain_file_name(std::string_view name);

/// The tensors of a checkpoint folder: model.safetensors, or the shards named by model.safetensors.index.json.
class Checkpoint {
 public:
  /// throws  as SafetensorsFile::open; Error{input}: neither file there, a shard missing or outside the folder,
  ///         a tensor that is not in the shard the index names
  static Checkpoint open(const std::string& dir);

  std::vector<std::string> names() const;  ///< sorted
  bool has(std::string_view name) const { return file_of_.find(name) != file_of_.end(); }
  at::Tensor tensor(std::string_view name) const;           ///< as SafetensorsFile::tensor
  const std::string& path_of(std::string_view name) const;  ///< of the file that holds it; of the folder if none
  const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  std::string dir_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
};

}  // namespace neurosweep
