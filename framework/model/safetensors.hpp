#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// One memory-mapped .safetensors file whose whole header has been checked.
///   source  github.com/huggingface/safetensors, "Format"
class SafetensorsFile {
 public:
  /// throws  Error{io}: unreadable; Error{input}: truncated, bad header, unknown dtype, shape against byte length,
  ///         offsets out of range, overlapping or with holes, a name twice
  static SafetensorsFile open(const std::string& path);

  const std::string& path() const { return path_; }
  std::vector<std::string> names() const;  ///< sorted
  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  /// A view on the map, which it keeps alive; writing to it changes neither the file nor another process's view.
  ///   returns  float32, float16, bfloat16 or int64, of the file's shape
  ///   throws   Error{input}: no such tensor, or another dtype
  at::Tensor tensor(std::string_view name) const;

 private:
  class Map;
  struct Entry {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0, end = 0;  ///< bytes, from the start of the file
  };

  std::string path_;
  std::shared_ptr<const Map> map_;
  std::map<std::string, Entry, std::less<>> entries_;
};

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
