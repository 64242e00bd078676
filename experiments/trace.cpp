#include "experiments/trace.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/intervene/neuron_last.hpp"
#include "framework/intervene/trajectory.hpp"
#include "framework/model/transfer.hpp"
#include "framework/rank/reduce_traces.hpp"

namespace neurosweep {

namespace {

class TraceExperiment final : public Experiment {
 public:
  TraceExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    if (2 * keys_.stop_after > keys_.attempts) {
      throw input_error(
          "{}: experiment '{}': stop_after = {} wants {} attempts at an item at least, attempts = {}: raise attempts",
          to_text(spec.table.place), spec.name, keys_.stop_after, 2 * keys_.stop_after, keys_.attempts);
    }
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database&) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      for (const auto& task : keys_.selection.tasks) {
        for (auto& items : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan&, const WorkUnit& unit) const override {
    std::vector<TriedItem> items;
    for (const auto& id : unit.items) items.push_back({&bench.catalog().task(unit.task).item(id), {}, 0});
    while (run_wave(bench, unit, items)) continue;
    UnitRows result;
    for (TriedItem& item : items) add_attempts(result, unit, std::move(item));
    return result;
  }

  void reduce(const Catalog&, Database& db) const override { reduce_traces(db, keys_.name, keys_.stop_after); }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = keys_.stop_after > 0;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit * keys_.attempts;
    forecast.means = KeepMeans::yes;
    forecast.sampling = {keys_.temperature, keys_.top_p};
    for (const auto& name : keys_.selection.models) {
      const ModelEntry& model = catalog.model(name);
      auto& work = forecast.by_model[name];
      for (const auto& task : keys_.selection.tasks) {
        for (const auto& ids : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          add_unit(work, catalog, model, catalog.task(task), ids);
          forecast.result_bytes +=
              static_cast<double>(static_cast<std::int64_t>(ids.size()) * keys_.attempts * trace_bytes(model.arch));
        }
      }
    }
    return forecast;
  }

 private:
  /// One attempt with what was kept of it.
  struct TriedAttempt {
    std::uint64_t seed;
    Attempt attempt;
    std::vector<float> last;  ///< [L * M], or empty
    TraceGeometry geometry;
  };
  /// An item with the attempts at it so far.
  struct TriedItem {
    const TaskItem* item;
    std::vector<TriedAttempt> attempts;
    std::int64_t correct;
  };

  /// How many attempts at an item the next wave makes.
  std::int64_t wanted(const TriedItem& tried) const {
    const auto done = static_cast<std::int64_t>(tried.attempts.size());
    const std::int64_t left = keys_.attempts - done;
    if (keys_.stop_after == 0) return left;
    const std::int64_t rarer = std::min(tried.correct, done - tried.correct);
    if (rarer >= keys_.stop_after) return 0;
    return std::min(left, done == 0 ? 2 * keys_.stop_after : keys_.stop_after);
  }

  /// Makes the next attempts at the items that want some, all in one batch stream; false when none does.
  bool run_wave(Workbench& bench, const WorkUnit& unit, std::vector<TriedItem>& items) const {
    const TaskEntry& task = bench.catalog().task(unit.task);
    std::vector<AttemptRequest> requests;
    std::vector<std::pair<TriedItem*, std::size_t>> places;  // whose attempt, and which of its attempts
    for (TriedItem& tried : items) {
      for (std::int64_t left = wanted(tried); left > 0; --left) {
        places.emplace_back(&tried, tried.attempts.size());
        const auto seed = static_cast<std::uint64_t>(content_seed(
            bench.catalog().study(),
            fmt::format("{}|{}|{}|{}|{}", keys_.name, unit.model, unit.task, tried.item->id, tried.attempts.size())));
        requests.push_back({task.prompt.fill(tried.item->fields), tried.item->answer, seed, {}});
        tried.attempts.push_back({seed, {}, {}, {}});
      }
    }
    if (requests.empty()) return false;
    const Decoder& decoder = bench.decoder(unit.model);
    NeuronLast last(decoder.arch(), decoder.group());
    Trajectory trajectory(decoder.arch());
    const AttemptOptions options{{keys_.temperature, keys_.top_p}, keys_.max_new_tokens, keys_.slots};
    auto made =
        measure_attempts(decoder, *bench.catalog().model(unit.model).tokenizer, *task.grader, requests, options,
                         KeepMeans::yes, {keys_.keep_last ? &last : nullptr, keys_.geometry ? &trajectory : nullptr});
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto& [tried, number] = places[i];
      const auto sequence = static_cast<std::int64_t>(i);
      TriedAttempt& attempt = tried->attempts[number];
      tried->correct += made[i].correct ? 1 : 0;
      attempt.attempt = std::move(made[i]);
      if (last.has(sequence)) attempt.last = to_floats(last.of(sequence));
      attempt.geometry = trajectory.of(sequence);
    }
    return true;
  }

  std::int64_t trace_bytes(const ArchSpec& arch) const { return (keys_.keep_last ? 8 : 4) * arch.L * arch.M + 400; }

  void add_unit(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                const std::vector<std::string>& ids) const {
    work.units += 1;
    work.add_decoding(catalog.references(model, task, ids),
                      {keys_.attempts, keys_.max_new_tokens, keys_.slots, task.spec.reply_tokens});
  }

  void add_attempts(UnitRows& rows, const WorkUnit& unit, TriedItem item) const {
    for (std::size_t i = 0; i < item.attempts.size(); ++i) {
      auto& [seed, attempt, last, geometry] = item.attempts[i];
      rows.add(unit_trace(unit, item.item->id, static_cast<std::int64_t>(i), seed, {keys_.temperature, keys_.top_p},
                          attempt));
      const auto n = static_cast<std::int64_t>(attempt.means.size());
      if (n > 0) rows.add(ActivationMeanRow{0, 0, 0, n, attempt.n_mean_tokens, 0, std::move(attempt.means)});
      if (!last.empty()) rows.add(ActivationLastRow{0, 0, 0, n, 0, std::move(last)});
      const auto& [n_tokens, magnitude, angle] = geometry;
      if (n_tokens > 0) rows.add(TraceGeometryRow{0, 0, 0, n_tokens, magnitude, angle});
    }
  }

  TraceSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_trace(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<TraceExperiment>(spec, study);
}

}  // namespace neurosweep
