#include "tests/framework/model/safetensors_bytes.hpp"

#include <ATen/ATen.h>

#include <cstring>
#include <vector>

#include "framework/config/json.hpp"
#include "framework/model/safetensors.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

std::string safetensors_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

void write_safetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  const std::map<at::ScalarType, const char*> dtypes = {
      {at::kFloat, "F32"}, {at::kHalf, "F16"}, {at::kBFloat16, "BF16"}, {at::kLong, "I64"}};
  Json header = Json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor packed = tensor.contiguous();
    const std::size_t begin = data.size();
    data.append(static_cast<const char*>(packed.data_ptr()), packed.nbytes());
    header[name] = {{"dtype", dtypes.at(tensor.scalar_type())},
                    {"shape", packed.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  write_file(path, safetensors_bytes(json_text(header), data));
}

std::map<std::string, at::Tensor> read_safetensors(const std::string& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : file.names()) tensors.emplace(name, file.tensor(name).clone());
  return tensors;
}

std::string golden_dir(const std::string& name) {
  return std::string(NS_SOURCE_DIR) + "/tests/golden/data/" + name;
}

}  // namespace neurosweep::testing
