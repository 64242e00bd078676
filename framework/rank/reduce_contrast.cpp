#include <algorithm>
#include <map>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {
namespace {

using Visit = std::function<void(const ModelRow&, const std::string&, const ContrastScores&)>;

std::string no_pair_line(const ContrastSpec& spec, const std::string& model, const std::string& task,
                         std::int64_t traces) {
  return fmt::format(
      "contrast '{}': model '{}' task '{}' has no item with both a correct and an incorrect trace ({} usable traces "
      "in '{}'): raise attempts or temperature, or take items of middling difficulty",
      spec.experiment, model, task, traces, spec.trace_experiment);
}

/// Folds each pair into its task's contrast and into the pool of all tasks; false when there was no pair.
bool visit_model(const Database& db, const ContrastSpec& spec, const ModelRow& model, const Visit& visit,
                 std::vector<std::string>& problems) {
  const auto traces = read_traces(db, spec.trace_experiment, model.name, spec.tasks, "activation_mean");
  const std::vector<TracePair> pairs = pair_traces(traces);
  const std::int64_t neurons = model.n_layers * model.n_neurons_per_layer;
  ContrastFold pool;
  for (const std::string& task : spec.tasks) {
    ContrastFold fold;
    for (const TracePair& pair : pairs) {
      if (pair.correct.task != task) continue;
      const std::vector<float> correct = read_means(db, pair.correct, neurons);
      const std::vector<float> incorrect = read_means(db, pair.incorrect, neurons);
      fold.add(correct, incorrect);
      pool.add(correct, incorrect);
    }
    const ContrastScores scores = fold.finish();
    if (scores.pairs > 0) {
      visit(model, task, scores);
    } else {
      problems.push_back(no_pair_line(spec, model.name, task, std::ranges::count(traces, task, &TraceKey::task)));
      log_warning("{}", problems.back());
    }
  }
  if (!pairs.empty()) visit(model, kAllTasks, pool.finish());
  return !pairs.empty();
}

void add_score_rows(std::vector<ContrastScoreRow>& rows, const ContrastSpec& spec, const ModelRow& model,
                    const std::string& task, const ContrastScores& scores, const NeuronDirection& best) {
  const std::size_t first = rows.size();
  for (std::size_t i = 0; i < scores.score.size(); ++i) {
    const NeuronId id = neuron_at(static_cast<std::int64_t>(i), model.n_neurons_per_layer);
    rows.push_back({spec.experiment, model.name, task, to_int(id.layer), to_int(id.neuron), scores.pairs,
                    scores.score[i], scores.mean_correct[i], scores.mean_incorrect[i], scores.sign_flip(i) ? 1 : 0,
                    std::nullopt});
  }
  std::int64_t rank_no = 0;
  for (const PushedNeuron& neuron : best.neurons) {
    rows[first + static_cast<std::size_t>(flat_index(neuron.id, model.n_neurons_per_layer))].rank_no = ++rank_no;
  }
}

void warn_of_few(const ContrastSpec& spec, const NeuronDirection& best, std::size_t neurons) {
  const auto found = static_cast<std::int64_t>(best.neurons.size());
  if (spec.polarity == Polarity::any || found >= spec.K) return;
  log_warning(
      "contrast '{}': model '{}' task '{}': {} of {} neurons change sign between correct and incorrect traces, fewer "
      "than top = {}: polarity = false selects among all",
      spec.experiment, best.model, best.task, found, neurons, spec.K);
}

}  // namespace

std::vector<std::string> for_each_contrast(const Database& db, const ContrastSpec& spec, const Visit& visit) {
  std::vector<std::string> problems;
  bool found = false;
  for (const std::string& name : spec.models) {
    found = visit_model(db, spec, read_model(db, name), visit, problems) || found;
  }
  if (!found) {
    throw input_error("contrast '{}': no model and task has a trace pair: {}", spec.experiment,
                      problems.empty() ? "name at least one model and task" : problems.front());
  }
  return problems;
}

NeuronDirection contrast_direction(const ContrastSpec& spec, const ModelRow& model, const std::string& task,
                                   const ContrastScores& scores) {
  NeuronDirection direction{model.name, task, {}};
  for (const std::int64_t flat : rank_contrast(scores, spec.K, spec.polarity)) {
    const double S = scores.score[static_cast<std::size_t>(flat)];
    direction.neurons.push_back({neuron_at(flat, model.n_neurons_per_layer), S, S});
  }
  return direction;
}

std::vector<std::string> reduce_contrast(Database& db, const ContrastSpec& spec) {
  std::vector<ContrastScoreRow> rows;
  std::vector<NeuronDirection> directions;
  const auto problems =
      for_each_contrast(db, spec, [&](const ModelRow& model, const std::string& task, const ContrastScores& scores) {
        directions.push_back(contrast_direction(spec, model, task, scores));
        warn_of_few(spec, directions.back(), scores.score.size());
        add_score_rows(rows, spec, model, task, scores, directions.back());
      });
  replace_derived(db, spec.experiment, rows);
  write_directions(db, spec.experiment, "contrast", directions);
  return problems;
}

NeuronDirection random_direction(const NeuronDirection& contrast, std::int64_t M, std::uint64_t seed) {
  std::vector<NeuronId> matched;
  std::map<LayerIndex, std::vector<double>> magnitudes;
  for (const PushedNeuron& neuron : contrast.neurons) {
    matched.push_back(neuron.id);
    magnitudes[neuron.id.layer].push_back(neuron.value);
  }
  NeuronDirection direction{contrast.model, contrast.task, {}};
  CounterRng signs(derive_seed(seed, "signs"));
  const auto sets = make_matched_sets(matched, M, 1, seed);
  for (const NeuronId& id : sets.front()) {
    std::vector<double>& of_layer = magnitudes.at(id.layer);
    const double value = signs.below(2) == 0 ? of_layer.back() : -of_layer.back();
    of_layer.pop_back();
    direction.neurons.push_back({id, value, value});
  }
  return direction;
}

std::vector<std::string> reduce_random(Database& db, const ContrastSpec& spec, std::uint64_t seed) {
  std::vector<NeuronDirection> directions;
  const auto problems =
      for_each_contrast(db, spec, [&](const ModelRow& model, const std::string& task, const ContrastScores& scores) {
        const auto draw = derive_seed(seed, fmt::format("{}|{}", model.name, task));
        directions.push_back(
            random_direction(contrast_direction(spec, model, task, scores), model.n_neurons_per_layer, draw));
      });
  write_directions(db, spec.experiment, "random", directions);
  return problems;
}

}  // namespace neurosweep
