#include "framework/steer/undo_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

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
/// Files that an undo file may hold as they were; it names no other.
constexpr std::array<std::string_view, 4> kFiles = {"config.json", kShardIndex, kProvenanceFile, kUndoFile};

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

/// Headers of the files whose tensors have other shapes or dtypes now, as they were.
Json changed_headers(const Checkpoint& source, const Checkpoint& edited) {
  Json headers = Json::object();
  for (std::size_t i = 0; i < source.files().size(); ++i) {
    const SafetensorsFile& file = source.files()[i];
    if (file.header() != edited.files().at(i).header()) headers[file.file_name()] = file.header();
  }
  return headers;
}

/// A tensor as it was, made from what it is now. All that it is made from is checked first.
class Restored {
 public:
  Restored(const Checkpoint& now, std::string name, TensorEntry entry, const Json& old, std::string origin)
      : now_(now), name_(std::move(name)), entry_(std::move(entry)), origin_(std::move(origin)) {
    columns_ = optional_or<std::vector<std::int64_t>>(old, "columns", {}, origin_);
    dim_ = optional_or<std::int64_t>(old, "dim", 0, origin_);
    bytes_ = from_base64(require<std::string>(old, "bytes", origin_), origin_);
    check();
  }
  /// A tensor that only grew.
  Restored(const Checkpoint& now, std::string name, TensorEntry entry, std::string origin)
      : now_(now), name_(std::move(name)), entry_(std::move(entry)), origin_(std::move(origin)) {
    check();
  }

  TensorChange change() const {
    return {entry_.dtype, entry_.shape, [restored = *this] { return restored.make(); }, ""};
  }

 private:
  bool is_whole() const { return columns_.empty() && !bytes_.empty(); }

  void check() const {
    if (is_whole()) return check_bytes(entry_.shape);
    check_part();
    if (columns_.empty()) return;
    if (entry_.shape.size() != 2 || dim_ < 0 || dim_ > 1) {
      throw input_error("{}: columns along dimension {} of the shape [{}], expected 0 or 1 of two", origin_, dim_,
                        fmt::join(entry_.shape, ", "));
    }
    const std::int64_t n = entry_.shape[static_cast<std::size_t>(dim_)];
    for (const std::int64_t column : columns_) {
      if (column < 0 || column >= n) throw input_error("{}: column {} is outside its {} columns", origin_, column, n);
    }
    check_bytes({std::ssize(columns_), entry_.shape[static_cast<std::size_t>(1 - dim_)]});
  }

  /// The tensor of now must hold the one that is restored.
  void check_part() const {
    const at::Tensor now = now_.tensor(name_);
    bool fits = now.dim() == std::ssize(entry_.shape) && dtype_name(now.scalar_type()) == entry_.dtype;
    for (std::size_t d = 0; fits && d < entry_.shape.size(); ++d) {
      fits = entry_.shape[d] >= 0 && entry_.shape[d] <= now.size(static_cast<std::int64_t>(d));
    }
    if (fits) return;
    throw input_error("{}: was {} [{}] by the undo file, which is no part of the {} [{}] that it is now", origin_,
                      entry_.dtype, fmt::join(entry_.shape, ", "), dtype_name(now.scalar_type()),
                      fmt::join(now.sizes().begin(), now.sizes().end(), ", "));
  }

  void check_bytes(const std::vector<std::int64_t>& shape) const {
    std::size_t expected = dtype_bytes(entry_.dtype);
    for (const std::int64_t extent : shape) {
      if (extent >= 0 && !__builtin_mul_overflow(expected, static_cast<std::size_t>(extent), &expected)) continue;
      throw input_error("{}: shape [{}] of a tensor", origin_, fmt::join(shape, ", "));
    }
    if (bytes_.size() == expected) return;
    throw input_error("{}: the undo file holds {} bytes of it, expected {}", origin_, bytes_.size(), expected);
  }

  at::Tensor make() const {
    if (is_whole()) return numbers(at::kByte, {std::ssize(bytes_)});
    const at::Tensor in_file = now_.tensor(name_);
    at::Tensor tensor = in_file;
    for (std::size_t d = 0; d < entry_.shape.size(); ++d) {
      tensor = tensor.narrow(static_cast<std::int64_t>(d), 0, entry_.shape[d]);
    }
    tensor = tensor.clone(at::MemoryFormat::Contiguous);
    forget_pages(in_file.const_data_ptr(), in_file.nbytes());
    if (columns_.empty()) return tensor;
    const at::Tensor old = numbers(tensor.scalar_type(), {std::ssize(columns_), tensor.size(1 - dim_)});
    for (std::int64_t i = 0; i < old.size(0); ++i) {
      tensor.select(dim_, columns_[static_cast<std::size_t>(i)]).copy_(old[i]);
    }
    return tensor;
  }

  at::Tensor numbers(at::ScalarType type, at::IntArrayRef shape) const {
    at::Tensor tensor = at::empty(shape, type);
    std::memcpy(tensor.mutable_data_ptr(), bytes_.data(), bytes_.size());
    return tensor;
  }

  const Checkpoint& now_;
  std::string name_;
  TensorEntry entry_;  ///< dtype and shape that it had
  std::string origin_;
  std::vector<std::int64_t> columns_;
  std::int64_t dim_ = 0;
  std::vector<std::byte> bytes_;
};

TensorEntry entry_of(const Json& fields, const std::string& origin) {
  return {require<std::string>(fields, "dtype", origin), require<std::vector<std::int64_t>>(fields, "shape", origin)};
}

std::string tensor_origin(const std::string& origin, const std::string& name) {
  return fmt::format("{}: tensor '{}'", origin, name);
}

/// The shape and dtype that a tensor had, by the old header of its file or, where that is unchanged, by the file.
TensorEntry old_entry(const Checkpoint& edited, const std::string& name, const Json& headers,
                      const std::string& origin) {
  for (const SafetensorsFile& file : edited.files()) {
    if (!file.has(name)) continue;
    const Json* header = find_key(headers, file.file_name(), origin);
    if (header == nullptr) return file.entry(name);
    const Json entries = parse_json(json_as<std::string>(*header, name, origin), origin);
    return entry_of(require<Json>(entries, name, origin), origin);
  }
  throw input_error("{}: the checkpoint has no tensor '{}'", origin, name);
}

/// Tensors of old headers that have grown since: cut back.
void cut_back(Undo& undo, const Checkpoint& edited, const std::string& header, const std::string& origin) {
  const Json entries = parse_json(header, origin);
  for (const auto& [name, fields] : entries.items()) {
    if (name == "__metadata__" || undo.changes.tensors.contains(name)) continue;
    const TensorEntry entry = entry_of(fields, origin);
    if (!edited.has(name)) throw input_error("{}: the checkpoint has no tensor '{}'", origin, name);
    if (edited.tensor(name).sizes().vec() == entry.shape) continue;
    undo.changes.tensors[name] = Restored(edited, name, entry, tensor_origin(origin, name)).change();
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
  Json files = Json::object();
  for (const std::string_view name : kFiles) {
    const fs::path path = fs::path(source.dir()) / name;
    if (fs::exists(path) && is_of_checkpoint(path, source.checkpoint())) files[name] = read_text_file(path.string());
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

bool is_undo(const Json& json, std::string_view origin) {
  const Json* format = find_key(json, "format", origin);
  return format != nullptr && *format == kFormat;
}

Undo parse_undo(const Json& json, const std::string& origin, const LayerTensors& edited) {
  if (!is_undo(json, origin)) throw input_error("{}: this is no undo file", origin);
  if (const auto version = require<std::int64_t>(json, "version", origin); version != kVersion) {
    throw input_error("{}: version {} of the format, this program reads {}", origin, version, kVersion);
  }
  Undo undo{require<std::string>(json, "checkpoint_hash", origin), require<std::string>(json, "restores", origin), {}};
  if (undo.checkpoint_hash.empty())
    throw input_error("{}: checkpoint_hash is empty: which checkpoint is it for?", origin);
  const auto files = require<Json>(json, "files", origin);
  for (const auto& [name, content] : files.items()) {
    if (std::ranges::find(kFiles, name) == kFiles.end()) {
      throw input_error("{}: files: '{}' is none that an undo file holds ({})", origin, name, fmt::join(kFiles, ", "));
    }
    undo.changes.files[name] = json_as<std::string>(content, name, origin);
  }
  undo.changes.left_out = {kProvenanceFile, kUndoFile};
  const auto headers = require<Json>(json, "headers", origin);
  const auto tensors = require<Json>(json, "tensors", origin);
  for (const auto& [name, old] : tensors.items()) {
    const TensorEntry entry = old_entry(edited.checkpoint(), name, headers, origin);
    undo.changes.tensors[name] = Restored(edited.checkpoint(), name, entry, old, tensor_origin(origin, name)).change();
  }
  for (const auto& [name, header] : headers.items()) {
    undo.changes.headers[name] = json_as<std::string>(header, name, origin);
    cut_back(undo, edited.checkpoint(), undo.changes.headers[name], origin);
  }
  return undo;
}

}  // namespace neurosweep
