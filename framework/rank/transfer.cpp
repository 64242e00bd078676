#include "framework/rank/transfer.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/rank/assignment.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

constexpr const char* kSource = "transfer";

/// A neuron of the receiver that a map chose.
struct MappedNeuron {
  NeuronId id;
  double score = 0;
  double value = 0;  ///< as in DonorNeuron
  double sd = 0;
  std::int64_t n = 0;
  double similarity = 0;
  std::optional<NeuronId> donor;
  double rest = 0;  ///< activation that it is moved from: the mean for a pull
};

using MappedSet = std::vector<MappedNeuron>;

/// Makes the sets of one map.
class SetMapper {
 public:
  explicit SetMapper(const MeasuredTransfer& measured)
      : measured_(measured),
        receiver_(measured.receiver),
        donor_moments_(read_moments(measured, kDonorMoments)),
        receiver_moments_(read_moments(measured, kReceiverMoments)) {}

  MappedSet identity(const DonorSet& set) const {
    MappedSet mapped;
    for (const DonorNeuron& neuron : set.neurons) {
      const bool elsewhere = set.form == DonorForm::pull && neuron.stands_for;
      const double value =
          elsewhere ? moments_of(donor_moments_, neuron.id).first + displacement(neuron) : neuron.value;
      mapped.push_back({neuron.id, neuron.score, value, neuron.sd, neuron.n, 1, neuron.id});
    }
    return mapped;
  }

  MappedSet matching(const DonorSet& set, const std::map<NeuronId, NeuronMatchRow>& matches) const {
    MappedSet mapped;
    const bool pull = set.form == DonorForm::pull;
    for (const DonorNeuron& neuron : set.neurons) {
      const auto found = matches.find(neuron.id);
      if (found == matches.end()) continue;
      const NeuronMatchRow& match = found->second;
      const NeuronId to{LayerIndex(match.receiver_layer), NeuronIndex(match.receiver_neuron)};
      const double rest = pull ? moments_of(receiver_moments_, to).first : 0;
      const double moved = match.slope * (pull ? displacement(neuron) : neuron.value);
      mapped.push_back({to, neuron.score, rest + moved, std::abs(match.slope) * neuron.sd, neuron.n, match.held_out,
                        neuron.id, rest});
    }
    return mapped;
  }

  /// What a residual map made of a set.
  MappedSet residual(const DonorSet& set, const std::string& map) const {
    return set.form == DonorForm::bare ? by_cosine(set, map) : by_pursuit(set, map);
  }

 private:
  using Moments = std::map<LayerIndex, LayerMoments>;

  static std::pair<double, double> moments_of(const Moments& moments, const NeuronId& id) {
    const LayerMoments& layer = moments.at(id.layer);
    const auto i = static_cast<std::size_t>(to_int(id.neuron));
    return {layer.means[i], layer.sds[i]};
  }

  /// How far a pull moves a neuron from its mean on the donor.
  double displacement(const DonorNeuron& neuron) const {
    return neuron.value - moments_of(donor_moments_, neuron.stands_for.value_or(neuron.id)).first;
  }

  void for_each_block(const DonorSet& set, const char* quantity, const std::string& map,
                      const std::function<void(const TransferBlockRow&)>& visit) const {
    measured_.for_each_block(quantity, [&](const TransferBlockRow& row) {
      if (row.map == map && row.source == set.source && row.task == set.task) visit(row);
    });
  }

  MappedSet by_cosine(const DonorSet& set, const std::string& map) const {
    std::map<NeuronId, std::int64_t> places;
    for (const DonorNeuron& neuron : set.neurons) places.emplace(neuron.id, std::ssize(places));
    std::vector<MatchEdge> edges;
    std::map<std::pair<std::int64_t, std::int64_t>, double> cosines;
    for_each_block(set, kCosines, map, [&](const TransferBlockRow& row) {
      for (std::size_t i = 0; i + 3 < row.block_values.size(); i += 4) {
        const float* value = &row.block_values[i];
        const NeuronId from{LayerIndex(static_cast<int>(value[0])), NeuronIndex(static_cast<int>(value[1]))};
        const std::int64_t to =
            row.receiver_layer * receiver_.n_neurons_per_layer + static_cast<std::int64_t>(value[2]);
        edges.push_back({places.at(from), to, std::abs(static_cast<double>(value[3]))});
        cosines[{places.at(from), to}] = value[3];
      }
    });
    const auto partners =
        best_matching(edges, std::ssize(set.neurons), receiver_.n_layers * receiver_.n_neurons_per_layer);
    MappedSet mapped;
    for (std::size_t i = 0; i < partners.size(); ++i) {
      if (partners[i] < 0) continue;
      const DonorNeuron& neuron = set.neurons[i];
      mapped.push_back({neuron_at(partners[i], receiver_.n_neurons_per_layer), neuron.score, 0, 0, 0,
                        cosines.at({static_cast<std::int64_t>(i), partners[i]}), neuron.id});
    }
    return mapped;
  }

  MappedSet by_pursuit(const DonorSet& set, const std::string& map) const {
    MappedSet mapped;
    for_each_block(set, kMappedPush, map, [&](const TransferBlockRow& row) {
      const double cosine = row.block_values.front();
      for (std::size_t i = 1; i + 2 < row.block_values.size(); i += 3) {
        const float* value = &row.block_values[i];
        const NeuronId id{LayerIndex(row.receiver_layer), NeuronIndex(static_cast<int>(value[0]))};
        const auto [mean, sd] = moments_of(receiver_moments_, id);
        const bool pull = set.form == DonorForm::pull;
        const double rest = pull ? mean : 0;
        mapped.push_back({id, value[2], rest + value[1], pull ? sd : 0, pull ? set.neurons.front().n : 0, cosine,
                          std::nullopt, rest});
      }
    });
    std::ranges::stable_sort(mapped, std::greater{}, &MappedNeuron::score);
    return mapped;
  }

  const MeasuredTransfer& measured_;
  const ModelRow& receiver_;
  Moments donor_moments_, receiver_moments_;
};

/// Of how far it moves its neurons.
double norm_of(const MappedSet& set) {
  double squares = 0;
  for (const MappedNeuron& neuron : set) squares += (neuron.value - neuron.rest) * (neuron.value - neuron.rest);
  return std::sqrt(squares);
}

void scale_to(MappedSet& set, double norm) {
  const double own = norm_of(set);
  if (own == 0) return;
  for (MappedNeuron& neuron : set) neuron.value = neuron.rest + (neuron.value - neuron.rest) * (norm / own);
}

void add_product(TransferProduct& rows, std::vector<TransferredNeuronRow>& provenance, const TransferSpec& spec,
                 const std::string& map, const DonorSet& set, const MappedSet& mapped) {
  const std::string product = transfer_product(spec.experiment, map, set.source);
  std::int64_t rank_no = 0;
  for (const MappedNeuron& neuron : mapped) {
    const std::int64_t layer = to_int(neuron.id.layer), index = to_int(neuron.id.neuron);
    rows.sets.push_back({product, spec.receiver, set.task, ++rank_no, layer, index, neuron.score, kSource});
    if (set.form == DonorForm::push) {
      rows.directions.push_back({product, spec.receiver, set.task, layer, index, neuron.value, kSource});
    } else if (set.form == DonorForm::pull) {
      rows.templates.push_back({product, spec.receiver, set.task, layer, index, std::max<std::int64_t>(1, neuron.n),
                                neuron.value, neuron.sd});
    }
    const bool bare = set.form == DonorForm::bare;
    const auto donor_part = [&](auto part) -> std::optional<std::int64_t> {
      return neuron.donor ? std::optional<std::int64_t>(to_int((*neuron.donor).*part)) : std::nullopt;
    };
    provenance.push_back({spec.experiment, map, set.source, set.task, layer, index, spec.donor, spec.receiver, rank_no,
                          bare ? std::nullopt : std::optional(neuron.value), neuron.similarity,
                          donor_part(&NeuronId::layer), donor_part(&NeuronId::neuron)});
  }
}

std::vector<TransferMapRow> read_residual_quality(const MeasuredTransfer& measured) {
  const TransferSpec& spec = measured.spec;
  std::vector<TransferMapRow> rows;
  measured.for_each_block(kMapFit, [&](const TransferBlockRow& row) {
    rows.push_back({spec.experiment, row.map, row.donor_layer, row.receiver_layer, spec.donor, spec.receiver,
                    row.n_samples, row.n_held_out, std::nullopt, "r2", row.block_values.at(0), row.block_values.at(1)});
  });
  return rows;
}

/// A set's neurons, or those of them that its direction or template names.
DonorSet donor_set(const Database& db, const TransferSpec& spec, const CriticalSet& set) {
  DonorSet donor{set.experiment, set.task, DonorForm::bare, {}};
  constexpr const char* kOfTask = "WHERE experiment = ? AND model = ? AND task = ?";
  const std::vector<SqlValue> key = {set.experiment, set.model, set.task};
  std::map<NeuronId, DonorNeuron> values;
  db.for_each<DirectionRow>(kOfTask, key, [&](DirectionRow&& row) {
    donor.form = DonorForm::push;
    values[neuron_of(row)] = {neuron_of(row), 0, row.value, 0, 0};
  });
  if (values.empty()) {
    db.for_each<SuccessTemplateRow>(kOfTask, key, [&](SuccessTemplateRow&& row) {
      donor.form = DonorForm::pull;
      values[neuron_of(row)] = {neuron_of(row), 0, row.mean, row.sd, row.n};
    });
  }
  for (const CriticalNeuron& neuron : set.neurons) {
    if (spec.top > 0 && std::ssize(donor.neurons) == spec.top) break;
    const auto found = values.find(neuron.id);
    if (donor.form != DonorForm::bare && found == values.end()) continue;
    donor.neurons.push_back(found == values.end() ? DonorNeuron{neuron.id} : found->second);
    donor.neurons.back().score = neuron.effect;
  }
  return donor;
}

void log_products(const TransferSpec& spec, const std::vector<DonorSet>& sets, const TransferRows& rows) {
  for (const std::string& map : spec.maps) {
    for (const DonorSet& set : sets) {
      const auto& made = rows.products.at(transfer_product(spec.experiment, map, set.source)).sets;
      log_info("{}: {} neurons of '{}' on '{}', task '{}', by {}: {} on '{}'", spec.experiment, set.neurons.size(),
               set.source, spec.donor, set.task, map, std::ranges::count(made, set.task, &CriticalSetRow::task),
               spec.receiver);
    }
  }
}

}  // namespace

std::string_view form_name(DonorForm form) {
  return form == DonorForm::bare ? "bare" : form == DonorForm::push ? "push" : "pull";
}

std::string random_source(const std::string& source) {
  return "random " + source;
}

std::string transfer_product(const std::string& experiment, const std::string& map, const std::string& source) {
  return fmt::format("{}/{}/{}", experiment, map, source);
}

DonorSet draw_random_control(const TransferSpec& spec, std::int64_t M, const DonorSet& set) {
  std::vector<NeuronId> ids;
  for (const DonorNeuron& neuron : set.neurons) ids.push_back(neuron.id);
  const auto seed = derive_seed(*spec.random_seed, set.source + "|" + set.task);
  std::map<LayerIndex, std::vector<NeuronId>> drawn;
  const auto draws = make_matched_sets(ids, M, 1, seed);
  for (const NeuronId& id : draws.front()) drawn[id.layer].push_back(id);
  DonorSet control = set;
  control.source = random_source(set.source);
  for (DonorNeuron& neuron : control.neurons) {
    auto& left = drawn.at(neuron.id.layer);
    neuron.stands_for = neuron.id;
    neuron.id = left.back();
    left.pop_back();
  }
  return control;
}

std::vector<DonorSet> read_donor_sets(const Database& db, const TransferSpec& spec) {
  std::vector<DonorSet> sets;
  for (const std::string& source : spec.sources) {
    const std::size_t before = sets.size();
    for (const CriticalSet& set : read_critical_sets(db, source)) {
      const bool wanted = set.task == kAllTasks || std::ranges::find(spec.tasks, set.task) != spec.tasks.end();
      if (set.model != spec.donor || !wanted) continue;
      sets.push_back(donor_set(db, spec, set));
      if (!spec.random_seed) continue;
      try {
        sets.push_back(draw_random_control(spec, read_model(db, spec.donor).n_neurons_per_layer, sets.back()));
      } catch (const Error& failure) {
        log_warning("{}: no random control of '{}', task '{}': {}", spec.experiment, source, set.task, failure.what());
      }
    }
    if (sets.size() == before) {
      log_warning("{}: '{}' found no neuron on the donor '{}': nothing of it is transferred", spec.experiment, source,
                  spec.donor);
    }
  }
  if (sets.empty()) {
    throw input_error("transfer '{}': no source found a neuron on the donor '{}' ({}): nothing to transfer",
                      spec.experiment, spec.donor, fmt::join(spec.sources, ", "));
  }
  return sets;
}

TransferRows make_transfer_rows(const MeasuredTransfer& measured, const std::vector<DonorSet>& sets) {
  const TransferSpec& spec = measured.spec;
  TransferRows rows{make_layer_similarity(measured), read_residual_quality(measured), {}, {}, {}};
  std::map<std::tuple<std::string, std::string, std::string>, double> norms;
  const SetMapper mapper(measured);
  for (const std::string& map : spec.maps) {
    std::map<NeuronId, NeuronMatchRow> matches;
    const bool is_matching = map == kMatchingMap || map == shuffled_map(kMatchingMap);
    if (is_matching) {
      const auto matched = match_neurons(measured, map, rows.quality);
      for (const NeuronMatchRow& row : matched) {
        matches.emplace(NeuronId{LayerIndex(row.donor_layer), NeuronIndex(row.donor_neuron)}, row);
      }
      if (!is_shuffled(map)) rows.matches = matched;
    }
    for (const DonorSet& set : sets) {
      MappedSet mapped = map == kIdentityMap ? mapper.identity(set)
                         : is_matching       ? mapper.matching(set, matches)
                                             : mapper.residual(set, map);
      norms[{map, set.source, set.task}] = norm_of(mapped);
      for (const std::string& real : spec.maps) {
        if (map == shuffled_map(real)) scale_to(mapped, norms.at({real, set.source, set.task}));
      }
      add_product(rows.products[transfer_product(spec.experiment, map, set.source)], rows.neurons, spec, map, set,
                  mapped);
    }
  }
  return rows;
}

void reduce_transfer(Database& db, const TransferSpec& spec) {
  const auto sets = read_donor_sets(db, spec);
  const TransferRows rows = make_transfer_rows(stored_transfer(db, spec), sets);
  log_products(spec, sets, rows);
  replace_derived(db, spec.experiment, rows.similarity);
  replace_derived(db, spec.experiment, rows.quality);
  replace_derived(db, spec.experiment, rows.matches);
  replace_derived(db, spec.experiment, rows.neurons);
  for (const auto& [name, product] : rows.products) {
    replace_derived(db, name, product.sets);
    replace_derived(db, name, product.directions);
    replace_derived(db, name, product.templates);
  }
}

}  // namespace neurosweep
