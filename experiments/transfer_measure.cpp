#include "experiments/transfer_measure.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/steer/pursuit.hpp"
#include "framework/steer/transfer_map.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kHsicSamples = 512;  // a batch's kernels are so large, squared
constexpr std::size_t kHeldOutEvery = 5;    // every fifth text judges the maps
constexpr std::int64_t kCosinesKept = 16;

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

/// Fits and emits everything that a unit's tiles ask for. The samples of the receiver's layers are there throughout,
/// those of the donor's a few layers at a time.
class MapMaker {
 public:
  MapMaker(const ModelPair& models, const SharedTexts& texts, const MapSettings& settings,
           const std::vector<LayerTile>& tiles, const std::vector<DonorSet>& sets)
      : settings_(settings), tiles_(tiles), sets_(sets) {
    split_samples(sampled_, texts.donor, settings_.kind);
    read_receiver(models.receiver(), texts.receiver);
    const Decoder& donor = models.donor();
    for (const auto slab : donor_slabs(tiles_, settings_.donor_layers)) {
      read_donor(donor, texts.donor, slab);
      for (const LayerTile& tile : slab) measure(tile);
    }
  }

  UnitRows make() {
    for (const std::string& map : settings_.maps) {
      if (!is_residual(map)) continue;
      for (const auto& [receiver, columns] : columns_) add_residual(map, to_int(receiver));
    }
    return std::move(rows_);
  }

 private:
  /// A residual map to one of the receiver's layers, from all donor layers that are paired with it.
  struct Residual {
    std::vector<TransferBlockRow> fits;                                 ///< by donor layer
    std::map<NeuronId, std::vector<float>> cosines;                     ///< of neurons of bare sets
    std::map<std::size_t, std::pair<at::Tensor, std::int64_t>> pushes;  ///< what a set writes, mapped, and its neurons
  };

  static bool is_residual(const std::string& map) {
    return map.starts_with(kRidgeMap) || map.starts_with(kProcrustesMap);
  }

  void read_receiver(const Decoder& receiver, const std::vector<ObservedText>& texts) {
    std::set<LayerIndex> layers;
    for (const LayerTile& tile : tiles_) layers.insert(static_cast<LayerIndex>(tile.receiver));
    sampled_.receiver = read_samples(receiver, texts, std::vector(layers.begin(), layers.end()), settings_.kind);
    for (const LayerIndex layer : layers) {
      columns_[layer] = down_matrix(receiver, layer);
      lengths_[layer] = columns_[layer].norm(2, {0}).clamp_min(1e-300);
    }
    dealt_.fit = sampled_.fit;
    dealt_.held_out = sampled_.held_out;
    CounterRng rng(settings_.deal_seed);
    shuffle(dealt_.fit, rng);
    shuffle(dealt_.held_out, rng);
  }

  void read_donor(const Decoder& donor, const std::vector<ObservedText>& texts, std::span<const LayerTile> slab) {
    sampled_.donor.clear();
    written_.clear();
    std::set<LayerIndex> layers;
    for (const LayerTile& tile : slab) layers.insert(static_cast<LayerIndex>(tile.donor));
    sampled_.donor = read_samples(donor, texts, std::vector(layers.begin(), layers.end()), settings_.kind);
    for (const DonorSet& set : sets_) {
      for (const DonorNeuron& neuron : set.neurons) {
        if (layers.contains(neuron.id.layer) && !written_.contains(neuron.id)) {
          written_[neuron.id] = donor.down_column(neuron.id).to(at::kCPU, at::kDouble).clone();
        }
      }
    }
  }

  void measure(const LayerTile& tile) {
    for (const std::string& map : settings_.maps) {
      if (map == kMatchingMap || map == shuffled_map(kMatchingMap)) add_candidates(map, tile);
    }
    if (donors_.insert(tile.donor).second) {
      rows_.add(block(kDonorMoments, "", tile.donor, -1, sampled_, moments(donor_samples(tile).neurons)));
    }
    if (receivers_.insert(tile.receiver).second) {
      rows_.add(block(kReceiverMoments, "", -1, tile.receiver, sampled_, moments(receiver_samples(tile).neurons)));
    }
    for (const std::string& map : settings_.maps) {
      if (tile.paired && is_residual(map)) fit_residual(map, tile);
    }
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
    const TopCorrelations top = top_correlations(pair(tile, &LayerSamples::neurons, map), settings_.candidates);
    const at::Tensor all = at::stack({top.to.to(at::kFloat), top.fit, top.held_out}, 2).cpu().contiguous();
    rows_.add(block(kCandidates, map, tile.donor, tile.receiver, sampled_,
                    {all.const_data_ptr<float>(), all.const_data_ptr<float>() + all.numel()}));
  }

  void fit_residual(const std::string& map, const LayerTile& tile) {
    const PairedSamples samples = pair(tile, &LayerSamples::residual, map);
    const ResidualMap fitted =
        map.starts_with(kRidgeMap) ? fit_ridge(samples, settings_.ridge) : fit_procrustes(samples);
    Residual& residual = residuals_[{map, tile.receiver}];
    residual.fits.push_back(block(kMapFit, map, tile.donor, tile.receiver, sampled_,
                                  {static_cast<float>(fitted.fit), static_cast<float>(fitted.held_out)}));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      const DonorSet& set = sets_[i];
      at::Tensor sum = at::zeros({fitted.matrix.size(1)}, at::kDouble);
      std::int64_t n = 0;
      for (const DonorNeuron& neuron : set.neurons) {
        if (to_int(neuron.id.layer) != tile.donor) continue;
        const at::Tensor target = fitted.matrix.t().matmul(written_.at(neuron.id));
        ++n;
        if (set.form == DonorForm::bare) {
          residual.cosines[neuron.id] = cosines(neuron.id, target, tile.receiver);
        } else {
          sum.add_(target, set.form == DonorForm::push ? neuron.value : displacement(neuron));
        }
      }
      if (n == 0 || set.form == DonorForm::bare) continue;
      auto& [all, of] = residual.pushes[i];
      all = of == 0 ? sum : all.add(sum);
      of += n;
    }
  }

  void add_residual(const std::string& map, std::int64_t receiver) {
    const auto found = residuals_.find({map, receiver});
    if (found == residuals_.end()) return;
    Residual& residual = found->second;
    for (TransferBlockRow& row : residual.fits) rows_.add(std::move(row));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      const DonorSet& set = sets_[i];
      const bool bare = set.form == DonorForm::bare;
      std::vector<float> values = bare ? cosines_of(set, residual) : push(i, residual, receiver);
      if (values.empty()) continue;
      TransferBlockRow row = block(bare ? kCosines : kMappedPush, map, -1, receiver, sampled_, std::move(values));
      row.source = set.source;
      row.task = set.task;
      rows_.add(std::move(row));
    }
  }

  static std::vector<float> cosines_of(const DonorSet& set, const Residual& residual) {
    std::vector<float> values;
    for (const DonorNeuron& neuron : set.neurons) {
      const auto found = residual.cosines.find(neuron.id);
      if (found != residual.cosines.end()) values.insert(values.end(), found->second.begin(), found->second.end());
    }
    return values;
  }

  /// The receiver's neurons that write most along what one of the donor's writes, mapped.
  std::vector<float> cosines(const NeuronId& id, const at::Tensor& target, std::int64_t receiver) const {
    const at::Tensor& columns = columns_.at(static_cast<LayerIndex>(receiver));
    const double size = target.norm().item<double>();
    if (size == 0) return {};
    const at::Tensor cosine = columns.t().matmul(target).div(lengths_.at(static_cast<LayerIndex>(receiver)).mul(size));
    const at::Tensor best = std::get<1>(cosine.abs().topk(std::min(kCosinesKept, cosine.size(0))));
    std::vector<float> values;
    for (std::int64_t k = 0; k < best.size(0); ++k) {
      const auto j = best[k].item<std::int64_t>();
      for (const double value : {static_cast<double>(to_int(id.layer)), static_cast<double>(to_int(id.neuron)),
                                 static_cast<double>(j), cosine[j].item<double>()}) {
        values.push_back(static_cast<float>(value));
      }
    }
    return values;
  }

  /// As many of the receiver's neurons, and what to add to them, so that they write what the set's push writes, mapped.
  /// A template pushes from the donor's mean.
  std::vector<float> push(std::size_t set, const Residual& residual, std::int64_t receiver) const {
    const auto written = residual.pushes.find(set);
    if (written == residual.pushes.end()) return {};
    const auto& [target, n] = written->second;
    const at::Tensor& columns = columns_.at(static_cast<LayerIndex>(receiver));
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

  /// How far a pull moves a neuron from its mean.
  double displacement(const DonorNeuron& neuron) const {
    return neuron.value - donor_mean(neuron.stands_for.value_or(neuron.id));
  }

  double donor_mean(const NeuronId& id) const {
    return sampled_.donor.at(id.layer).neurons.select(1, to_int(id.neuron)).to(at::kDouble).mean().item<double>();
  }

  const MapSettings& settings_;
  const std::vector<LayerTile>& tiles_;
  const std::vector<DonorSet>& sets_;
  SampledModels sampled_, dealt_;
  std::set<std::int64_t> donors_, receivers_;  ///< with moments
  std::map<NeuronId, at::Tensor> written_;     ///< [D] f64, by neurons of the donor's sets in the layers that are there
  std::map<LayerIndex, at::Tensor> columns_;   ///< [D, M] f64, of the receiver
  std::map<LayerIndex, at::Tensor> lengths_;   ///< [M] f64, of the columns
  std::map<std::pair<std::string, std::int64_t>, Residual> residuals_;  ///< by map and receiver layer
  UnitRows rows_;
};

std::vector<at::Tensor> residuals(const std::map<LayerIndex, LayerSamples>& samples) {
  std::vector<at::Tensor> layers;
  for (const auto& [layer, each] : samples) layers.push_back(each.residual);
  return layers;
}

}  // namespace

UnitRows measure_similarity(const ModelPair& models, SharedTexts texts, SampleKind kind) {
  if (kind == SampleKind::token) thin_observations(texts.donor, texts.receiver, kHsicSamples);
  const auto observe = [&](const Decoder& model, const std::vector<ObservedText>& read) {
    return residuals(read_samples(model, read, all_layers(model.arch()), kind, SampleSites::residual));
  };
  const auto a = observe(models.donor(), texts.donor);
  const auto b = observe(models.receiver(), texts.receiver);
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

UnitRows measure_maps(const ModelPair& models, SharedTexts texts, const MapSettings& settings,
                      const std::vector<LayerTile>& tiles, const std::vector<DonorSet>& sets) {
  if (settings.kind == SampleKind::token) thin_observations(texts.donor, texts.receiver, settings.samples);
  return guard_torch("fitting maps between models",
                     [&] { return MapMaker(models, texts, settings, tiles, sets).make(); });
}

}  // namespace neurosweep
