#include "framework/rank/transfer_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/base/error.hpp"
#include "framework/rank/assignment.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

constexpr std::string_view kShuffledSuffix = "-shuffled";

/// A partner that a donor neuron may get.
struct Candidate {
  std::int64_t to = 0;  ///< flat index of the receiver's neuron
  double fit = 0;
  double held_out = 0;
};

/// The best candidates of every donor neuron over all pairs of layers.
struct Candidates {
  std::vector<std::vector<Candidate>> of;  ///< [L * M] of the donor
  std::int64_t n_samples = 0;
  std::int64_t n_held_out = 0;
};

Candidates read_candidates(const MeasuredTransfer& measured, const std::string& map) {
  const ModelRow &donor = measured.donor, &receiver = measured.receiver;
  Candidates candidates;
  candidates.of.resize(static_cast<std::size_t>(donor.n_layers * donor.n_neurons_per_layer));
  measured.for_each_block(kCandidates, [&](const TransferBlockRow& row) {
    if (row.map != map) return;
    candidates.n_samples = row.n_samples;
    candidates.n_held_out = row.n_held_out;
    const auto M = static_cast<std::size_t>(donor.n_neurons_per_layer);
    const std::size_t k = row.block_values.size() / (3 * M);
    ensure(k > 0 && row.block_values.size() == 3 * M * k, "every donor neuron has as many candidates");
    for (std::size_t i = 0; i < M; ++i) {
      auto& best = candidates.of[static_cast<std::size_t>(row.donor_layer) * M + i];
      for (std::size_t c = 0; c < k; ++c) {
        const float* value = &row.block_values[3 * (i * k + c)];
        best.push_back({row.receiver_layer * receiver.n_neurons_per_layer + static_cast<std::int64_t>(value[0]),
                        value[1], value[2]});
      }
      std::ranges::stable_sort(best, std::greater{}, [](const Candidate& each) { return std::abs(each.fit); });
      best.resize(std::min(best.size(), k));
    }
  });
  return candidates;
}

const Candidate& candidate_to(const std::vector<Candidate>& candidates, std::int64_t to) {
  return *std::ranges::find(candidates, to, &Candidate::to);
}

double slope_of(double correlation, double donor_sd, double receiver_sd) {
  return donor_sd > 0 ? correlation * receiver_sd / donor_sd : 0;
}

}  // namespace

std::string shuffled_map(const std::string& map) {
  return map + std::string(kShuffledSuffix);
}

bool is_shuffled(const std::string& map) {
  return map.ends_with(kShuffledSuffix);
}

MeasuredTransfer stored_transfer(const Database& db, const TransferSpec& spec) {
  const auto for_each_block = [&db, experiment = spec.experiment](const std::string& quantity,
                                                                  const MeasuredTransfer::Visit& visit) {
    db.for_each<TransferBlockRow>(
        "WHERE quantity = ? AND round_id IN (SELECT round_id FROM round WHERE experiment = ?) ORDER BY round_id, unit, "
        "seq",
        {quantity, experiment}, [&](TransferBlockRow&& row) { visit(row); });
  };
  return {spec, read_model(db, spec.donor), read_model(db, spec.receiver), for_each_block};
}

std::vector<LayerSimilarityRow> make_layer_similarity(const MeasuredTransfer& measured) {
  const TransferSpec& spec = measured.spec;
  const std::int64_t La = measured.donor.n_layers, Lb = measured.receiver.n_layers;
  std::vector<double> sums(static_cast<std::size_t>(La * Lb + La + Lb));
  std::int64_t n_samples = 0;
  measured.for_each_block(kHsicQuantity, [&](const TransferBlockRow& row) {
    ensure(row.block_values.size() == sums.size(), "a batch compares every layer");
    n_samples += row.n_samples;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row.block_values[i];
  });
  if (n_samples == 0) {
    throw input_error("transfer '{}': no batch of texts could be compared: see the failures", spec.experiment);
  }
  std::vector<LayerSimilarityRow> rows;
  for (std::int64_t a = 0; a < La; ++a) {
    const std::size_t first = rows.size();
    for (std::int64_t b = 0; b < Lb; ++b) {
      const double own = sums[static_cast<std::size_t>(La * Lb + a)] * sums[static_cast<std::size_t>(La * Lb + La + b)];
      const double cka = own > 0 ? sums[static_cast<std::size_t>(a * Lb + b)] / std::sqrt(own) : 0;
      rows.push_back({spec.experiment, spec.donor, spec.receiver, a, b, n_samples, cka, 0});
    }
    std::ranges::max_element(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(), {},
                             &LayerSimilarityRow::cka)
        ->paired = 1;
  }
  return rows;
}

std::map<LayerIndex, LayerMoments> read_moments(const MeasuredTransfer& measured, const std::string& quantity) {
  std::map<LayerIndex, LayerMoments> moments;
  measured.for_each_block(quantity, [&](const TransferBlockRow& row) {
    const auto middle = row.block_values.begin() + row.n / 2;
    const std::int64_t layer = quantity == kDonorMoments ? row.donor_layer : row.receiver_layer;
    moments[LayerIndex(layer)] = {{row.block_values.begin(), middle}, {middle, row.block_values.end()}};
  });
  return moments;
}

std::vector<NeuronMatchRow> match_neurons(const MeasuredTransfer& measured, const std::string& map,
                                          std::vector<TransferMapRow>& quality) {
  const TransferSpec& spec = measured.spec;
  const ModelRow &donor = measured.donor, &receiver = measured.receiver;
  const auto donor_moments = read_moments(measured, kDonorMoments);
  const auto receiver_moments = read_moments(measured, kReceiverMoments);
  const Candidates candidates = read_candidates(measured, map);
  std::vector<MatchEdge> edges;
  for (std::size_t i = 0; i < candidates.of.size(); ++i) {
    for (const Candidate& each : candidates.of[i]) {
      if (each.fit != 0) edges.push_back({static_cast<std::int64_t>(i), each.to, std::abs(each.fit)});
    }
  }
  const auto partners =
      best_matching(edges, std::ssize(candidates.of), receiver.n_layers * receiver.n_neurons_per_layer);
  std::vector<NeuronMatchRow> rows;
  std::map<std::pair<std::int64_t, std::int64_t>, TransferMapRow> by_layers;
  for (std::size_t i = 0; i < partners.size(); ++i) {
    if (partners[i] < 0) continue;
    const NeuronId from = neuron_at(static_cast<std::int64_t>(i), donor.n_neurons_per_layer);
    const NeuronId to = neuron_at(partners[i], receiver.n_neurons_per_layer);
    const Candidate& match = candidate_to(candidates.of[i], partners[i]);
    const auto neuron = [](const NeuronId& id) { return static_cast<std::size_t>(to_int(id.neuron)); };
    rows.push_back({spec.experiment, to_int(from.layer), to_int(from.neuron), spec.donor, spec.receiver,
                    to_int(to.layer), to_int(to.neuron), match.fit, match.held_out,
                    slope_of(match.fit, donor_moments.at(from.layer).sds[neuron(from)],
                             receiver_moments.at(to.layer).sds[neuron(to)])});
    TransferMapRow& sum = by_layers[{to_int(from.layer), to_int(to.layer)}];
    sum.n_matched = sum.n_matched.value_or(0) + 1;
    sum.fit += std::abs(match.fit);
    sum.held_out += std::copysign(1.0, match.fit) * match.held_out;
  }
  for (const auto& [layers, sum] : by_layers) {
    const auto n = static_cast<double>(*sum.n_matched);
    quality.push_back({spec.experiment, map, layers.first, layers.second, spec.donor, spec.receiver,
                       candidates.n_samples, candidates.n_held_out, sum.n_matched, "correlation", sum.fit / n,
                       sum.held_out / n});
  }
  return rows;
}

}  // namespace neurosweep
