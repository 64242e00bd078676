#include "framework/model/checkpoint_writer.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/base/new_file.hpp"
#include "framework/config/json.hpp"
#include "framework/model/safetensors_writer.hpp"

namespace neurosweep {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMetadata = "__metadata__";

/// Files beside the weights that the engine reads: a checkpoint written without one of them would be another model.
constexpr std::array<std::string_view, 6> kEngineFiles = {
    "config.json",           kShardIndex,          "generation_config.json", "tokenizer.json",
    "tokenizer_config.json", "chat_template.jinja"};

/// Ends of files that hold weights in another form: an edit would not reach them.
constexpr std::array<std::string_view, 10> kForeignWeights = {".safetensors", ".bin",  ".pt",   ".pth", ".h5",
                                                              ".msgpack",     ".gguf", ".onnx", ".npz", ".ckpt"};

TensorToWrite copied(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry& entry = file.entry(name);
  return {name, entry.dtype, entry.shape, [&file, name] { return file.raw(name); }};
}

TensorToWrite changed(const std::string& name, const TensorChange& change) {
  return {name, change.dtype, change.shape, change.make};
}

/// Names of a file's tensors as their bytes follow each other.
std::vector<std::string> names_in_order(const SafetensorsFile& file) {
  std::vector<std::string> names = file.names();
  std::ranges::stable_sort(names, {}, [&](const std::string& name) { return file.entry(name).begin; });
  return names;
}

/// The tensors that an exact header names.
std::vector<TensorToWrite> tensors_of_header(const SafetensorsFile& file, const CheckpointChanges& changes,
                                             const std::string& header) {
  std::vector<std::pair<std::int64_t, TensorToWrite>> placed;
  const Json entries = parse_json(header, file.path() + " (stored header)");
  for (const auto& [name, fields] : entries.items()) {
    if (name == kMetadata) continue;
    const auto change = changes.tensors.find(name);
    const auto offsets = require<std::vector<std::int64_t>>(fields, "data_offsets", file.path());
    if (offsets.size() != 2) throw input_error("{}: stored header: tensor '{}' has no two offsets", file.path(), name);
    placed.emplace_back(offsets[0],
                        change == changes.tensors.end() ? copied(file, name) : changed(name, change->second));
  }
  std::ranges::stable_sort(placed, {}, [](const auto& each) { return each.first; });
  std::vector<TensorToWrite> tensors;
  for (auto& [begin, tensor] : placed) tensors.push_back(std::move(tensor));
  return tensors;
}

/// The tensors of a changed file: those of the source in their order, then new ones; wider elements come first where
/// there are several sizes, so that all are aligned.
std::vector<TensorToWrite> tensors_of_copy(const SafetensorsFile& file, const CheckpointChanges& changes) {
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : names_in_order(file)) {
    const auto change = changes.tensors.find(name);
    tensors.push_back(change == changes.tensors.end() ? copied(file, name) : changed(name, change->second));
  }
  for (const auto& [name, change] : changes.tensors) {
    if (!file.has(name) && file.has(change.beside)) tensors.push_back(changed(name, change));
  }
  std::ranges::stable_sort(tensors, std::greater(), [](const TensorToWrite& each) { return dtype_bytes(each.dtype); });
  return tensors;
}

bool same_layout(const SafetensorsFile& file, const std::vector<TensorToWrite>& tensors) {
  return tensors.size() == file.names().size() && std::ranges::all_of(tensors, [&](const TensorToWrite& each) {
           const TensorEntry& entry = file.entry(each.name);
           return entry.dtype == each.dtype && entry.shape == each.shape;
         });
}

/// Writes one weight file and returns its tensors.
std::vector<TensorToWrite> write_weights(const SafetensorsFile& file, const CheckpointChanges& changes,
                                         const std::string& into) {
  const std::string path = into + "/" + file.file_name();
  const auto exact = changes.headers.find(file.file_name());
  auto tensors =
      exact == changes.headers.end() ? tensors_of_copy(file, changes) : tensors_of_header(file, changes, exact->second);
  const Json old = parse_json(file.header(), file.path());
  const Json* metadata = find_key(old, kMetadata, file.path());
  const bool kept = exact == changes.headers.end() && same_layout(file, tensors);
  const std::string header = exact != changes.headers.end() ? exact->second
                             : kept                         ? file.header()
                                    : safetensors_header(tensors, metadata == nullptr ? Json() : *metadata);
  write_safetensors(path, header, tensors);
  return tensors;
}

void write_text(const std::string& path, std::string_view text) {
  NewFile file(path);
  file.write(text);
  file.finish();
}

/// The index of the source with what was written in place of what it names.
std::string index_text(const std::string& source_path, const std::map<std::string, std::string>& shard_of,
                       std::int64_t total_bytes, std::int64_t total_numbers) {
  Json index = read_json(source_path);
  Json& metadata = index["metadata"];
  metadata["total_size"] = total_bytes;
  if (metadata.contains("total_parameters")) metadata["total_parameters"] = total_numbers;
  index["weight_map"] = shard_of;
  return json_text(index, 2) + "\n";
}

bool is_foreign_weight(const std::string& name) {
  return std::ranges::any_of(kForeignWeights, [&](std::string_view end) { return name.ends_with(end); });
}

/// The folder that a path's file lies in, links followed; empty where there is none.
fs::path real_folder(const fs::path& path) {
  std::error_code failure;
  return fs::canonical(path, failure).parent_path();
}

void check_names(const std::string& source_dir, const Checkpoint& source, const CheckpointChanges& changes) {
  for (const auto& [name, text] : changes.files) {
    if (!is_plain_file_name(name)) {
      throw input_error("'{}' is not a plain file name: it would be written outside of the new checkpoint", name);
    }
  }
  for (const std::string_view name : kEngineFiles) {
    const fs::path path = fs::path(source_dir) / name;
    if (!fs::exists(path) || is_of_checkpoint(path, source)) continue;
    throw input_error("{}: is a link out of the checkpoint, to {}, and is not followed: copy that file there",
                      path.string(), fs::canonical(path).string());
  }
}

void copy_other_files(const std::string& source_dir, const Checkpoint& source, const std::set<std::string>& known,
                      const std::string& into) {
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(source_dir)) {
    const std::string name = entry.path().filename().string();
    if (known.contains(name)) continue;
    if (!fs::is_regular_file(entry.status()) || is_foreign_weight(name) || !is_of_checkpoint(entry.path(), source)) {
      left.push_back(name);
    } else {
      copy_file(entry.path().string(), into + "/" + name);
    }
  }
  std::sort(left.begin(), left.end());
  if (!left.empty()) log_info("{}: not taken along: {}", source_dir, fmt::join(left, ", "));
}

}  // namespace

bool is_of_checkpoint(const fs::path& file, const Checkpoint& checkpoint) {
  const fs::path folder = real_folder(file);
  if (folder.empty()) return false;
  return folder == fs::canonical(file.parent_path()) ||
         std::ranges::any_of(checkpoint.files(), [&](const auto& each) { return real_folder(each.path()) == folder; });
}

void write_checkpoint(const std::string& source_dir, const Checkpoint& source, const CheckpointChanges& changes,
                      const std::string& into) {
  check_names(source_dir, source, changes);
  std::set<std::string> written = changes.left_out;
  std::map<std::string, std::string> shard_of;
  std::int64_t total_bytes = 0, total_numbers = 0;
  for (const SafetensorsFile& file : source.files()) {
    for (const TensorToWrite& tensor : write_weights(file, changes, into)) {
      std::int64_t numbers = 1;
      for (const std::int64_t extent : tensor.shape) numbers *= extent;
      total_numbers += numbers;
      total_bytes += numbers * static_cast<std::int64_t>(dtype_bytes(tensor.dtype));
      shard_of[tensor.name] = file.file_name();
    }
    written.insert(file.file_name());
  }
  const std::string index = source_dir + "/" + kShardIndex;
  if (fs::exists(index) && !changes.files.contains(kShardIndex) && !written.contains("model.safetensors")) {
    write_text(into + "/" + kShardIndex, index_text(index, shard_of, total_bytes, total_numbers));
    written.insert(kShardIndex);
  }
  for (const auto& [name, text] : changes.files) {
    write_text(into + "/" + name, text);
    written.insert(name);
  }
  copy_other_files(source_dir, source, written, into);
}

}  // namespace neurosweep
