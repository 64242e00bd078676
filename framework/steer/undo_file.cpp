#include "framework/steer/undo_file.hpp"

#include <cstring>
#include <filesystem>

#include <ATen/ATen.h>

#include "framework/base/base64.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/json.hpp"
#include "framework/model/memory_map.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "neurosweep undo";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostBytes = std::size_t{512} << 20;
constexpr const char* kIndexFile = "model.safetensors.index.json";

std::string file_name(const SafetensorsFile& file) {
  return fs::path(file.path()).filename().string();
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

/// Headers of the files whose tensors have other shapes or dtypes now, as they were.
Json changed_headers(const Checkpoint& source, const Checkpoint& edited) {
  Json headers = Json::object();
  for (std::size_t i = 0; i < source.files().size(); ++i) {
    const SafetensorsFile& file = source.files()[i];
    if (file.header() != edited.files().at(i).header()) headers[file_name(file)] = file.header();
  }
  return headers;
}

/// A tensor as it was, made from what it is now.
class Restored {
 public:
  Restored(const Checkpoint& now, std::string name, std::vector<std::int64_t> shape, const Json& old,
           const std::string& origin)
      : now_(now), name_(std::move(name)), shape_(std::move(shape)) {
    columns_ = optional_or<std::vector<std::int64_t>>(old, "columns", {}, origin);
    dim_ = optional_or<std::int64_t>(old, "dim", 0, origin);
    bytes_ = from_base64(require<std::string>(old, "bytes", origin), origin);
  }
  /// A tensor that only grew.
  Restored(const Checkpoint& now, std::string name, std::vector<std::int64_t> shape)
      : now_(now), name_(std::move(name)), shape_(std::move(shape)) {}

  at::Tensor make() const {
    if (columns_.empty() && !bytes_.empty()) return numbers(at::kByte, {std::ssize(bytes_)});
    const at::Tensor in_file = now_.tensor(name_);
    at::Tensor tensor = in_file;
    for (std::size_t d = 0; d < shape_.size(); ++d) {
      tensor = tensor.narrow(static_cast<std::int64_t>(d), 0, shape_[d]);
    }
    tensor = tensor.clone(at::MemoryFormat::Contiguous);
    forget_pages(in_file.const_data_ptr(), in_file.nbytes());
    if (columns_.empty()) return tensor;
    const auto n = std::ssize(columns_);
    const at::Tensor old = numbers(tensor.scalar_type(), {n, tensor.numel() / tensor.size(dim_)});
    for (std::int64_t i = 0; i < n; ++i) tensor.select(dim_, columns_[static_cast<std::size_t>(i)]).copy_(old[i]);
    return tensor;
  }

 private:
  at::Tensor numbers(at::ScalarType type, at::IntArrayRef shape) const {
    at::Tensor tensor = at::empty(shape, type);
    if (tensor.nbytes() != bytes_.size()) {
      throw input_error("tensor '{}': the undo file holds {} bytes of it, expected {}", name_, bytes_.size(),
                        tensor.nbytes());
    }
    std::memcpy(tensor.mutable_data_ptr(), bytes_.data(), bytes_.size());
    return tensor;
  }

  const Checkpoint& now_;
  std::string name_;
  std::vector<std::int64_t> shape_, columns_;
  std::int64_t dim_ = 0;
  std::vector<std::byte> bytes_;
};

std::string text_if_there(const std::string& path) {
  return fs::exists(path) ? read_text_file(path) : "";
}

/// The shape and dtype that a tensor had, by the old header of its file or, where that is unchanged, by the file.
TensorEntry old_entry(const Checkpoint& edited, const std::string& name, const Json& headers,
                      const std::string& origin) {
  for (const SafetensorsFile& file : edited.files()) {
    if (!file.has(name)) continue;
    const Json* header = find_key(headers, file_name(file), origin);
    if (header == nullptr) return file.entry(name);
    const Json entries = parse_json(json_as<std::string>(*header, name, origin), origin);
    const auto fields = require<Json>(entries, name, origin);
    return {require<std::string>(fields, "dtype", origin), require<std::vector<std::int64_t>>(fields, "shape", origin)};
  }
  throw input_error("{}: the checkpoint has no tensor '{}'", origin, name);
}

/// Tensors of old headers that have grown since: cut back.
void cut_back(Undo& undo, const Checkpoint& edited, const std::string& header, const std::string& origin) {
  const Json entries = parse_json(header, origin);
  for (const auto& [name, fields] : entries.items()) {
    if (name == "__metadata__" || undo.changes.tensors.contains(name)) continue;
    const auto shape = require<std::vector<std::int64_t>>(fields, "shape", origin);
    if (!edited.has(name)) throw input_error("{}: the checkpoint has no tensor '{}'", origin, name);
    if (edited.tensor(name).sizes().vec() == shape) continue;
    const Restored restored(edited, name, shape);
    undo.changes.tensors[name] = {require<std::string>(fields, "dtype", origin), shape,
                                  [restored] { return restored.make(); }, ""};
  }
}

}  // namespace

std::string undo_text(const LayerTensors& source, const CheckpointEdit& edit, const std::string& edited_dir) {
  std::size_t total = 0;
  for (const auto& [name, old] : edit.old) total += old.numbers.nbytes();
  if (total > kMostBytes) {
    throw input_error("the edit overwrites {} MiB, more than an undo file holds ({} MiB): --no-undo writes none",
                      total >> 20, kMostBytes >> 20);
  }
  Json tensors = Json::object();
  for (const auto& [name, old] : edit.old) {
    if (!old.columns.empty()) tensors[name] = {{"columns", old.columns}, {"dim", source.input_dim()}};
    tensors[name]["bytes"] = to_base64(bytes_of(old.numbers));
  }
  Json files = {{"config.json", read_text_file(source.dir() + "/config.json")}};
  for (const char* name : {kIndexFile, kProvenanceFile, kUndoFile}) {
    const std::string text = text_if_there(source.dir() + "/" + name);
    if (!text.empty()) files[name] = text;
  }
  const Json undo = {{"format", kFormat},
                     {"version", kVersion},
                     {"checkpoint_hash", hash_checkpoint(edited_dir)},
                     {"restores", hash_checkpoint(source.dir())},
                     {"files", std::move(files)},
                     {"headers", changed_headers(source.checkpoint(), Checkpoint::open(edited_dir))},
                     {"tensors", std::move(tensors)}};
  return json_text(undo) + "\n";
}

bool is_undo_text(std::string_view text) {
  return text.substr(0, 200).find(kFormat) != std::string_view::npos;
}

Undo parse_undo(std::string_view text, std::string_view origin_view, const LayerTensors& edited) {
  const std::string origin(origin_view);
  const Json json = parse_json(text, origin);
  const Json* format = find_key(json, "format", origin);
  if (format == nullptr || *format != kFormat) throw input_error("{}: this is no undo file", origin);
  if (const auto version = require<std::int64_t>(json, "version", origin); version != kVersion) {
    throw input_error("{}: version {} of the format, this program reads {}", origin, version, kVersion);
  }
  Undo undo{require<std::string>(json, "checkpoint_hash", origin), require<std::string>(json, "restores", origin), {}};
  const auto files = require<Json>(json, "files", origin);
  for (const auto& [name, content] : files.items()) {
    undo.changes.files[name] = json_as<std::string>(content, name, origin);
  }
  undo.changes.left_out = {kProvenanceFile, kUndoFile};
  const auto headers = require<Json>(json, "headers", origin);
  const auto tensors = require<Json>(json, "tensors", origin);
  for (const auto& [name, old] : tensors.items()) {
    const TensorEntry entry = old_entry(edited.checkpoint(), name, headers, origin);
    const Restored restored(edited.checkpoint(), name, entry.shape, old, fmt::format("{}: tensor '{}'", origin, name));
    undo.changes.tensors[name] = {entry.dtype, entry.shape, [restored] { return restored.make(); }, ""};
  }
  for (const auto& [name, header] : headers.items()) {
    undo.changes.headers[name] = json_as<std::string>(header, name, origin);
    cut_back(undo, edited.checkpoint(), undo.changes.headers[name], origin);
  }
  return undo;
}

}  // namespace neurosweep
