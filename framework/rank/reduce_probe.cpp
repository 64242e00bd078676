#include "framework/rank/reduce_probe.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/probe.hpp"

namespace neurosweep {
namespace {

struct ProbeRows {
  std::vector<ProbeFitRow> fits;
  std::vector<ProbeFoldRow> folds;
  std::vector<NeuronScoreRow> scores;
  std::vector<NeuronDirection> directions;
};

ProbeData read_data(const Database& db, const ContrastSpec& spec, const ModelRow& model,
                    const std::vector<std::string>& tasks) {
  const auto traces = read_traces(db, spec.trace_experiment, model.name, tasks, "activation_last");
  if (traces.empty()) {
    throw input_error(
        "probe '{}': '{}' kept no last activations of model '{}' for {}: set keep_last = true there and run it again "
        "in a new store",
        spec.experiment, spec.trace_experiment, model.name, fmt::join(tasks, ", "));
  }
  const std::int64_t neurons = model.n_layers * model.n_neurons_per_layer;
  ProbeData data{{static_cast<std::int64_t>(traces.size()), {}}, {}, {}};
  data.last.values.resize(static_cast<std::size_t>(neurons) * traces.size());
  for (std::size_t i = 0; i < traces.size(); ++i) {
    const TraceKey& key = traces[i];
    const auto rows =
        db.select<ActivationLastRow>("WHERE round_id = ? AND unit = ? AND seq = ?", {key.round_id, key.unit, key.seq});
    if (rows.at(0).n != neurons) {
      throw error(ErrorKind::store, "{}: trace {}/{}/{} has {} last activations, its model has {} neurons: run verify",
                  db.path(), key.round_id, key.unit, key.seq, rows[0].n, neurons);
    }
    for (std::size_t j = 0; j < rows[0].last_values.size(); ++j) {
      data.last.values[j * traces.size() + i] = rows[0].last_values[j];
    }
    data.correct.push_back(key.correct);
    data.item.push_back(key.task + '\n' + key.item);
  }
  return data;
}

void add_rows(ProbeRows& rows, const ContrastSpec& spec, const ModelRow& model, const std::string& task,
              const ProbeData& data, const Probe& probe) {
  std::set<std::int64_t> folds;
  for (const ProbeFold& fold : probe.folds) {
    folds.insert(fold.fold);
    rows.folds.push_back({spec.experiment, model.name, task, fold.c, fold.fold, fold.n, fold.n_nonzero, fold.auroc});
  }
  ProbeFitRow fit;
  fit.experiment = spec.experiment;
  fit.model = model.name;
  fit.task = task;
  fit.n_traces = static_cast<std::int64_t>(data.correct.size());
  fit.n_correct = std::ranges::count(data.correct, 1);
  fit.n_items = static_cast<std::int64_t>(std::set(data.item.begin(), data.item.end()).size());
  fit.n_features = probe.n_features;
  fit.n_nonzero = std::ranges::count_if(probe.weights, [](double w) { return w != 0; });
  fit.c = probe.c;
  fit.folds = static_cast<std::int64_t>(folds.size());
  fit.auroc = probe.auroc;
  if (probe.interval) {
    fit.auroc_low = probe.interval->low;
    fit.auroc_high = probe.interval->high;
  }
  fit.within_item = probe.within_item;
  fit.train_auroc = probe.train_auroc;
  fit.kkt = probe.kkt;
  rows.fits.push_back(std::move(fit));
  for (std::size_t flat = 0; flat < probe.weights.size(); ++flat) {
    const NeuronId id = neuron_at(static_cast<std::int64_t>(flat), model.n_neurons_per_layer);
    rows.scores.push_back(
        {spec.experiment, model.name, task, to_int(id.layer), to_int(id.neuron), std::abs(probe.weights[flat])});
  }
}

std::string no_probe_line(const ContrastSpec& spec, const std::string& model, const std::string& task) {
  return fmt::format(
      "probe '{}': model '{}' task '{}': some fold leaves no correct or no incorrect trace to learn from: take more "
      "items of middling difficulty",
      spec.experiment, model, task);
}

}  // namespace

NeuronDirection probe_direction(const ContrastSpec& spec, const ModelRow& model, const std::string& task,
                                const std::vector<double>& weights, const std::vector<double>& scale,
                                const ContrastScores& contrast) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t flat) { return weights[flat] == 0; });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return std::abs(weights[a]) > std::abs(weights[b]); });
  order.resize(std::min(order.size(), static_cast<std::size_t>(spec.K)));
  NeuronDirection direction{model.name, task, {}};
  for (const std::size_t flat : order) {
    const NeuronId id = neuron_at(static_cast<std::int64_t>(flat), model.n_neurons_per_layer);
    direction.neurons.push_back({id, weights[flat], weights[flat] * scale[flat]});
  }
  ContrastSpec as_many = spec;
  as_many.K = static_cast<std::int64_t>(order.size());
  as_many.polarity = Polarity::any;
  const double factor =
      direction_norm(contrast_direction(as_many, model, task, contrast)) / std::max(direction_norm(direction), 1e-300);
  for (PushedNeuron& neuron : direction.neurons) neuron.value *= factor;
  return direction;
}

std::vector<std::string> reduce_probe(Database& db, const ContrastSpec& spec, std::uint64_t seed) {
  ProbeRows rows;
  std::vector<std::string> unfitted;
  auto problems =
      for_each_contrast(db, spec, [&](const ModelRow& model, const std::string& task, const ContrastScores& contrast) {
        const ProbeData data =
            read_data(db, spec, model, task == kAllTasks ? spec.tasks : std::vector<std::string>{task});
        ProbeSpec settings;
        settings.seed = derive_seed(seed, fmt::format("{}|{}", model.name, task));
        const auto probe = fit_probe(data, settings);
        if (!probe) {
          unfitted.push_back(no_probe_line(spec, model.name, task));
          log_warning("{}", unfitted.back());
          return;
        }
        add_rows(rows, spec, model, task, data, *probe);
        if (rows.fits.back().n_nonzero == 0) {
          log_warning(
              "probe '{}': model '{}' task '{}': no penalty beats chance on held-out items: no neuron is selected",
              spec.experiment, model.name, task);
        }
        rows.directions.push_back(probe_direction(spec, model, task, probe->weights, probe->scale, contrast));
        log_info("{}: model '{}' task '{}': held-out AUROC {:.3f} at c = {}, {} neurons with a weight", spec.experiment,
                 model.name, task, probe->auroc, probe->c, rows.fits.back().n_nonzero);
      });
  replace_derived(db, spec.experiment, rows.fits);
  replace_derived(db, spec.experiment, rows.folds);
  replace_derived(db, spec.experiment, rows.scores);
  write_directions(db, spec.experiment, "probe", rows.directions);
  problems.insert(problems.end(), unfitted.begin(), unfitted.end());
  return problems;
}

}  // namespace neurosweep
