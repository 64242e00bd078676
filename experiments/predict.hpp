#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a predict experiment.
struct PredictSpec {
  std::string kind, name;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t items = 400;
  std::int64_t attempts = 1;
  double temperature = 0;
  double top_p = 1;
  std::int64_t features = 256;
  std::string pooling = "attention";
  std::int64_t hidden = 256;
  double dropout = 0.3;
  double learning_rate = 1e-4;
  double weight_decay = 1e-5;
  std::int64_t epochs = 100;
  std::int64_t patience = 10;
  std::int64_t batch = 32;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 20;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all, predicted by one network");
    v.optional("items", items,
               "items of each task and split, drawn by the study's seed (identify trains, validate stops and "
               "calibrates, test is judged); 0: all",
               kNotNegative);
    v.optional("attempts", attempts, "attempts at each item; predicted is the share that fails", kPositive);
    v.optional("temperature", temperature, "of sampling; 0: greedy, one attempt", kNotNegative);
    v.optional("top_p", top_p, "share of probability that is sampled from", Range{1e-6, 1});
    v.optional("features", features, "neurons read: those of greatest F between failures and successes in training",
               kPositive);
    v.optional("pooling", pooling, "tokens of a prompt become one vector by: attention, mean or last");
    v.optional("hidden", hidden, "width of the network's hidden layer", kPositive);
    v.optional("dropout", dropout, "share of the hidden layer left out in training", Range{0, 0.95});
    v.optional("learning_rate", learning_rate, "of Adam", Range{1e-9, 1});
    v.optional("weight_decay", weight_decay, "of Adam", Range{0, 1});
    v.optional("epochs", epochs, "of training, at most", kPositive);
    v.optional("patience", patience, "epochs without a better validation loss that end it", kPositive);
    v.optional("batch", batch, "prompts in one step of training", kPositive);
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }

  /// The chosen items of a task in one split.
  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task, const std::string& split) const {
    return Selection{models, tasks, split, items}.chosen(catalog, task);
  }
};

/// The splits by what they are for.
inline constexpr const char* kTrainSplit = "identify";
inline constexpr const char* kValidateSplit = "validate";
inline constexpr const char* kTestSplit = "test";
inline constexpr const char* kPredictSplits[] = {kTrainSplit, kValidateSplit, kTestSplit};

/// Predicts from the activations of a prompt's neurons, before decoding starts, how likely the model is to fail; judged
/// beside simpler predictors.
std::unique_ptr<Experiment> make_predict(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
