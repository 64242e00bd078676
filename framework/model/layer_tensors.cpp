#include "framework/model/layer_tensors.hpp"

#include <fmt/ranges.h>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/arch_table.hpp"
#include "framework/model/memory_map.hpp"

namespace neurosweep {

std::string tensor_prefix(const Checkpoint& checkpoint, const TensorNames& names) {
  const std::string embedding = std::string(names.embedding) + ".weight";
  const std::string prefix(names.prefix);
  return !checkpoint.has(prefix + embedding) && checkpoint.has(embedding) ? "" : prefix;
}

LayerTensors::LayerTensors(const std::string& dir)
    : dir_(dir),
      arch_(read_arch(dir)),
      names_(family_named(arch_.family).names),
      checkpoint_(Checkpoint::open(dir)),
      prefix_(tensor_prefix(checkpoint_, names_)) {}

std::string LayerTensors::name(LayerIndex layer, std::string_view part, std::string_view suffix) const {
  return fmt::format("{}{}.{}.{}{}", prefix_, names_.layers, to_int(layer), part, suffix);
}

at::Tensor LayerTensors::down(LayerIndex layer) const {
  const std::string tensor = name(layer, names_.down);
  const at::Tensor in_file = checkpoint_.tensor(tensor);
  const at::Tensor down = names_.layout == LinearLayout::out_in || in_file.dim() != 2 ? in_file : in_file.t();
  if (down.sizes() != at::IntArrayRef({arch_.D, arch_.M}) || !down.is_floating_point()) {
    throw input_error("{}: tensor '{}': expected {} x {} numbers by config.json, found [{}]",
                      checkpoint_.path_of(tensor), tensor, arch_.D, arch_.M,
                      fmt::join(in_file.sizes().begin(), in_file.sizes().end(), ", "));
  }
  return down;
}

void LayerTensors::forget_down(LayerIndex layer) const {
  const at::Tensor in_file = checkpoint_.tensor(name(layer, names_.down));
  forget_pages(in_file.const_data_ptr(), in_file.nbytes());
}

at::Tensor LayerTensors::copy(const std::string& name) const {
  const at::Tensor in_file = checkpoint_.tensor(name);
  at::Tensor copied = in_file.clone();
  forget_pages(in_file.const_data_ptr(), in_file.nbytes());
  return copied;
}

std::int64_t LayerTensors::input_dim() const {
  return names_.layout == LinearLayout::out_in ? 1 : 0;
}

}  // namespace neurosweep
