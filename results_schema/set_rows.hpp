#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// A neuron that a set search has added, in the order of adding. Effects are joint ones, on the search's items.
struct MinimalSetRow {
  static constexpr std::string_view kTable = "minimal_set";
  static constexpr std::string_view kKey = "experiment, model, task, order_no";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t order_no = 0;  ///< from 1
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::int64_t rank_no = 0;    ///< within the critical set that was searched
  double alone = 0.0;          ///< effect of the neuron alone
  double gain = 0.0;           ///< change by adding it
  double share = 0.0;          ///< of the full effect once it was added
  std::int64_t kept = 0;       ///< 0: pruned later
  std::optional<double> loss;  ///< what leaving it out of the final set takes away; none when pruned

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("order_no", row.order_no);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("rank_no", row.rank_no);
    visit("alone", row.alone);
    visit("gain", row.gain);
    visit("share", row.share);
    visit("kept", row.kept);
    visit("loss", row.loss);
  }
};

/// What a set search found, and its proof on held-out items.
struct SetSearchRow {
  static constexpr std::string_view kTable = "set_search";
  static constexpr std::string_view kKey = "experiment, model, task";

  std::string experiment;
  std::string model;
  std::string task;
  std::string metric;
  std::int64_t n_candidates = 0;
  double target_share = 0.0;
  std::int64_t size = 0;      ///< neurons of the minimal set
  std::int64_t n_search = 0;  ///< items searched on
  std::int64_t n_sets = 0;    ///< sets measured on each of them
  std::int64_t n_rounds = 0;
  double search_full = 0.0;  ///< effect of all candidates together
  double search_share = 0.0;
  std::int64_t n_proof = 0;  ///< held-out items
  double proof_full = 0.0;
  double proof_effect = 0.0;  ///< of the minimal set
  double proof_share = 0.0;
  std::optional<double> share_low;
  std::optional<double> share_high;
  std::int64_t n_random_sets = 0;
  std::optional<double> random_effect;
  std::optional<double> random_worst;
  std::optional<double> p;  ///< minimal set against random sets

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("metric", row.metric);
    visit("n_candidates", row.n_candidates);
    visit("target_share", row.target_share);
    visit("size", row.size);
    visit("n_search", row.n_search);
    visit("n_sets", row.n_sets);
    visit("n_rounds", row.n_rounds);
    visit("search_full", row.search_full);
    visit("search_share", row.search_share);
    visit("n_proof", row.n_proof);
    visit("proof_full", row.proof_full);
    visit("proof_effect", row.proof_effect);
    visit("proof_share", row.proof_share);
    visit("share_low", row.share_low);
    visit("share_high", row.share_high);
    visit("n_random_sets", row.n_random_sets);
    visit("random_effect", row.random_effect);
    visit("random_worst", row.random_worst);
    visit("p", row.p);
  }
};

/// Two neurons suppressed together against each alone, on held-out items.
struct PairInteractionRow {
  static constexpr std::string_view kTable = "pair_interaction";
  static constexpr std::string_view kKey = "experiment, model, task, layer_a, neuron_a, layer_b, neuron_b";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t layer_a = 0;
  std::int64_t neuron_a = 0;
  std::int64_t layer_b = 0;
  std::int64_t neuron_b = 0;
  std::int64_t n = 0;  ///< items
  double effect_a = 0.0;
  double effect_b = 0.0;
  double effect_joint = 0.0;
  double interaction = 0.0;  ///< joint - a - b
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  double p = 1.0;
  double q = 1.0;  ///< Benjamini-Hochberg over the pairs of a model and task

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer_a", row.layer_a);
    visit("neuron_a", row.neuron_a);
    visit("layer_b", row.layer_b);
    visit("neuron_b", row.neuron_b);
    visit("n", row.n);
    visit("effect_a", row.effect_a);
    visit("effect_b", row.effect_b);
    visit("effect_joint", row.effect_joint);
    visit("interaction", row.interaction);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("p", row.p);
    visit("q", row.q);
  }
};

/// The tables that reducers of set searches rebuild.
using SetSearchTables = std::tuple<MinimalSetRow, SetSearchRow, PairInteractionRow>;

}  // namespace neurosweep
