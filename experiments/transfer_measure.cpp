#include "experiments/transfer_measure.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/measure/aligned_samples.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/transfer.hpp"
#include "framework/steer/pursuit.hpp"
#include "framework/steer/transfer_map.hpp"
#include "framework/text/token_ends.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kHsicSamples = 512;  // a batch's kernels are so large, squared
constexpr std::size_t kHeldOutEvery = 5;    // every fifth text judges the maps
constexpr std::int64_t kCosinesKept = 16;

SampleKind sample_kind(const TransferKeys& keys) {
  return keys.align == "means" ? SampleKind::mean : SampleKind::token;
}

/// What both models read, text by text.
struct SharedTexts {
  std::vector<ObservedText> donor, receiver;
};

/// Tokens of a completion that spell something.
std::vector<std::int64_t> spelling_tokens(const std::vector<std::int64_t>& ends) {
  std::vector<std::int64_t> tokens;
  for (std::size_t t = 0; t < ends.size(); ++t) {
    if (ends[t] != (t == 0 ? 0 : ends[t - 1])) tokens.push_back(static_cast<std::int64_t>(t));
  }
  return tokens;
}

void add_text(SharedTexts& texts, const Catalog& catalog, const TransferKeys& keys, const TaskEntry& task,
              const TaskItem& item) {
  const std::string completion = task.target.fill(item.fields);
  std::vector<std::vector<std::int64_t>> ends;
  std::vector<ReferenceText> read;
  for (const std::string& name : {keys.donor, keys.receiver}) {
    const ModelEntry& model = catalog.model(name);
    read.push_back(catalog.reference(model, task, item));
    const auto target = std::span(read.back().tokens).subspan(static_cast<std::size_t>(read.back().prompt_length));
    ends.push_back(token_ends(*model.tokenizer, target, completion));
  }
  ObservedText donor{read[0].tokens, {}}, receiver{read[1].tokens, {}};
  if (sample_kind(keys) == SampleKind::mean) {
    donor.at = spelling_tokens(ends[0]);
    receiver.at = spelling_tokens(ends[1]);
    if (donor.at.empty() || receiver.at.empty()) donor.at = receiver.at = {};
  } else {
    for (const auto& [a, b] : meeting_tokens(ends[0], ends[1])) {
      donor.at.push_back(a);
      receiver.at.push_back(b);
    }
  }
  for (std::int64_t& at : donor.at) at += read[0].prompt_length;
  for (std::int64_t& at : receiver.at) at += read[1].prompt_length;
  texts.donor.push_back(std::move(donor));
  texts.receiver.push_back(std::move(receiver));
}

/// Samples of both models for layers of each, and which of them are held out.
struct SampledModels {
  std::map<LayerIndex, LayerSamples> donor, receiver;
  std::vector<std::int64_t> fit, held_out;  ///< rows of the samples
};

void split_samples(SampledModels& sampled, const std::vector<ObservedText>& texts, SampleKind kind) {
  std::int64_t row = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::int64_t n = kind == SampleKind::token ? std::ssize(texts[i].at) : texts[i].at.empty() ? 0 : 1;
    auto& rows = i % kHeldOutEvery == kHeldOutEvery - 1 ? sampled.held_out : sampled.fit;
    for (std::int64_t k = 0; k < n; ++k) rows.push_back(row++);
  }
}

std::vector<LayerIndex> all_layers(const ArchSpec& arch) {
  std::vector<LayerIndex> layers;
  for (std::int64_t l = 0; l < arch.L; ++l) layers.push_back(static_cast<LayerIndex>(l));
  return layers;
}

void shuffle(std::vector<std::int64_t>& rows, CounterRng& rng) {
  for (std::size_t left = rows.size(); left > 1; --left) std::swap(rows[left - 1], rows[rng.below(left)]);
}

TransferBlockRow block(const char* quantity, const std::string& map, std::int64_t donor_layer,
                       std::int64_t receiver_layer, const SampledModels& sampled, std::vector<float> values) {
  TransferBlockRow row;
  row.quantity = quantity;
  row.map = map;
  row.donor_layer = donor_layer;
  row.receiver_layer = receiver_layer;
  row.n_samples = std::ssize(sampled.fit);
  row.n_held_out = std::ssize(sampled.held_out);
  row.n = std::ssize(values);
  row.block_values = std::move(values);
  return row;
}

/// A set of the donor as the plan holds it.
struct PlannedSet {
  std::string source, task;
  DonorForm form = DonorForm::bare;
  std::vector<DonorNeuron> neurons;
};

std::vector<PlannedSet> planned_sets(const Plan& plan) {
  std::vector<PlannedSet> sets;
  for (const SetMemberRow& row : plan.members) {
    if (sets.empty() || sets.back().source != row.set_name || sets.back().task != row.task) {
      const DonorForm form = row.op == form_name(DonorForm::bare)   ? DonorForm::bare
                             : row.op == form_name(DonorForm::push) ? DonorForm::push
                                                                    : DonorForm::pull;
      sets.push_back({row.set_name, row.task, form, {}});
    }
    sets.back().neurons.push_back({{LayerIndex(row.layer), NeuronIndex(row.neuron)}, 0, row.value});
  }
  return sets;
}

/// Fits and emits everything that a unit's tiles ask for.
class MapMaker {
 public:
  MapMaker(Workbench& bench, const TransferKeys& keys, const std::vector<std::string>& maps, const Plan& plan,
           const WorkUnit& unit)
      : keys_(keys), maps_(maps), sets_(planned_sets(plan)) {
    for (const std::string& text : unit.texts) tiles_.push_back(tile_of(text));
    read(bench, unit);
  }

  UnitRows make() {
    std::set<std::int64_t> donors, receivers;
    for (const LayerTile& tile : tiles_) {
      for (const std::string& map : maps_) {
        if (map == kMatchingMap || map == shuffled_map(kMatchingMap)) add_candidates(map, tile);
      }
      if (donors.insert(tile.donor).second) {
        rows_.add(block(kDonorMoments, "", tile.donor, -1, sampled_, moments(donor_samples(tile).neurons)));
      }
      if (receivers.insert(tile.receiver).second) {
        rows_.add(block(kReceiverMoments, "", -1, tile.receiver, sampled_, moments(receiver_samples(tile).neurons)));
      }
    }
    for (const std::string& map : maps_) {
      if (map.starts_with(kRidgeMap) || map.starts_with(kProcrustesMap)) {
        for (const std::int64_t receiver : receivers) add_residual(map, receiver);
      }
    }
    return std::move(rows_);
  }

 private:
  void read(Workbench& bench, const WorkUnit& unit) {
    const Catalog& catalog = bench.catalog();
    SharedTexts texts;
    for (const std::string& task : keys_.tasks) {
      const Selection selection{{}, {}, keys_.split, keys_.items};
      for (const TaskItem& item : selection.chosen(catalog, task)) {
        add_text(texts, catalog, keys_, catalog.task(task), item);
      }
    }
    const SampleKind kind = sample_kind(keys_);
    if (kind == SampleKind::token) thin_observations(texts.donor, texts.receiver, keys_.samples);
    split_samples(sampled_, texts.donor, kind);
    std::set<LayerIndex> donor_layers, receiver_layers;
    for (const LayerTile& tile : tiles_) {
      donor_layers.insert(static_cast<LayerIndex>(tile.donor));
      receiver_layers.insert(static_cast<LayerIndex>(tile.receiver));
    }
    const Decoder& donor = bench.decoder(keys_.donor);
    sampled_.donor = read_samples(donor, texts.donor, std::vector(donor_layers.begin(), donor_layers.end()), kind);
    for (const PlannedSet& set : sets_) {
      for (const DonorNeuron& neuron : set.neurons) {
        if (donor_layers.contains(neuron.id.layer) && !written_.contains(neuron.id)) {
          written_[neuron.id] = donor.down_column(neuron.id).to(at::kCPU, at::kDouble).clone();
        }
      }
    }
    const Decoder& receiver = bench.decoder(keys_.receiver);
    sampled_.receiver =
        read_samples(receiver, texts.receiver, std::vector(receiver_layers.begin(), receiver_layers.end()), kind);
    for (const LayerIndex layer : receiver_layers) columns_[layer] = down_matrix(receiver, layer);
    dealt_ = sampled_;
    CounterRng rng(static_cast<std::uint64_t>(
        content_seed(catalog.study(), fmt::format("{}|{}|shuffled", keys_.name, unit.model))));
    shuffle(dealt_.fit, rng);
    shuffle(dealt_.held_out, rng);
  }

  static at::Tensor down_matrix(const Decoder& decoder, LayerIndex layer) {
    std::vector<at::Tensor> columns;
    for (std::int64_t i = 0; i < decoder.arch().M; ++i) {
      columns.push_back(decoder.down_column({layer, static_cast<NeuronIndex>(i)}));
    }
    return at::stack(columns, 1).to(at::kCPU, at::kDouble);
  }

  const LayerSamples& donor_samples(const LayerTile& tile) const {
    return sampled_.donor.at(static_cast<LayerIndex>(tile.donor));
  }
  const LayerSamples& receiver_samples(const LayerTile& tile) const {
    return sampled_.receiver.at(static_cast<LayerIndex>(tile.receiver));
  }

  /// Samples of one site in both models of a tile; for a shuffled map with the receiver's dealt anew.
  PairedSamples pair(const LayerTile& tile, at::Tensor LayerSamples::*site, const std::string& map) const {
    const at::Tensor& a = donor_samples(tile).*site;
    const at::Tensor& b = receiver_samples(tile).*site;
    const SampledModels& order = is_shuffled(map) ? dealt_ : sampled_;
    const auto pick = [](const at::Tensor& x, const std::vector<std::int64_t>& rows) {
      return x.index_select(0, at::tensor(rows, at::kLong).to(x.device()));
    };
    return {pick(a, sampled_.fit), pick(b, order.fit), pick(a, sampled_.held_out), pick(b, order.held_out)};
  }

  /// Means and standard deviations of every column.
  static std::vector<float> moments(const at::Tensor& x) {
    const at::Tensor wide = x.to(at::kDouble);
    const at::Tensor both = at::cat({wide.mean(0), wide.std(0, false)}).to(at::kFloat).cpu().contiguous();
    return {both.const_data_ptr<float>(), both.const_data_ptr<float>() + both.numel()};
  }

  void add_candidates(const std::string& map, const LayerTile& tile) {
    const TopCorrelations top = top_correlations(pair(tile, &LayerSamples::neurons, map), keys_.candidates);
    const at::Tensor all = at::stack({top.to.to(at::kFloat), top.fit, top.held_out}, 2).cpu().contiguous();
    rows_.add(block(kCandidates, map, tile.donor, tile.receiver, sampled_,
                    {all.const_data_ptr<float>(), all.const_data_ptr<float>() + all.numel()}));
  }

  void add_residual(const std::string& map, std::int64_t receiver) {
    std::map<LayerIndex, at::Tensor> matrices;
    for (const LayerTile& tile : tiles_) {
      if (!tile.paired || tile.receiver != receiver) continue;
      const PairedSamples samples = pair(tile, &LayerSamples::residual, map);
      const ResidualMap fitted = map.starts_with(kRidgeMap) ? fit_ridge(samples, keys_.ridge) : fit_procrustes(samples);
      rows_.add(block(kMapFit, map, tile.donor, receiver, sampled_,
                      {static_cast<float>(fitted.fit), static_cast<float>(fitted.held_out)}));
      matrices[static_cast<LayerIndex>(tile.donor)] = fitted.matrix;
    }
    if (matrices.empty()) return;
    for (const PlannedSet& set : sets_) {
      std::vector<float> values =
          set.form == DonorForm::bare ? cosines(set, matrices, receiver) : push(set, matrices, receiver);
      if (values.empty()) continue;
      TransferBlockRow row =
          block(set.form == DonorForm::bare ? kCosines : kMappedPush, map, -1, receiver, sampled_, std::move(values));
      row.source = set.source;
      row.task = set.task;
      rows_.add(std::move(row));
    }
  }

  /// For each neuron of a set the receiver's neurons that write most along what it writes.
  std::vector<float> cosines(const PlannedSet& set, const std::map<LayerIndex, at::Tensor>& matrices,
                             std::int64_t receiver) const {
    const at::Tensor& columns = columns_.at(static_cast<LayerIndex>(receiver));
    const at::Tensor lengths = columns.norm(2, {0}).clamp_min(1e-300);
    std::vector<float> values;
    for (const DonorNeuron& neuron : set.neurons) {
      const auto matrix = matrices.find(neuron.id.layer);
      if (matrix == matrices.end()) continue;
      const at::Tensor target = matrix->second.t().matmul(written_.at(neuron.id));
      const double size = target.norm().item<double>();
      if (size == 0) continue;
      const at::Tensor cosine = columns.t().matmul(target).div(lengths.mul(size));
      const at::Tensor best = std::get<1>(cosine.abs().topk(std::min(kCosinesKept, cosine.size(0))));
      for (std::int64_t k = 0; k < best.size(0); ++k) {
        const auto j = best[k].item<std::int64_t>();
        for (const double value :
             {static_cast<double>(to_int(neuron.id.layer)), static_cast<double>(to_int(neuron.id.neuron)),
              static_cast<double>(j), cosine[j].item<double>()}) {
          values.push_back(static_cast<float>(value));
        }
      }
    }
    return values;
  }

  /// As many of the receiver's neurons, and what to add to them, so that they write what the set's push writes, mapped.
  /// A template pushes from the donor's mean.
  std::vector<float> push(const PlannedSet& set, const std::map<LayerIndex, at::Tensor>& matrices,
                          std::int64_t receiver) const {
    const at::Tensor& columns = columns_.at(static_cast<LayerIndex>(receiver));
    at::Tensor target = at::zeros({columns.size(0)}, at::kDouble);
    std::int64_t n = 0;
    for (const DonorNeuron& neuron : set.neurons) {
      const auto matrix = matrices.find(neuron.id.layer);
      if (matrix == matrices.end()) continue;
      const double value = set.form == DonorForm::push ? neuron.value : neuron.value - donor_mean(neuron.id);
      target.add_(matrix->second.t().matmul(written_.at(neuron.id)), value);
      ++n;
    }
    if (n == 0) return {};
    const Pursuit found = pursue(target, columns, n);
    std::vector<float> values = {static_cast<float>(found.cosine)};
    for (std::size_t k = 0; k < found.columns.size(); ++k) {
      const double length = columns.select(1, found.columns[k]).norm().item<double>() * std::abs(found.weights[k]);
      for (const double value : {static_cast<double>(found.columns[k]), found.weights[k], length}) {
        values.push_back(static_cast<float>(value));
      }
    }
    return values;
  }

  double donor_mean(const NeuronId& id) const {
    return sampled_.donor.at(id.layer).neurons.select(1, to_int(id.neuron)).to(at::kDouble).mean().item<double>();
  }

  const TransferKeys& keys_;
  const std::vector<std::string>& maps_;
  std::vector<PlannedSet> sets_;
  std::vector<LayerTile> tiles_;
  SampledModels sampled_, dealt_;
  std::map<NeuronId, at::Tensor> written_;    ///< [D] f64, by neurons of the donor's sets
  std::map<LayerIndex, at::Tensor> columns_;  ///< [D, M] f64, of the receiver
  UnitRows rows_;
};

std::vector<at::Tensor> residuals(const std::map<LayerIndex, LayerSamples>& samples) {
  std::vector<at::Tensor> layers;
  for (const auto& [layer, each] : samples) layers.push_back(each.residual);
  return layers;
}

}  // namespace

std::string tile_text(const LayerTile& tile) {
  return fmt::format("{} {} {}", tile.paired ? "pair" : "tile", tile.donor, tile.receiver);
}

LayerTile tile_of(const std::string& text) {
  std::istringstream words(text);
  std::string kind;
  LayerTile tile;
  ensure(static_cast<bool>(words >> kind >> tile.donor >> tile.receiver), "a unit's text names a tile");
  tile.paired = kind == "pair";
  return tile;
}

UnitRows measure_similarity(Workbench& bench, const TransferKeys& keys, const WorkUnit& unit) {
  const Catalog& catalog = bench.catalog();
  const TaskEntry& task = catalog.task(unit.task);
  SharedTexts texts;
  for (const std::string& id : unit.items) add_text(texts, catalog, keys, task, task.item(id));
  const SampleKind kind = sample_kind(keys);
  if (kind == SampleKind::token) thin_observations(texts.donor, texts.receiver, kHsicSamples);
  const auto a =
      residuals(read_samples(bench.decoder(keys.donor), texts.donor, all_layers(catalog.model(keys.donor).arch), kind));
  const auto b = residuals(
      read_samples(bench.decoder(keys.receiver), texts.receiver, all_layers(catalog.model(keys.receiver).arch), kind));
  const HsicBatch batch = guard_torch("comparing layers", [&] { return measure_hsic(a, b); });
  std::vector<float> values;
  for (const auto* part : {&batch.cross, &batch.a, &batch.b}) {
    for (const double value : *part) values.push_back(static_cast<float>(value));
  }
  TransferBlockRow row = block(kHsicQuantity, "", -1, -1, {}, std::move(values));
  row.n_samples = a.front().size(0);
  UnitRows rows;
  rows.add(std::move(row));
  return rows;
}

UnitRows measure_maps(Workbench& bench, const TransferKeys& keys, const std::vector<std::string>& maps,
                      const Plan& plan, const WorkUnit& unit) {
  return guard_torch("fitting maps between models", [&] { return MapMaker(bench, keys, maps, plan, unit).make(); });
}

}  // namespace neurosweep
