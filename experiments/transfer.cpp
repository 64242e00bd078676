#include "experiments/transfer.hpp"

#include <algorithm>
#include <map>

#include "experiments/transfer_measure.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/rank/transfer.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kFewestSamples = 4;  ///< over which layers can be compared

const std::vector<std::string> kMaps = {kIdentityMap, kMatchingMap, kRidgeMap, kProcrustesMap};

class TransferExperiment final : public Experiment {
 public:
  TransferExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    choose_names({keys_.donor, keys_.receiver}, study.model_names(), "model", spec.table.place);
    choose_names(keys_.maps, kMaps, "map", spec.table.place);
    Selection{{}, keys_.tasks, keys_.split, keys_.items}.resolve(study, spec.table.place);
    const std::string where = fmt::format("{}: experiment '{}'", to_text(spec.table.place), spec.name);
    if (keys_.donor == keys_.receiver) {
      throw input_error(
          "{}: donor and receiver are both '{}': for one model's other tasks use validate, or steer with across = true",
          where, keys_.donor);
    }
    if (keys_.sources.empty()) throw input_error("{}: 'sources' names no experiment", where);
    for (const std::string& source : keys_.sources) {
      earlier_experiment(study, spec, "sources", source,
                         {"identify", "gradient", "learn", "template", "sweep", "race", "minimize"});
    }
    check_word("align", keys_.align, {"characters", "means"}, where);
    check_word("layers", keys_.layers, {"paired", "all"}, where);
    if (keys_.align == "means" && keys_.items_per_unit < kFewestSamples) {
      throw input_error(
          "{}: items_per_unit = {}, but with align = \"means\" layers are compared over {} items at least", where,
          keys_.items_per_unit, kFewestSamples);
    }
    need_whole_models(study, spec);
  }

  void check(const Database& store) const override {
    const ModelRow a = read_model(store, keys_.donor), b = read_model(store, keys_.receiver);
    check_candidates(a.n_neurons_per_layer, b.n_neurons_per_layer);
    if (!names(kIdentityMap) || (a.n_layers == b.n_layers && a.n_neurons_per_layer == b.n_neurons_per_layer)) return;
    throw input_error(
        "transfer '{}': no identity between '{}' ({} layers of {} neurons) and '{}' ({} of {}): leave that map out",
        keys_.name, a.name, a.n_layers, a.n_neurons_per_layer, b.name, b.n_layers, b.n_neurons_per_layer);
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 1) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    const TransferSpec spec = spec_of(catalog);
    if (round_no == 0) {
      read_donor_sets(so_far, spec);
      add_similarity_units(plan, catalog);
      return plan;
    }
    if (!complete(so_far)) return std::nullopt;
    for (const DonorSet& set : read_donor_sets(so_far, spec)) {
      for (const DonorNeuron& neuron : set.neurons) {
        plan.members.push_back({0, set.source, keys_.donor, set.task, to_int(neuron.id.layer), to_int(neuron.id.neuron),
                                std::string(form_name(set.form)), neuron.value, "generated"});
      }
    }
    add_map_units(plan, catalog, read_layer_similarity(so_far, spec));
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    return plan.round_no == 0 ? measure_similarity(bench, keys_, unit)
                              : measure_maps(bench, keys_, maps_of(bench.catalog()), plan, unit);
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    if (complete(db)) reduce_transfer(db, spec_of(catalog));
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = true;
    const ModelEntry &donor = catalog.model(keys_.donor), &receiver = catalog.model(keys_.receiver);
    const std::int64_t groups = (receiver.arch.L + keys_.layers_per_unit - 1) / keys_.layers_per_unit;
    const std::int64_t grids =
        keys_.layers == "all" ? (donor.arch.L + keys_.layers_per_unit - 1) / keys_.layers_per_unit : 0;
    const std::int64_t units = groups * (1 + grids);
    for (const ModelEntry* model : {&donor, &receiver}) {
      auto& work = forecast.by_model[model->spec.name];
      for (const std::string& task : keys_.tasks) {
        for (const TaskItem& item : items_of(catalog, task)) {
          const auto text = catalog.reference(*model, catalog.task(task), item);
          work.forwards += 1 + units;
          work.forward_tokens += static_cast<double>(1 + units) * static_cast<double>(text.tokens.size());
          work.add_example(text);
        }
      }
    }
    forecast.by_model[keys_.receiver].units += units;
    const double tiles = static_cast<double>(donor.arch.L * (grids > 0 ? receiver.arch.L : 1));
    forecast.result_bytes = 4 * tiles * static_cast<double>(donor.arch.M * 3 * keys_.candidates * 2);
    return forecast;
  }

 private:
  bool names(const std::string& map) const { return std::ranges::find(keys_.maps, map) != keys_.maps.end(); }

  /// The candidates of one layer's neurons are one row, of (to, fit, held out) each.
  void check_candidates(std::int64_t donor_neurons, std::int64_t receiver_neurons) const {
    if (!keys_.maps.empty() && !names(kMatchingMap)) return;
    constexpr std::int64_t kBytesEach = 3 * sizeof(float);
    constexpr std::int64_t kMost = Connection::kLongestValue - 4096;  // the row's other columns are short
    const std::int64_t bytes = donor_neurons * std::min(keys_.candidates, receiver_neurons) * kBytesEach;
    if (bytes <= kMost) return;
    throw input_error(
        "transfer '{}': candidates = {} for each of {} neurons of a layer make a row of {} MB, more than the {} MB "
        "that "
        "a store takes: give at most {}",
        keys_.name, keys_.candidates, donor_neurons, bytes / 1'000'000, kMost / 1'000'000,
        kMost / (donor_neurons * kBytesEach));
  }

  static void check_word(const char* key, const std::string& word, const std::vector<std::string>& valid,
                         const std::string& where) {
    if (std::ranges::find(valid, word) != valid.end()) return;
    throw input_error("{}: {} = '{}' (valid: {})", where, key, word, fmt::join(valid, ", "));
  }

  std::vector<TaskItem> items_of(const Catalog& catalog, const std::string& task) const {
    return Selection{{}, {}, keys_.split, keys_.items}.chosen(catalog, task);
  }

  /// Every map that can be made, each real one before its control.
  std::vector<std::string> maps_of(const Catalog& catalog) const {
    const ArchSpec &a = catalog.model(keys_.donor).arch, &b = catalog.model(keys_.receiver).arch;
    std::vector<std::string> maps;
    for (const std::string& map : keys_.maps.empty() ? kMaps : keys_.maps) {
      if (map == kIdentityMap && (a.L != b.L || a.M != b.M)) continue;
      maps.push_back(map);
      if (keys_.shuffled && map != kIdentityMap) maps.push_back(shuffled_map(map));
    }
    return maps;
  }

  TransferSpec spec_of(const Catalog& catalog) const {
    std::optional<std::uint64_t> random_seed;
    if (keys_.random) {
      random_seed = static_cast<std::uint64_t>(content_seed(catalog.study(), keys_.name + "|random donor neurons"));
    }
    return {keys_.name,  keys_.donor,      keys_.receiver, keys_.sources,
            keys_.tasks, maps_of(catalog), keys_.top,      random_seed};
  }

  /// Whether every unit that was planned is done: a map of some layers would pass for one of all.
  bool complete(const Database& db) const {
    for (const RoundRow& round : db.select<RoundRow>("WHERE experiment = ?", {keys_.name})) {
      const auto pending = pending_units(db, round.round_id);
      if (pending.empty()) continue;
      log_error("'{}': {} units of round {} failed: it ends there, and nothing is transferred", keys_.name,
                pending.size(), round.round_no);
      return false;
    }
    return true;
  }

  void add_similarity_units(Plan& plan, const Catalog& catalog) const {
    for (const std::string& task : keys_.tasks) {
      auto blocks = item_blocks(items_of(catalog, task), keys_.items_per_unit);
      // A short rest goes with the block before it: layers are compared over four samples at least.
      if (blocks.size() > 1 && std::ssize(blocks.back()) < std::min(kFewestSamples, keys_.items_per_unit)) {
        const auto rest = std::move(blocks.back());
        blocks.pop_back();
        blocks.back().insert(blocks.back().end(), rest.begin(), rest.end());
      }
      for (auto& ids : blocks) plan.units.push_back({keys_.receiver, task, std::move(ids)});
    }
  }

  /// Units of a few receiver layers with the donor layers that belong to them; then, for matching between all layers,
  /// squares of layers that do not belong together.
  void add_map_units(Plan& plan, const Catalog& catalog, const std::vector<LayerSimilarityRow>& similarity) const {
    std::vector<std::string> items;
    for (const std::string& task : keys_.tasks) {
      for (const TaskItem& item : items_of(catalog, task)) items.push_back(item.id);
    }
    std::map<std::int64_t, std::vector<LayerTile>> by_receiver;
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::string>> squares;
    for (const LayerSimilarityRow& row : similarity) {
      const LayerTile tile{row.donor_layer, row.receiver_layer, row.paired != 0};
      if (tile.paired) {
        by_receiver[tile.receiver].push_back(tile);
      } else if (keys_.layers == "all") {
        squares[{tile.receiver / keys_.layers_per_unit, tile.donor / keys_.layers_per_unit}].push_back(tile_text(tile));
      }
    }
    std::int64_t layers = 0;
    for (const auto& [receiver, tiles] : by_receiver) {
      if (layers++ % keys_.layers_per_unit == 0) plan.units.push_back({keys_.receiver, kAllTasks, items});
      for (const LayerTile& tile : tiles) plan.units.back().texts.push_back(tile_text(tile));
    }
    for (auto& [square, texts] : squares) {
      plan.units.push_back({keys_.receiver, kAllTasks, items, 0, 0, std::move(texts)});
    }
  }

  TransferKeys keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_transfer(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<TransferExperiment>(spec, study);
}

std::optional<std::string> source_of_product(const ExperimentSpec& transfer, const std::string& name) {
  const ConfigNode* sources = transfer.table.find("sources");
  const auto* names = sources == nullptr ? nullptr : std::get_if<ConfigArray>(&sources->value);
  if (transfer.kind != "transfer" || names == nullptr) return std::nullopt;
  for (const ConfigNode& node : *names) {
    const auto* source = std::get_if<std::string>(&node.value);
    if (source == nullptr) continue;
    for (const std::string& map : kMaps) {
      for (const std::string& made : {map, shuffled_map(map)}) {
        if (name == transfer_product(transfer.name, made, *source) ||
            name == transfer_product(transfer.name, made, random_source(*source))) {
          return *source;
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace neurosweep
