#include "framework/steer/direction_export.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "framework/base/base64.hpp"
#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "framework/model/safetensors_writer.hpp"
#include "framework/steer/gguf_bytes.hpp"

namespace neurosweep {

namespace {

constexpr std::array<std::pair<std::string_view, ExportFormat>, 6> kFormats = {{
    {"gguf", ExportFormat::gguf},
    {"easysteer", ExportFormat::easysteer},
    {"repeng", ExportFormat::repeng},
    {"vllm-lens", ExportFormat::vllm_lens},
    {"safetensors", ExportFormat::safetensors},
    {"json", ExportFormat::json},
}};

std::vector<float> floats_of(const at::Tensor& direction) {
  const at::Tensor f32 = direction.to(at::kFloat).contiguous();
  const auto* data = f32.const_data_ptr<float>();
  return {data, data + f32.numel()};
}

std::string direction_name(LayerIndex layer) {
  return fmt::format("direction.{}", to_int(layer));
}

/// A control vector of the layers of `layers`.
std::string control_vector(const ResidualDirections& directions, const std::map<LayerIndex, at::Tensor>& layers,
                           const std::string& method) {
  GgufContent content;
  content.fields = {{"general.architecture", std::string("controlvector")},
                    {"controlvector.model_hint", directions.family},
                    {"controlvector.layer_count", static_cast<std::uint32_t>(layers.size())}};
  if (!method.empty()) content.fields.emplace_back("controlvector.method", method);
  content.fields.emplace_back("neurosweep.about", directions.about);
  for (const auto& [layer, direction] : layers) {
    content.tensors.emplace_back(direction_name(layer), floats_of(direction));
  }
  return gguf_bytes(content);
}

std::string for_llama_cpp(const ResidualDirections& directions) {
  if (directions.layers.contains(LayerIndex(0))) {
    throw input_error(
        "a control vector of llama.cpp cannot act on layer 0, and this direction does: leave layer 0 out of it, write "
        "it into the weights (`neurosweep edit`), or take --format easysteer, repeng or safetensors");
  }
  return control_vector(directions, directions.layers, "");
}

std::string for_repeng(const ResidualDirections& directions) {
  auto layers = directions.layers;  // its set_control() asks for every layer that the model was wrapped for
  for (std::int32_t l = 0; l < directions.L; ++l) {
    layers.emplace(LayerIndex(l), at::zeros({directions.D}, at::kDouble));
  }
  return control_vector(directions, layers, "");
}

/// An array of one steering vector, as the text of `apply_steering_vectors`.
std::string for_vllm_lens(const ResidualDirections& directions) {
  std::vector<std::int32_t> indices;
  std::vector<float> values;
  for (const auto& [layer, direction] : directions.layers) {
    indices.push_back(to_int(layer));
    const auto floats = floats_of(direction);
    values.insert(values.end(), floats.begin(), floats.end());
  }
  const Json activations = {{"data", to_base64(std::as_bytes(std::span(values)))},
                            {"dtype", "float32"},
                            {"original_dtype", "torch.float32"},
                            {"shape", {indices.size(), directions.D}}};
  return json_text(Json::array({{{"activations", activations},
                                 {"layer_indices", indices},
                                 {"scale", 1.0},
                                 {"norm_match", false},
                                 {"position_indices", nullptr}}})) +
         "\n";
}

std::string as_safetensors(const ResidualDirections& directions) {
  std::vector<TensorToWrite> tensors;
  std::string data;
  for (const auto& [layer, direction] : directions.layers) {
    const auto floats = floats_of(direction);
    tensors.push_back({direction_name(layer), "F32", {directions.D}, {}});
    data.append(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  }
  const std::string header =
      safetensors_header(tensors, {{"format", "pt"}, {"model_type", directions.family}, {"about", directions.about}});
  std::string bytes(sizeof(std::uint64_t), '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

std::string as_json(const ResidualDirections& directions) {
  Json layers = Json::object();
  for (const auto& [layer, direction] : directions.layers) {
    layers[std::to_string(to_int(layer))] = floats_of(direction);
  }
  return json_text({{"format", "neurosweep residual directions"},
                    {"version", 1},
                    {"model_type", directions.family},
                    {"width", directions.D},
                    {"added", "to the residual stream behind each layer, at every token"},
                    {"about", parse_json(directions.about, "about")},
                    {"layers", std::move(layers)}}) +
         "\n";
}

}  // namespace

ExportFormat export_format(std::string_view name) {
  std::vector<std::string_view> valid;
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
    valid.push_back(known);
  }
  throw input_error("format '{}' (valid: neurosweep, {})", name, fmt::join(valid, ", "));
}

bool is_text(ExportFormat format) {
  return format == ExportFormat::vllm_lens || format == ExportFormat::json;
}

std::string export_bytes(const ResidualDirections& directions, ExportFormat format) {
  switch (format) {
    case ExportFormat::gguf:
      return for_llama_cpp(directions);
    case ExportFormat::easysteer:
      return control_vector(directions, directions.layers, "neurosweep");
    case ExportFormat::repeng:
      return for_repeng(directions);
    case ExportFormat::vllm_lens:
      return for_vllm_lens(directions);
    case ExportFormat::safetensors:
      return as_safetensors(directions);
    case ExportFormat::json:
      return as_json(directions);
  }
  ensure(false, "every export format is written");
  return {};
}

}  // namespace neurosweep
