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

/// Bytes of one element of this dtype, as "BF16". Throws Error{input} for one that the format does not have.
std::size_t dtype_bytes(std::string_view dtype);

/// Name that the format has for an element type: float32, float16, bfloat16 or int64.
std::string_view dtype_name(at::ScalarType type);

/// One tensor of a header.
struct TensorEntry {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::size_t begin = 0, end = 0;  ///< bytes, from the start of the data part
};

/// One memory-mapped .safetensors file whose whole header has been checked.
///   source  github.com/huggingface/safetensors, "Format"
class SafetensorsFile {
 public:
  /// throws  Error{io}: unreadable; Error{input}: truncated, bad header, unknown dtype, shape against byte length,
  ///         offsets out of range, overlapping or with holes, a name twice
  static SafetensorsFile open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string file_name() const;           ///< of the path
  std::vector<std::string> names() const;  ///< sorted
  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  /// A view on the map, which it keeps alive; writing to it changes neither the file nor another process's view.
  ///   returns  float32, float16, bfloat16 or int64, of the file's shape
  ///   throws   Error{input}: no such tensor, or another dtype
  at::Tensor tensor(std::string_view name) const;

  /// Dtype, shape and place of a tensor. Throws Error{input} when there is none of that name.
  const TensorEntry& entry(std::string_view name) const;
  /// The bytes of a tensor of any dtype, as they are in the file: [bytes] u8, a view on the map that takes no memory
  /// once it is released. Not for a tensor that was written to.
  at::Tensor raw(std::string_view name) const;
  const std::string& header() const { return header_; }  ///< its JSON text, padding included

 private:
  class Map;

  std::string path_;
  std::shared_ptr<const Map> map_;
  std::string header_;
  std::size_t data_begin_ = 0;
  std::map<std::string, TensorEntry, std::less<>> entries_;
};

}  // namespace neurosweep
