#include "experiments/race_field.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/measure/reach.hpp"

namespace neurosweep {

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

/// Sizes of one kind of screen block, and what makes them comparable with the others.
struct Size {
  std::vector<double> by_neuron;  ///< [N] sum over items
  double unit = 0;                ///< mean over neurons and items
};

class Reader {
 public:
  Reader(const RaceKeys& keys, const Catalog& catalog, const Database& db, const std::string& model,
         std::int64_t rounds)
      : keys_(keys),
        catalog_(catalog),
        db_(db),
        model_(model),
        arch_(catalog.model(model).arch),
        rounds_(db.select<RoundRow>("WHERE experiment = ? AND round_no < ? ORDER BY round_no", {keys.name, rounds})) {}

  StoredRace read() {
    sum_screen();
    set_costs();
    draw();
    fill_screen();
    for (std::size_t r = 1; r < rounds_.size(); ++r) fill_exact(rounds_[r].round_id);
    return std::move(race_);
  }

 private:
  template <class Visit>
  void for_each_screen_block(Visit&& visit) const {
    db_.for_each<ScreenBlockRow>("WHERE round_id = ? AND model = ? ORDER BY unit, seq",
                                 {rounds_.front().round_id, model_}, [&](const ScreenBlockRow& block) {
                                   ensure(block.n == arch_.L * arch_.M, "a screen block covers every neuron");
                                   visit(block);
                                 });
  }

  void sum_screen() {
    const auto N = static_cast<std::size_t>(arch_.L * arch_.M);
    for (auto* size : {&effect_, &push_, &displacement_}) size->by_neuron.assign(N, 0);
    first_order_.assign(N, 0);
    for_each_screen_block([&](const ScreenBlockRow& block) {
      Size& size = size_of(block.metric);
      for (std::size_t i = 0; i < N; ++i) size.by_neuron[i] += std::abs(block.effects[i]);
      if (block.metric != kRaceMetric) return;
      for (std::size_t i = 0; i < N; ++i) first_order_[i] += block.effects[i];
      index_.emplace(std::pair(block.task, block.item), race_.items.size());
      race_.items.emplace_back(block.task, block.item);
      scored_.push_back(static_cast<double>(block.n_tokens));
    });
    const auto P = static_cast<double>(race_.items.size());
    ensure(P > 0, "a race has screened items");
    for (auto* size : {&effect_, &push_, &displacement_}) {
      const double total = std::accumulate(size->by_neuron.begin(), size->by_neuron.end(), 0.0);
      size->unit = total > 0 ? total / (static_cast<double>(N) * P) : 1;
    }
  }

  Size& size_of(const std::string& metric) {
    return metric == kRaceMetric ? effect_ : metric == kPushMetric ? push_ : displacement_;
  }

  void set_costs() {
    const auto P = static_cast<double>(race_.items.size());
    std::vector<double>& lengths = race_.field.item_cost;
    for (const auto& [task, id] : race_.items) {
      const TaskEntry& entry = catalog_.task(task);
      const auto text = catalog_.reference(catalog_.model(model_), entry, entry.item(id));
      lengths.push_back(static_cast<double>(text.tokens.size()) - 1);
    }
    const double mean = std::accumulate(lengths.begin(), lengths.end(), 0.0) / P;
    for (double& length : lengths) length /= mean;
    const double scored = std::accumulate(scored_.begin(), scored_.end(), 0.0) / P;
    layer_cost_ = suffix_forwards(arch_, mean, scored);
    race_.brute_forwards =
        P * static_cast<double>(arch_.M) * std::accumulate(layer_cost_.begin(), layer_cost_.end(), 0.0);
    race_.screen_forwards = P * kReachForwards;
  }

  void draw() {
    RaceSpec& spec = race_.spec;
    spec.top = keys_.top;
    spec.error = keys_.error;
    spec.candidates = keys_.candidates > 0 ? keys_.candidates : 4 * keys_.top;
    spec.controls = keys_.controls;
    spec.rest = keys_.rest;
    spec.max_forwards = keys_.budget * race_.brute_forwards - race_.screen_forwards;
    spec.seed = static_cast<std::uint64_t>(content_seed(catalog_.study(), fmt::format("{}|{}", keys_.name, model_)));
    if (spec.max_forwards <= 0) {
      throw input_error(
          "experiment '{}': the screen of model '{}' costs {:.3g} of a sweep of all its neurons, and "
          "budget = {} leaves nothing to prove it: raise budget",
          keys_.name, model_, race_.screen_forwards / race_.brute_forwards, keys_.budget);
    }
    const auto P = static_cast<double>(race_.items.size());
    std::vector<ScreenedNeuron> neurons;
    for (std::size_t i = 0; i < effect_.by_neuron.size(); ++i) {
      const double reach = effect_.by_neuron[i] / effect_.unit + push_.by_neuron[i] / push_.unit +
                           displacement_.by_neuron[i] / displacement_.unit;
      neurons.push_back({static_cast<float>(reach / P), static_cast<float>(first_order_[i] / P)});
    }
    RaceField& field = race_.field;
    field.M = arch_.M;
    field.entrants = draw_entrants(neurons, arch_.M, spec);
    auto next = field.entrants.begin();
    for (std::size_t i = 0; i < neurons.size(); ++i) {
      if (next != field.entrants.end() && next->neuron == static_cast<std::int64_t>(i)) {
        field.arm_cost.push_back(layer_cost_[i / static_cast<std::size_t>(arch_.M)]);
        ++next;
      } else {
        field.others.push_back(neurons[i]);
      }
    }
  }

  void fill_screen() {
    RaceField& field = race_.field;
    const std::size_t P = race_.items.size(), E = field.entrants.size();
    field.screen.assign(E * P, 0);
    field.reach.assign(E * P, 0);
    field.exact.assign(E * P, kUnknown);
    race_.screen.assign(E, 0);
    for_each_screen_block([&](const ScreenBlockRow& block) {
      const std::size_t item = index_.at({block.task, block.item});
      const double unit = size_of(block.metric).unit;
      for (std::size_t e = 0; e < E; ++e) {
        const float value = block.effects[static_cast<std::size_t>(field.entrants[e].neuron)];
        field.reach[e * P + item] += static_cast<float>(std::abs(value) / unit);
        if (block.metric != kRaceMetric) continue;
        field.screen[e * P + item] = value;
        race_.screen[e] += value / static_cast<double>(P);
      }
    });
  }

  void fill_exact(std::int64_t round_id) {
    RaceField& field = race_.field;
    std::map<std::int64_t, std::size_t> entrant_of;
    for (std::size_t e = 0; e < field.entrants.size(); ++e) entrant_of.emplace(field.entrants[e].neuron, e);
    const auto arms = db_.select<ArmRow>("WHERE round_id = ? ORDER BY arm", {round_id});
    for_each_effect_block(db_, round_id, [&](const EffectBlockRow& block) {
      if (block.model != model_ || block.metric != kRaceMetric) return;
      const std::size_t item = index_.at({block.task, block.item});
      for (std::int64_t k = 0; k < block.n; ++k) {
        const ArmRow& arm = arms.at(static_cast<std::size_t>(block.first_arm + k));
        const std::size_t entrant = entrant_of.at(arm.layer * arch_.M + arm.neuron);
        field.exact[entrant * race_.items.size() + item] = block.effects[static_cast<std::size_t>(k)];
      }
    });
  }

  const RaceKeys& keys_;
  const Catalog& catalog_;
  const Database& db_;
  const std::string& model_;
  const ArchSpec& arch_;
  std::vector<RoundRow> rounds_;
  Size effect_, push_, displacement_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<double> first_order_;  ///< [N] sum over items
  std::vector<double> scored_;       ///< [P] tokens
  std::vector<double> layer_cost_;   ///< [L] forwards
  StoredRace race_;
};

}  // namespace

std::vector<double> suffix_forwards(const ArchSpec& arch, double T, double scored) {
  const auto real = [](std::int64_t n) { return static_cast<double>(n); };
  const double projections = real(2 * arch.D * (arch.H + arch.kv_heads) * arch.head_dim);
  const double attention = T * real(arch.H * arch.head_dim);  // scores and values, half of the square is masked
  const double mlp = real((arch.gated_mlp ? 3 : 2) * arch.D * arch.M);
  const double layer = projections + attention + mlp, head = real(arch.D * arch.V) * scored / T;
  std::vector<double> forwards;
  for (std::int64_t l = 0; l < arch.L; ++l) {
    forwards.push_back((real(arch.L - 1 - l) * layer + head) / (real(arch.L) * layer + head));
  }
  return forwards;
}

StoredRace read_race(const RaceKeys& keys, const Catalog& catalog, const Database& db, const std::string& model,
                     std::int64_t rounds) {
  return Reader(keys, catalog, db, model, rounds).read();
}

}  // namespace neurosweep
