#include "experiments/unit_cost.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "framework/rank/critical_set.hpp"

namespace neurosweep {

namespace {

/// Characters that a unit's items and texts hold; at least 1.
double text_size(const Catalog& catalog, const WorkUnit& unit) {
  std::size_t size = 1;
  for (const auto& text : unit.texts) size += text.size();
  if (unit.items.empty() || unit.task == kAllTasks) return static_cast<double>(size + unit.items.size());
  const TaskEntry& task = catalog.task(unit.task);
  for (const auto& id : unit.items) {
    const TaskItem& item = task.item(id);
    size += task.prompt.fill(item.fields).size() + task.target.fill(item.fields).size();
  }
  return static_cast<double>(size);
}

/// Layer of a unit's first arm, 0 without arms: an arm costs what its layer and those above it do.
std::int64_t layer_of(const Plan& plan, const WorkUnit& unit) {
  const auto arm = static_cast<std::size_t>(unit.first_arm);
  return unit.n_arms > 0 && arm < plan.arms.size() ? plan.arms[arm].layer : 0;
}

}  // namespace

std::vector<QueuedUnit> queue_units(const Catalog& catalog, const Plan& plan, const std::vector<std::int64_t>& todo,
                                    const std::map<std::int64_t, std::int64_t>& setbacks) {
  const auto models = static_cast<std::int64_t>(catalog.study().models.size());
  std::map<std::string, std::int64_t> groups;
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> kinds;
  std::vector<QueuedUnit> units;
  for (const std::int64_t number : todo) {
    const WorkUnit& unit = plan.units.at(static_cast<std::size_t>(number));
    const auto group = groups.try_emplace(unit.model, static_cast<std::int64_t>(groups.size())).first->second;
    const auto kind =
        kinds.try_emplace({unit.task, layer_of(plan, unit)}, static_cast<std::int64_t>(kinds.size())).first->second;
    const auto failed = setbacks.find(number);
    const std::int64_t after = failed == setbacks.end() ? 0 : models * failed->second;
    const auto arms = static_cast<double>(std::max<std::int64_t>(1, unit.n_arms));
    units.push_back({number, after + group, kind, arms * text_size(catalog, unit)});
  }
  return units;
}

}  // namespace neurosweep
