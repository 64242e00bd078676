#include "framework/model/safetensors_writer.hpp"

#include <array>
#include <cstring>

#include "framework/base/error.hpp"
#include "framework/base/new_file.hpp"
#include "framework/model/safetensors.hpp"

namespace neurosweep {

namespace {

constexpr std::size_t kAlignment = 8;

std::size_t bytes_of(const TensorToWrite& tensor) {
  std::size_t bytes = dtype_bytes(tensor.dtype);
  for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::size_t>(extent);
  return bytes;
}

}  // namespace

std::string safetensors_header(const std::vector<TensorToWrite>& tensors, const Json& metadata) {
  Json header = Json::object();
  if (!metadata.is_null()) header["__metadata__"] = metadata;
  std::size_t end = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::size_t begin = end;
    end += bytes_of(tensor);
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = json_text(header);
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

void write_safetensors(const std::string& path, const std::string& header, const std::vector<TensorToWrite>& tensors) {
  NewFile file(path);
  const auto length = static_cast<std::uint64_t>(header.size());  // little-endian, as every supported machine
  std::array<std::byte, sizeof length> prefix{};
  std::memcpy(prefix.data(), &length, sizeof length);
  file.write(std::span<const std::byte>(prefix));
  file.write(header);
  for (const TensorToWrite& tensor : tensors) {
    const at::Tensor numbers = tensor.make();
    ensure(numbers.is_contiguous() && numbers.is_cpu() && numbers.nbytes() == bytes_of(tensor),
           "a tensor to write has the bytes that its header says");
    file.write(std::span(static_cast<const std::byte*>(numbers.const_data_ptr()), numbers.nbytes()));
  }
  file.finish();
}

}  // namespace neurosweep
