#include "framework/rank/steering_pattern.hpp"

#include <algorithm>
#include <map>

#include "framework/base/neuron_of.hpp"

namespace neurosweep {

std::string_view form_name(SteeringForm form) {
  return form == SteeringForm::push ? "push" : "pull";
}

SteeringPattern read_steering_pattern(const Database& db, const std::string& experiment, const std::string& model,
                                      const std::string& task, std::int64_t top) {
  constexpr const char* kOfTask = "WHERE experiment = ? AND model = ? AND task = ? ORDER BY layer, neuron";
  const std::vector<SqlValue> key = {experiment, model, task};
  SteeringPattern pattern;
  db.for_each<DirectionRow>(kOfTask, key, [&](DirectionRow&& row) {
    pattern.source = row.source;
    pattern.neurons.push_back({neuron_of(row), row.value, 0});
  });
  if (pattern.neurons.empty()) {
    pattern.form = SteeringForm::pull;
    pattern.source = "template";
    db.for_each<SuccessTemplateRow>(kOfTask, key, [&](SuccessTemplateRow&& row) {
      pattern.neurons.push_back({neuron_of(row), row.mean, row.sd});
    });
  }
  std::map<NeuronId, std::int64_t> ranks;
  db.for_each<CriticalSetRow>(kOfTask, key, [&](CriticalSetRow&& row) { ranks.emplace(neuron_of(row), row.rank_no); });
  std::ranges::stable_sort(pattern.neurons, {}, [&](const PatternNeuron& neuron) { return ranks[neuron.id]; });
  if (top > 0 && std::ssize(pattern.neurons) > top) pattern.neurons.resize(static_cast<std::size_t>(top));
  return pattern;
}

}  // namespace neurosweep
