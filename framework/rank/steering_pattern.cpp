#include "framework/rank/steering_pattern.hpp"

namespace neurosweep {

namespace {

/// Rows of a table of neurons, in the order of the experiment's critical set.
template <class Row>
std::vector<Row> rows_by_rank(const Database& db, const std::string& experiment, const std::string& model,
                              const std::string& task, std::int64_t top) {
  constexpr const char* kOfSet =
      "WHERE experiment = ?1 AND model = ?2 AND task = ?3 ORDER BY (SELECT rank_no FROM critical_set AS member WHERE "
      "member.experiment = ?1 AND member.model = ?2 AND member.task = ?3 AND member.layer = {0}.layer AND "
      "member.neuron = {0}.neuron), layer, neuron LIMIT ?4";
  return db.select<Row>(fmt::format(fmt::runtime(kOfSet), Row::kTable),
                        {experiment, model, task, top == 0 ? std::int64_t{-1} : top});
}

NeuronId id_of(const auto& row) {
  return {LayerIndex(row.layer), NeuronIndex(row.neuron)};
}

}  // namespace

std::string_view form_name(SteeringForm form) {
  return form == SteeringForm::push ? "push" : "pull";
}

SteeringPattern read_steering_pattern(const Database& db, const std::string& experiment, const std::string& model,
                                      const std::string& task, std::int64_t top) {
  SteeringPattern pattern;
  for (const auto& row : rows_by_rank<DirectionRow>(db, experiment, model, task, top)) {
    pattern.source = row.source;
    pattern.neurons.push_back({id_of(row), row.value, 0});
  }
  if (!pattern.neurons.empty()) return pattern;
  pattern.form = SteeringForm::pull;
  pattern.source = "template";
  for (const auto& row : rows_by_rank<SuccessTemplateRow>(db, experiment, model, task, top)) {
    pattern.neurons.push_back({id_of(row), row.mean, row.sd});
  }
  return pattern;
}

}  // namespace neurosweep
