#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// How far and which way an experiment would push a neuron to make answers better, at strength 1.
struct DirectionRow {
  static constexpr std::string_view kTable = "direction";
  static constexpr std::string_view kKey = "experiment, model, task, layer, neuron";

  std::string experiment;
  std::string model;
  std::string task;  ///< or '*' over all tasks
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  double value = 0.0;  ///< activation to add, in the model's units
  std::string source;  ///< the method: 'contrast', 'probe', 'gradient', 'learned', 'random', ...

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("value", row.value);
    visit("source", row.source);
  }
};

using DirectionTables = std::tuple<DirectionRow>;

}  // namespace neurosweep
