#include "framework/rank/directions.hpp"

#include <cmath>

namespace neurosweep {

double direction_norm(const NeuronDirection& direction) {
  double squares = 0;
  for (const PushedNeuron& neuron : direction.neurons) squares += neuron.value * neuron.value;
  return std::sqrt(squares);
}

void write_directions(Database& db, const std::string& experiment, const std::string& source,
                      const std::vector<NeuronDirection>& directions) {
  std::vector<CriticalSetRow> members;
  std::vector<DirectionRow> values;
  for (const NeuronDirection& direction : directions) {
    std::int64_t rank_no = 0;
    for (const auto& [id, score, value] : direction.neurons) {
      const std::int64_t layer = to_int(id.layer), neuron = to_int(id.neuron);
      members.push_back({experiment, direction.model, direction.task, ++rank_no, layer, neuron, score, source});
      values.push_back({experiment, direction.model, direction.task, layer, neuron, value, source});
    }
  }
  replace_derived(db, experiment, members);
  replace_derived(db, experiment, values);
}

}  // namespace neurosweep
