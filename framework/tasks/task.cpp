#include "framework/tasks/task.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/tasks/formats.hpp"
#include "framework/tasks/record_fields.hpp"

namespace neurosweep {
namespace {

const std::vector<std::string> kSplitNames = {"identify", "validate", "test"};

class TaskReader {
 public:
  TaskReader(const std::string& path, const TaskFormat& format)
      : path_(path), format_(format), kind_(format_kind(format.format)) {}

  std::vector<TaskItem> read() {
    for (const TaskRecord& record : read_records(path_, kind_.list_key)) add(record);
    check_splits();
    return std::move(items_);
  }

 private:
  void add(const TaskRecord& record) {
    FormattedItem mapped = kind_.map(record, {format_.id_field, format_.question_field, format_.answer_field});
    TaskItem item{mapped.id, mapped.question, mapped.expected.empty() ? mapped.answer : mapped.expected, "",
                  {},        record.place};
    for (const auto& [key, value] : record.object.items()) {
      if (const auto text = scalar_text(value)) item.fields[key] = *text;
    }
    for (auto& [key, value] : mapped.fields) item.fields[key] = std::move(value);
    if (const auto split = item.fields.find(format_.split_field); split != item.fields.end())
      set_split(item, split->second);
    item.fields["id"] = item.id;
    item.fields["question"] = item.question;
    item.fields["answer"] = mapped.answer;
    if (!item.split.empty()) item.fields["split"] = item.split;
    const auto [first, is_new] = place_of_id_.emplace(item.id, item.place);
    if (!is_new) throw input_error("{}: id '{}' is there twice, first at {}", item.place, item.id, first->second);
    items_.push_back(std::move(item));
  }

  void set_split(TaskItem& item, const std::string& split) const {
    if (std::find(kSplitNames.begin(), kSplitNames.end(), split) == kSplitNames.end()) {
      throw input_error("{}: split '{}' is not one of {}: set split_field to \"\" to split by hash", item.place, split,
                        fmt::join(kSplitNames, ", "));
    }
    item.split = split;
  }

  void check_splits() const {
    for (const TaskItem& item : items_) {
      if (item.split.empty() == items_.front().split.empty()) continue;
      const TaskItem& without = item.split.empty() ? item : items_.front();
      throw input_error("{}: no field '{}', which other lines have", without.place, format_.split_field);
    }
    check_apart();
  }

  // A question that neurons are found by must not be one that proves them.
  void check_apart() const {
    std::unordered_map<std::string_view, const TaskItem*> first_with;
    for (const TaskItem& item : items_) {
      const TaskItem& first = *first_with.emplace(item.question, &item).first->second;
      if (first.split == item.split) continue;
      throw input_error("{}: the splits overlap: the question of item '{}' ({}) is there as item '{}' ({}), at {}",
                        item.place, item.id, item.split, first.id, first.split, first.place);
    }
  }

  std::string path_;
  TaskFormat format_;
  const TaskFormatKind& kind_;
  std::vector<TaskItem> items_;
  std::unordered_map<std::string, std::string> place_of_id_;
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
