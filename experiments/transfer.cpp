#include "experiments/transfer.hpp"

#include <algorithm>

#include "experiments/transfer_measure.hpp"
#include "framework/base/error.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/rank/transfer.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kRounds = 2;

/// The donor's sets as a plan holds them: a random control has its neurons in the order of those that they stand for.
std::vector<DonorSet> planned_sets(const Plan& plan, const TransferKeys& keys) {
  std::vector<DonorSet> sets;
  for (const SetMemberRow& row : plan.members) {
    if (sets.empty() || sets.back().source != row.set_name || sets.back().task != row.task) {
      const DonorForm form = row.op == form_name(DonorForm::bare)   ? DonorForm::bare
                             : row.op == form_name(DonorForm::push) ? DonorForm::push
                                                                    : DonorForm::pull;
      sets.push_back({row.set_name, row.task, form, {}});
    }
    sets.back().neurons.push_back({neuron_of(row), 0, row.value});
  }
  for (std::size_t i = 1; keys.random && i < sets.size(); ++i) {
    const DonorSet& own = sets[i - 1];
    if (sets[i].source != random_source(own.source) || sets[i].task != own.task) continue;
    for (std::size_t k = 0; k < own.neurons.size(); ++k) sets[i].neurons[k].stands_for = own.neurons[k].id;
  }
  return sets;
}

/// Each map and its control, as far as the keys tell.
std::vector<std::string> made_maps(const TransferKeys& keys) {
  std::vector<std::string> maps;
  for (const std::string& map : keys.maps.empty() ? kTransferMaps : keys.maps) {
    maps.push_back(map);
    if (keys.shuffled && map != kIdentityMap) maps.push_back(shuffled_map(map));
  }
  return maps;
}

/// Each source and its control.
std::vector<std::string> mapped_sources(const TransferKeys& keys) {
  std::vector<std::string> sources;
  for (const std::string& source : keys.sources) {
    sources.push_back(source);
    if (keys.random) sources.push_back(random_source(source));
  }
  return sources;
}

TransferKeys keys_of(const ExperimentSpec& transfer) {
  TransferKeys keys;
  read_keys(transfer.table, fmt::format("experiment '{}'", transfer.name), keys);
  keys.name = transfer.name;
  return keys;
}

bool contains_text(const ConfigNode& node, const std::string& text) {
  if (const auto* own = std::get_if<std::string>(&node.value)) return *own == text;
  if (const auto* array = std::get_if<ConfigArray>(&node.value)) {
    return std::ranges::any_of(*array, [&](const ConfigNode& each) { return contains_text(each, text); });
  }
  const auto* table = std::get_if<ConfigTable>(&node.value);
  return table != nullptr &&
         std::ranges::any_of(*table, [&](const auto& each) { return contains_text(each.second, text); });
}

class TransferExperiment final : public Experiment {
 public:
  TransferExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    keys_ = keys_of(spec);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    choose_names({keys_.donor, keys_.receiver}, study.model_names(), "model", spec.table.place);
    choose_names(keys_.maps, kTransferMaps, "map", spec.table.place);
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
    kind_ = sample_kind(keys_.align, where + ": align");
    layers_ = matched_layers(keys_.layers, where + ": layers");
    if (kind_ == SampleKind::mean && keys_.items_per_unit < kFewestSamples) {
      throw input_error(
          "{}: items_per_unit = {}, but with align = \"means\" layers are compared over {} items at least", where,
          keys_.items_per_unit, kFewestSamples);
    }
    need_whole_models(study, spec);
    note_identity_users(study);
  }

  void check(const Database& store) const override {
    const ModelRow a = read_model(store, keys_.donor), b = read_model(store, keys_.receiver);
    check_candidates(a.n_neurons_per_layer, b.n_neurons_per_layer);
    if (names(kIdentityMap)) need_one_shape(a, b, fmt::format("transfer '{}'", keys_.name));
    for (const std::string& user : identity_users_) need_one_shape(a, b, user);
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no >= kRounds) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    const TransferSpec spec = spec_of(catalog);
    if (round_no == 0) {
      read_donor_sets(so_far, spec);
      add_similarity_units(plan, catalog);
      return plan;
    }
    if (!complete(so_far, round_no)) return std::nullopt;
    for (const DonorSet& set : read_donor_sets(so_far, spec)) {
      for (const DonorNeuron& neuron : set.neurons) {
        plan.members.push_back({0, set.source, keys_.donor, set.task, to_int(neuron.id.layer), to_int(neuron.id.neuron),
                                std::string(form_name(set.form)), neuron.value, "generated"});
      }
    }
    add_map_units(plan, catalog, make_layer_similarity(stored_transfer(so_far, spec)));
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const ModelPair models{[&]() -> const Decoder& { return bench.decoder(keys_.donor); },
                           [&]() -> const Decoder& { return bench.decoder(keys_.receiver); }};
    const Catalog& catalog = bench.catalog();
    SharedTexts texts;
    if (plan.round_no == 0) {
      const TaskEntry& task = catalog.task(unit.task);
      for (const std::string& id : unit.items) add_text(texts, catalog, task, task.item(id));
      return measure_similarity(models, std::move(texts), kind_);
    }
    for (const std::string& task : keys_.tasks) {
      for (const TaskItem& item : items_of(catalog, task)) add_text(texts, catalog, catalog.task(task), item);
    }
    std::vector<LayerTile> tiles;
    for (const std::string& text : unit.texts) tiles.push_back(tile_of(text));
    const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|shuffled", keys_.name, unit.model));
    const MapSettings settings{maps_of(catalog),     kind_,       keys_.samples,
                               keys_.candidates,     keys_.ridge, static_cast<std::uint64_t>(seed),
                               keys_.layers_per_unit};
    return measure_maps(models, std::move(texts), settings, tiles, planned_sets(plan, keys_));
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    if (complete(db, kRounds)) reduce_transfer(db, spec_of(catalog));
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = true;
    const ModelEntry &donor = catalog.model(keys_.donor), &receiver = catalog.model(keys_.receiver);
    const std::int64_t groups = (receiver.arch.L + keys_.layers_per_unit - 1) / keys_.layers_per_unit;
    const std::int64_t grids =
        layers_ == MatchedLayers::all ? (donor.arch.L + keys_.layers_per_unit - 1) / keys_.layers_per_unit : 0;
    const std::int64_t units = groups * (1 + grids);
    const std::int64_t slabs = (donor.arch.L - std::min(groups, donor.arch.L)) / keys_.layers_per_unit;
    for (const ModelEntry* model : {&donor, &receiver}) {
      auto& work = forecast.by_model[model->spec.name];
      for (const std::string& task : keys_.tasks) {
        for (const TaskItem& item : items_of(catalog, task)) {
          const auto text = catalog.reference(*model, catalog.task(task), item);
          const std::int64_t times = 1 + units + (model == &donor ? slabs : 0);
          work.forwards += times;
          work.forward_tokens += static_cast<double>(times) * static_cast<double>(text.tokens.size());
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
  /// Of the maps that are made unless `maps` says otherwise only identity may turn out to be impossible.
  void note_identity_users(const StudySpec& study) {
    for (const std::string& source : mapped_sources(keys_)) {
      const std::string product = transfer_product(keys_.name, kIdentityMap, source);
      for (const ExperimentSpec& user : study.experiments) {
        if (!contains_text(user.table, product)) continue;
        identity_users_.push_back(fmt::format("experiment '{}' uses '{}'", user.name, product));
      }
    }
  }

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

  std::vector<TaskItem> items_of(const Catalog& catalog, const std::string& task) const {
    return Selection{{}, {}, keys_.split, keys_.items}.chosen(catalog, task);
  }

  void add_text(SharedTexts& texts, const Catalog& catalog, const TaskEntry& task, const TaskItem& item) const {
    const auto reading = [&](const std::string& name) -> ModelReading {
      const ModelEntry& model = catalog.model(name);
      return {*model.tokenizer, catalog.reference(model, task, item)};
    };
    add_shared_text(texts, kind_, task.target.fill(item.fields), reading(keys_.donor), reading(keys_.receiver));
  }

  /// Every map that can be made between these models, each real one before its control.
  std::vector<std::string> maps_of(const Catalog& catalog) const {
    const ArchSpec &a = catalog.model(keys_.donor).arch, &b = catalog.model(keys_.receiver).arch;
    std::vector<std::string> maps = made_maps(keys_);
    if (a.L != b.L || a.M != b.M) std::erase(maps, kIdentityMap);
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

  /// A map of some layers would pass for one of all.
  bool complete(const Database& db, std::int64_t rounds) const {
    return rounds_complete(db, keys_.name, rounds, "and nothing is transferred");
  }

  void add_similarity_units(Plan& plan, const Catalog& catalog) const {
    for (const std::string& task : keys_.tasks) {
      std::vector<std::string> ids;
      for (const TaskItem& item : items_of(catalog, task)) ids.push_back(item.id);
      auto first = ids.begin();
      for (const std::int64_t n : comparison_batches(std::ssize(ids), keys_.items_per_unit)) {
        plan.units.push_back({keys_.receiver, task, {first, first + n}});
        first += n;
      }
    }
  }

  void add_map_units(Plan& plan, const Catalog& catalog, const std::vector<LayerSimilarityRow>& similarity) const {
    std::vector<std::string> items;
    for (const std::string& task : keys_.tasks) {
      for (const TaskItem& item : items_of(catalog, task)) items.push_back(item.id);
    }
    for (const auto& tiles : group_tiles(similarity, keys_.layers_per_unit, layers_)) {
      plan.units.push_back({keys_.receiver, kAllTasks, items});
      for (const LayerTile& tile : tiles) plan.units.back().texts.push_back(tile_text(tile));
    }
  }

  TransferKeys keys_;
  SampleKind kind_ = SampleKind::token;
  MatchedLayers layers_ = MatchedLayers::paired;
  std::vector<std::string> identity_users_;  ///< what the message about each starts with
};

}  // namespace

std::unique_ptr<Experiment> make_transfer(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<TransferExperiment>(spec, study);
}

void need_one_shape(const ModelRow& a, const ModelRow& b, const std::string& where) {
  if (a.n_layers == b.n_layers && a.n_neurons_per_layer == b.n_neurons_per_layer) return;
  throw input_error("{}: no identity between '{}' ({} layers of {} neurons) and '{}' ({} of {}): choose another map",
                    where, a.name, a.n_layers, a.n_neurons_per_layer, b.name, b.n_layers, b.n_neurons_per_layer);
}

std::optional<std::string> source_of_product(const ExperimentSpec& transfer, const std::string& name) {
  if (transfer.kind != "transfer") return std::nullopt;
  const TransferKeys keys = keys_of(transfer);
  const auto maps = made_maps(keys);
  for (const std::string& source : keys.sources) {
    for (const std::string& map : maps) {
      const bool own = name == transfer_product(keys.name, map, source);
      if (own || (keys.random && name == transfer_product(keys.name, map, random_source(source)))) return source;
    }
  }
  return std::nullopt;
}

std::optional<std::string> what_it_makes(const ExperimentSpec& transfer, const std::string& name) {
  if (transfer.kind != "transfer" || !name.starts_with(transfer.name + "/")) return std::nullopt;
  const TransferKeys keys = keys_of(transfer);
  return fmt::format("transfer '{0}' makes {0}/MAP/SOURCE with MAP {1} and SOURCE {2}", keys.name,
                     fmt::join(made_maps(keys), ", "), fmt::join(mapped_sources(keys), ", "));
}

}  // namespace neurosweep
