#include "framework/tasks/task.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <unordered_map>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {
namespace {

const std::vector<std::string> kSplitNames = {"identify", "validate", "test"};

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return json_text(value);
  return std::nullopt;
}

class TaskReader {
 public:
  TaskReader(const std::string& path, const TaskFormat& format) : path_(path), format_(format) {}

  std::vector<TaskItem> read() {
    std::ifstream file(path_, std::ios::binary);
    if (!file) throw error(ErrorKind::io, "{}: cannot open ({})", path_, errno_text());
    for (std::string line; std::getline(file, line);) {
      ++line_;
      if (line.find_first_not_of(" \t\r") != std::string::npos) add(line);
    }
    if (file.bad()) throw error(ErrorKind::io, "{}: cannot read ({})", path_, errno_text());
    if (items_.empty()) throw input_error("{}: no items: expected one JSON object a line", path_);
    check_splits();
    return std::move(items_);
  }

 private:
  std::string place(int line) const { return fmt::format("{}:{}", path_, line); }

  void add(const std::string& line) {
    const Json object = parse_json(line, place(line_));
    if (!object.is_object())
      throw input_error("{}: expected a JSON object, found {}", place(line_), object.type_name());
    TaskItem item;
    for (const auto& [key, value] : object.items()) {
      if (const auto text = scalar_text(value)) item.fields[key] = *text;
    }
    item.id = format_.id_field.empty() ? std::to_string(line_) : required(object, item, format_.id_field);
    item.question = required(object, item, format_.question_field);
    item.answer = required(object, item, format_.answer_field);
    if (const auto split = item.fields.find(format_.split_field); split != item.fields.end())
      set_split(item, split->second);
    item.fields["id"] = item.id;
    item.fields["question"] = item.question;
    item.fields["answer"] = item.answer;
    if (!item.split.empty()) item.fields["split"] = item.split;
    check_new(item.id);
    items_.push_back(std::move(item));
    lines_.push_back(line_);
  }

  std::string required(const Json& object, const TaskItem& item, const std::string& field) const {
    const auto found = item.fields.find(field);
    if (found != item.fields.end()) return found->second;
    if (object.contains(field)) {
      throw input_error("{}: field '{}' must be text, a number or a boolean, found {}", place(line_), field,
                        object[field].type_name());
    }
    std::vector<std::string> names;
    for (const auto& [key, value] : object.items()) names.push_back(key);
    throw input_error("{}: no field '{}' (fields: {}): name the right one in the task's settings", place(line_), field,
                      fmt::join(names, ", "));
  }

  void set_split(TaskItem& item, const std::string& split) const {
    if (std::find(kSplitNames.begin(), kSplitNames.end(), split) == kSplitNames.end()) {
      throw input_error("{}: split '{}' is not one of {}: set split_field to \"\" to split by hash", place(line_),
                        split, fmt::join(kSplitNames, ", "));
    }
    item.split = split;
  }

  void check_new(const std::string& id) {
    const auto [first, is_new] = line_of_id_.emplace(id, line_);
    if (!is_new) throw input_error("{}: id '{}' is there twice, first at line {}", place(line_), id, first->second);
  }

  void check_splits() const {
    for (std::size_t i = 1; i < items_.size(); ++i) {
      if (items_[i].split.empty() == items_[0].split.empty()) continue;
      const std::size_t without = items_[i].split.empty() ? i : 0;
      throw input_error("{}: no field '{}', which other lines have", place(lines_[without]), format_.split_field);
    }
  }

  std::string path_;
  TaskFormat format_;
  int line_ = 0;
  std::vector<TaskItem> items_;
  std::vector<int> lines_;
  std::unordered_map<std::string, int> line_of_id_;
};

std::uint64_t item_hash(std::uint64_t seed, const TaskItem& item) {
  return derive_seed(seed, item.id);
}

// A number in [0, 1) that depends on the id only.
double split_position(const TaskItem& item) {
  constexpr std::uint64_t kSplitSeed = 0x73706c6974;
  constexpr int kMantissaBits = 53;
  return static_cast<double>(item_hash(kSplitSeed, item) >> (64 - kMantissaBits)) / (1ULL << kMantissaBits);
}

TaskSplit split_of(const TaskItem& item) {
  if (!item.split.empty()) return parse_split(item.split);
  const double position = split_position(item);
  if (position < kIdentifyShare) return TaskSplit::identify;
  return position < kIdentifyShare + kValidateShare ? TaskSplit::validate : TaskSplit::test;
}

}  // namespace

std::vector<TaskItem> read_task(const std::string& path, const TaskFormat& format) {
  return TaskReader(path, format).read();
}

TaskSplit parse_split(const std::string& name) {
  if (name == "identify") return TaskSplit::identify;
  if (name == "validate") return TaskSplit::validate;
  if (name == "test") return TaskSplit::test;
  if (name == "all") return TaskSplit::all;
  throw input_error("split '{}' is not one of {}, all", name, fmt::join(kSplitNames, ", "));
}

std::vector<TaskItem> select_split(const std::vector<TaskItem>& items, TaskSplit split) {
  if (split == TaskSplit::all) return items;
  std::vector<TaskItem> selected;
  std::copy_if(items.begin(), items.end(), std::back_inserter(selected),
               [&](const TaskItem& item) { return split_of(item) == split; });
  return selected;
}

std::vector<TaskItem> take(const std::vector<TaskItem>& items, std::int64_t n, std::uint64_t seed) {
  if (n < 0) throw input_error("cannot take {} items", n);
  std::vector<std::pair<std::uint64_t, const TaskItem*>> order;
  for (const TaskItem& item : items) order.emplace_back(item_hash(seed, item), &item);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->id < b.second->id;
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(n)));
  std::vector<TaskItem> taken;
  for (const auto& [hash, item] : order) taken.push_back(*item);
  return taken;
}

}  // namespace neurosweep
