#include "experiments/compare.hpp"
#include "experiments/constrain.hpp"
#include "experiments/edit.hpp"
#include "experiments/envelope.hpp"
#include "experiments/experiment.hpp"
#include "experiments/gradient.hpp"
#include "experiments/identify.hpp"
#include "experiments/learn.hpp"
#include "experiments/minimize.hpp"
#include "experiments/monitor.hpp"
#include "experiments/predict.hpp"
#include "experiments/race.hpp"
#include "experiments/steer.hpp"
#include "experiments/suppress.hpp"
#include "experiments/sweep.hpp"
#include "experiments/template.hpp"
#include "experiments/trace.hpp"
#include "experiments/transfer.hpp"
#include "experiments/validate.hpp"
#include "framework/base/error.hpp"
#include "framework/config/table_reader.hpp"

namespace neurosweep {

namespace {

constexpr ExperimentKind kKinds[] = {
    {"trace", "sampled attempts at reasoning, graded, with mean neuron activations", key_help<TraceSpec>, make_trace},
    {"identify", "neurons by contrast of successful and failed attempts, by a probe, by attribution or at random",
     key_help<IdentifySpec>, make_identify},
    {"sweep", "exact effect of every candidate neuron, beside random controls", key_help<SweepSpec>, make_sweep},
    {"race", "the most critical neurons at a fraction of a sweep's cost: a screen, then a race of exact effects",
     key_help<RaceKeys>, make_race},
    {"minimize", "a critical set made as small as a stated share of its joint effect allows", key_help<MinimizeSpec>,
     make_minimize},
    {"predict", "how likely a prompt is to fail, said from its activations before decoding", key_help<PredictSpec>,
     make_predict},
    {"monitor", "early warning: the risk of a wrong answer along each reply, from neurons and confidence",
     key_help<MonitorSpec>, make_monitor},
    {"validate", "every critical set on every task: general or specific to one", key_help<ValidateSpec>, make_validate},
    {"suppress", "joint suppression of critical sets on held-out items", key_help<SuppressSpec>, make_suppress},
    {"compare", "ways to find neurons side by side: overlap, agreement with exact effects, stability",
     key_help<CompareKeys>, make_compare},
    {"gradient", "neurons and directions by the slope of log p(correct), or of correct against incorrect attempts",
     key_help<GradientKeys>, make_gradient},
    {"learn", "a direction on chosen neurons, learned by making the tasks' targets likelier", key_help<LearnKeys>,
     make_learn},
    {"template", "mean and spread of chosen neurons in successful attempts", key_help<TemplateKeys>, make_template},
    {"transfer", "another model's neurons, directions and templates, mapped onto this one's neurons",
     key_help<TransferKeys>, make_transfer},
    {"steer", "steering while decoding: variants and strengths compared, the best judged on other items",
     steer_key_help, make_steer},
    {"edit", "what permanent edits of weights do to answers, beside the same edits of random neurons",
     key_help<EditKeys>, make_edit},
    {"envelope", "between which activations chosen neurons stay in successful replies", key_help<EnvelopeKeys>,
     make_envelope},
    {"constrain", "what a safety policy does to answers, with and without steering", key_help<ConstrainKeys>,
     make_constrain},
};

const ExperimentKind& find_kind(const ExperimentSpec& spec) {
  std::vector<std::string_view> names;
  for (const ExperimentKind& kind : kKinds) {
    if (kind.name == spec.kind) return kind;
    names.push_back(kind.name);
  }
  const std::string guess = nearest(spec.kind, names);
  throw input_error(
      "{}: unknown kind of experiment '{}'{}", to_text(spec.table.place), spec.kind,
      guess.empty() ? fmt::format(" (valid: {})", fmt::join(names, ", ")) : fmt::format("; did you mean '{}'?", guess));
}

}  // namespace

std::span<const ExperimentKind> experiment_kinds() {
  return kKinds;
}

std::vector<std::unique_ptr<Experiment>> make_experiments(const StudySpec& study) {
  std::vector<std::unique_ptr<Experiment>> experiments;
  for (const ExperimentSpec& spec : study.experiments) experiments.push_back(find_kind(spec).make(spec, study));
  return experiments;
}

}  // namespace neurosweep
