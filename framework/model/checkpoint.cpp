#include "framework/model/checkpoint.hpp"

#include <filesystem>
#include <utility>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {
namespace {

constexpr const char* kSingleFile = "/model.safetensors";

/// The shard each tensor is in, by the index.
using WeightMap = std::map<std::string, std::string>;

WeightMap read_index(const std::string& path) {
  const Json index = read_json(path);
  const std::string where = path + ": weight_map";
  const Json entries = require<Json>(index, "weight_map", path);
  if (!entries.is_object()) throw input_error("{}: expected a JSON object, found {}", where, entries.type_name());
  WeightMap shards;
  for (const auto& [tensor, value] : entries.items()) {
    const auto shard = json_as<std::string>(value, tensor, where);
    if (!is_plain_file_name(shard)) {
      throw input_error("{}: key '{}': '{}' is not a plain file name", where, tensor, shard);
    }
    shards.emplace(tensor, shard);
  }
  if (shards.empty()) throw input_error("{}: names no tensor", where);
  return shards;
}

std::string join(const std::string& dir, const std::string& file) {
  return dir + "/" + file;
}

}  // namespace

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == std::string_view::npos;
}

Checkpoint Checkpoint::open(const std::string& dir) {
  Checkpoint checkpoint;
  checkpoint.dir_ = dir;
  if (std::filesystem::exists(dir + kSingleFile)) {
    checkpoint.files_.push_back(SafetensorsFile::open(dir + kSingleFile));
    for (auto& name : checkpoint.files_[0].names()) checkpoint.file_of_.emplace(std::move(name), 0);
    return checkpoint;
  }
  const std::string index = join(dir, kShardIndex);
  if (!std::filesystem::exists(index)) {
    throw input_error("{}: neither model.safetensors nor model.safetensors.index.json is there", dir);
  }
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, shard] : read_index(index)) {
    const auto [place, is_new] = opened.emplace(shard, checkpoint.files_.size());
    if (is_new) {
      if (!std::filesystem::exists(join(dir, shard))) {
        throw input_error("{}: missing shard, named by {} for tensor '{}'", join(dir, shard), index, tensor);
      }
      checkpoint.files_.push_back(SafetensorsFile::open(join(dir, shard)));
    }
    if (!checkpoint.files_[place->second].has(tensor)) {
      throw input_error("{}: missing tensor '{}', which {} says is there", join(dir, shard), tensor, index);
    }
    checkpoint.file_of_.emplace(tensor, place->second);
  }
  return checkpoint;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : file_of_) names.push_back(name);
  return names;
}

const std::string& Checkpoint::path_of(std::string_view name) const {
  const auto found = file_of_.find(name);
  return found == file_of_.end() ? dir_ : files_[found->second].path();
}

at::Tensor Checkpoint::tensor(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) throw input_error("{}: missing tensor '{}'", dir_, name);
  return files_[found->second].tensor(name);
}

}  // namespace neurosweep
