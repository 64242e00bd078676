#include "experiments/trace.hpp"

namespace neurosweep {

namespace {

class TraceExperiment final : public Experiment {
 public:
  TraceExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
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
    const ModelEntry& model = bench.catalog().model(unit.model);
    const TaskEntry& task = bench.catalog().task(unit.task);
    std::vector<AttemptRequest> requests;
    std::vector<TraceRow> rows;
    for (const auto& id : unit.items) {
      const TaskItem& item = task.item(id);
      for (std::int64_t attempt = 0; attempt < keys_.attempts; ++attempt) {
        rows.push_back(trace_row(bench.catalog().study(), unit, id, attempt));
        requests.push_back(
            {task.prompt.fill(item.fields), item.answer, static_cast<std::uint64_t>(rows.back().seed), {}});
      }
    }
    const AttemptOptions options{{keys_.temperature, keys_.top_p}, keys_.max_new_tokens, keys_.slots};
    const auto attempts =
        measure_attempts(bench.decoder(unit.model), *model.tokenizer, *task.grader, requests, options, KeepMeans::yes);
    UnitRows result;
    for (std::size_t i = 0; i < attempts.size(); ++i) add_attempt(result, std::move(rows[i]), attempts[i]);
    return result;
  }

  void reduce(const Catalog&, Database&) const override {}

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
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
          forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * keys_.attempts *
                                                       (4 * model.arch.L * model.arch.M + 400));
        }
      }
    }
    return forecast;
  }

 private:
  void add_unit(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                const std::vector<std::string>& ids) const {
    std::vector<std::int64_t> lengths;
    for (const auto& id : ids) {
      const auto text = catalog.reference(model, task, task.item(id));
      const auto reply = static_cast<std::int64_t>(text.tokens.size()) - text.prompt_length;
      lengths.insert(lengths.end(), static_cast<std::size_t>(keys_.attempts), std::min(reply, keys_.max_new_tokens));
      work.prompt_tokens += static_cast<double>(keys_.attempts * text.prompt_length);
      work.generated_tokens += static_cast<double>(keys_.attempts * lengths.back());
      work.add_example(text);
    }
    work.units += 1;
    work.forwards += static_cast<std::int64_t>(lengths.size());
    work.decode_steps += decode_steps(lengths, keys_.slots);
  }

  TraceRow trace_row(const StudySpec& study, const WorkUnit& unit, const std::string& item,
                     std::int64_t attempt) const {
    TraceRow row;
    row.model = unit.model;
    row.task = unit.task;
    row.item = item;
    row.attempt = attempt;
    row.seed = content_seed(study, fmt::format("{}|{}|{}|{}|{}", keys_.name, unit.model, unit.task, item, attempt));
    row.temperature = keys_.temperature;
    row.top_p = keys_.top_p;
    return row;
  }

  static void add_attempt(UnitRows& rows, TraceRow row, const Attempt& attempt) {
    row.n_prompt_tokens = attempt.n_prompt_tokens;
    row.n_tokens = attempt.n_tokens;
    row.finish = attempt.finish;
    row.completion = attempt.completion;
    row.answer = attempt.answer;
    row.correct = attempt.correct ? 1 : 0;
    row.logprob = attempt.logprob;
    rows.add(std::move(row));
    if (attempt.means.empty()) return;
    ActivationMeanRow means;
    means.n = static_cast<std::int64_t>(attempt.means.size());
    means.n_tokens = attempt.n_mean_tokens;
    means.mean_values = attempt.means;
    rows.add(std::move(means));
  }

  TraceSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_trace(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<TraceExperiment>(spec, study);
}

}  // namespace neurosweep
