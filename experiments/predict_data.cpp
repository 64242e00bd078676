#include "experiments/predict_data.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/rank/anova_fold.hpp"

namespace neurosweep {

namespace {

using ItemKey = std::pair<std::string, std::string>;  ///< task, item

constexpr const char* kOutcomesSql = R"(
SELECT t.task, t.item, sum(1 - t.correct), count(*), max(t.n_prompt_tokens)
FROM trace AS t JOIN round AS r USING (round_id)
WHERE r.experiment = ? AND r.round_no = 0 AND t.model = ?
GROUP BY t.task, t.item)";

/// Calls visit(index, row) for the stored prompt activations of every item of a round.
template <class Visit>
void for_each_prompt(const Database& db, const std::string& experiment, std::int64_t round_no, const std::string& model,
                     const std::vector<PredictItem>& items, Visit&& visit) {
  std::map<ItemKey, std::size_t> index;
  for (std::size_t i = 0; i < items.size(); ++i) index[{items[i].task, items[i].item}] = i;
  std::size_t seen = 0;
  db.for_each<PromptActivationRow>(
      "WHERE model = ? AND round_id = (SELECT round_id FROM round WHERE experiment = ? AND round_no = ?) "
      "ORDER BY unit, seq",
      {model, experiment, round_no}, [&](PromptActivationRow&& row) {
        const auto place = index.find({row.task, row.item});
        if (place == index.end()) return;
        ++seen;
        visit(place->second, row);
      });
  if (seen != items.size()) {
    throw error(ErrorKind::store, "{}: round {} of '{}' has the prompt activations of {} of {} items: run verify",
                db.path(), round_no, experiment, seen, items.size());
  }
}

}  // namespace

std::vector<PredictItem> read_predict_items(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                                            const std::string& model) {
  Statement statement = db.connection().prepare(kOutcomesSql);
  statement.bind(1, keys.name);
  statement.bind(2, model);
  std::map<ItemKey, std::pair<double, std::int64_t>> outcomes;
  while (statement.step()) {
    const double share = static_cast<double>(statement.integer(2)) / static_cast<double>(statement.integer(3));
    outcomes[{statement.text(0), statement.text(1)}] = {share, statement.integer(4)};
  }
  std::vector<PredictItem> items;
  for (const char* split : kPredictSplits) {
    for (const auto& task : keys.tasks) {
      for (const TaskItem& item : keys.chosen(catalog, task, split)) {
        const auto found = outcomes.find({task, item.id});
        if (found == outcomes.end()) {
          throw error(ErrorKind::store, "{}: '{}' has no outcome of model '{}' on item '{}' of task '{}': run verify",
                      db.path(), keys.name, model, item.id, task);
        }
        items.push_back({task, item.id, split, found->second.first, found->second.second});
      }
    }
  }
  return items;
}

std::vector<NeuronId> choose_features(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                                      const std::string& model, const std::vector<PredictItem>& items) {
  AnovaFold fold;
  for_each_prompt(db, keys.name, 0, model, items, [&](std::size_t i, const PromptActivationRow& row) {
    if (items[i].split == kTrainSplit) fold.add(row.activations, items[i].failed);
  });
  std::vector<NeuronId> neurons;
  if (!fold.outcome_varies()) return neurons;
  const auto f = fold.finish();
  for (const std::int64_t flat : largest(f, keys.features)) {
    neurons.push_back(neuron_at(flat, catalog.model(model).arch.M));
  }
  std::sort(neurons.begin(), neurons.end());
  return neurons;
}

PredictFeatures read_features(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                              const std::string& model, const std::vector<NeuronId>& neurons,
                              const std::vector<PredictItem>& items) {
  const auto K = static_cast<std::int64_t>(neurons.size());
  const std::int64_t M = catalog.model(model).arch.M;
  PredictFeatures features{at::empty({static_cast<std::int64_t>(items.size()), K}),
                           std::vector<at::Tensor>(items.size())};
  auto* means = features.means.mutable_data_ptr<float>();
  for_each_prompt(db, keys.name, 0, model, items, [&](std::size_t i, const PromptActivationRow& row) {
    for (std::size_t k = 0; k < neurons.size(); ++k) {
      means[i * neurons.size() + k] = row.activations.at(static_cast<std::size_t>(flat_index(neurons[k], M)));
    }
  });
  for_each_prompt(db, keys.name, 1, model, items, [&](std::size_t i, const PromptActivationRow& row) {
    ensure(row.n == row.n_tokens * K, "prompt activations of the chosen neurons");
    features.tokens[i] = at::tensor(row.activations).view({row.n_tokens, K});
  });
  return features;
}

}  // namespace neurosweep
