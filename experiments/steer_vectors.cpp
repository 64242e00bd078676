#include "experiments/steer_vectors.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"

namespace neurosweep {

namespace {

using Neurons = std::vector<PatternNeuron>;

/// A pattern with the name under which it is tried.
struct NamedPattern {
  std::string name;
  std::string direction_task;
  SteeringPattern pattern;
};

/// The patterns of a variant without its controls.
std::vector<NamedPattern> patterns_of(const Database& db, const DeclaredVariant& variant, const std::string& model,
                                      const std::string& task, const std::vector<std::string>& tasks) {
  const SteerVariant& keys = variant.keys;
  std::vector<NamedPattern> patterns;
  if (variant.file) {
    patterns.push_back({keys.name, "", variant.file->pattern});
    if (keys.top > 0 && std::ssize(patterns[0].pattern.neurons) > keys.top) {
      patterns[0].pattern.neurons.resize(static_cast<std::size_t>(keys.top));
    }
    return patterns;
  }
  std::vector<std::string> sources = {keys.pooled ? std::string(kAllTasks) : task};
  if (keys.across) {
    sources = tasks;
    sources.emplace_back(kAllTasks);
  }
  for (const std::string& source : sources) {
    auto pattern = read_steering_pattern(db, keys.from, model, source, keys.top);
    if (pattern.neurons.empty()) continue;
    const std::string name = keys.across ? fmt::format("{} from {}", keys.name, source) : keys.name;
    patterns.push_back({name, source, std::move(pattern)});
  }
  return patterns;
}

/// Gives every push the same size, keeping signs and the norm.
void make_equal(Neurons& neurons) {
  double squares = 0;
  for (const PatternNeuron& neuron : neurons) squares += neuron.value * neuron.value;
  const double size = std::sqrt(squares / static_cast<double>(neurons.size()));
  for (PatternNeuron& neuron : neurons) neuron.value = std::copysign(size, neuron.value);
}

void sort_by_neuron(Neurons& neurons) {
  std::sort(neurons.begin(), neurons.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

/// The same pushes on other neurons: those of a layer go to as many of that layer.
Neurons moved_to(Neurons neurons, std::vector<NeuronId> others) {
  sort_by_neuron(neurons);
  std::sort(others.begin(), others.end());
  ensure(neurons.size() == others.size(), "a matched set has the size of its model");
  for (std::size_t i = 0; i < neurons.size(); ++i) neurons[i].id = others[i];
  return neurons;
}

/// The same neurons with the pushes of each layer dealt anew.
Neurons dealt_anew(Neurons neurons, std::uint64_t seed) {
  sort_by_neuron(neurons);
  CounterRng rng(seed);
  for (auto begin = neurons.begin(); begin != neurons.end();) {
    const auto end =
        std::find_if(begin, neurons.end(), [&](const auto& each) { return each.id.layer != begin->id.layer; });
    for (auto left = end - begin; left > 1; --left) {
      std::swap(begin[left - 1].value,
                begin[static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint64_t>(left)))].value);
    }
    begin = end;
  }
  return neurons;
}

/// Random sets for a variant's neurons. What was learned before is worth more than a control: where a layer has too few
/// neurons left there are none, with a warning.
std::vector<std::vector<NeuronId>> matched_sets(const std::string& variant, const std::vector<NeuronId>& ids,
                                                std::int64_t M, std::int64_t count, std::uint64_t seed) {
  try {
    return make_matched_sets(ids, M, count, seed);
  } catch (const Error& failure) {
    log_warning("variant '{}': no random control: {}, or take shuffled_draws", variant, failure.what());
    return {};
  }
}

/// The controls of a pattern, by name.
std::vector<std::pair<std::string, Neurons>> controls_of(const NamedPattern& named, const SteerVariant& keys,
                                                         std::int64_t M, std::uint64_t seed) {
  std::vector<NeuronId> ids;
  for (const PatternNeuron& neuron : named.pattern.neurons) ids.push_back(neuron.id);
  std::vector<std::pair<std::string, Neurons>> controls;
  if (keys.random_draws > 0) {
    const auto sets = matched_sets(named.name, ids, M, keys.random_draws, seed);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      controls.emplace_back(fmt::format("{} random {:02}", named.name, i), moved_to(named.pattern.neurons, sets[i]));
    }
  }
  for (std::int64_t i = 0; i < keys.shuffled_draws; ++i) {
    const auto draw = derive_seed(seed, fmt::format("shuffled {}", i));
    controls.emplace_back(fmt::format("{} shuffled {:02}", named.name, i), dealt_anew(named.pattern.neurons, draw));
  }
  return controls;
}

}  // namespace

std::vector<PlannedVariant> plan_variant(const Catalog& catalog, const Database& db, const std::string& experiment,
                                         const DeclaredVariant& variant, const std::string& model,
                                         const std::string& task, const std::vector<std::string>& tasks) {
  const SteerVariant& keys = variant.keys;
  std::vector<PlannedVariant> planned;
  for (NamedPattern& named : patterns_of(db, variant, model, task, tasks)) {
    const auto add = [&](const std::string& name, const Neurons& neurons) {
      PlannedVariant& each = planned.emplace_back(PlannedVariant{name, named.direction_task, {}});
      for (const auto& [id, value, sd] : neurons) {
        each.members.push_back({0, name, model, task, to_int(id.layer), to_int(id.neuron),
                                std::string(form_name(named.pattern.form)), value, keys.scope});
      }
    };
    if (keys.values == "equal") make_equal(named.pattern.neurons);
    add(named.name, named.pattern.neurons);
    const auto seed =
        content_seed(catalog.study(), fmt::format("{}|{}|{}|{}|random", experiment, named.name, model, task));
    for (const auto& [name, neurons] :
         controls_of(named, keys, catalog.model(model).arch.M, static_cast<std::uint64_t>(seed))) {
      add(name, neurons);
    }
  }
  return planned;
}

std::int64_t count_planned(const SteerVariant& variant, std::size_t n_tasks) {
  const std::int64_t directions = variant.across ? static_cast<std::int64_t>(n_tasks) + 1 : 1;
  return directions * (1 + variant.random_draws + variant.shuffled_draws);
}

SteeringVector steering_vector(const std::vector<SetMemberRow>& members) {
  SteeringPattern pattern;
  for (const SetMemberRow& row : members) {
    pattern.form = row.op == form_name(SteeringForm::pull) ? SteeringForm::pull : SteeringForm::push;
    pattern.neurons.push_back({neuron_of(row), row.value});
  }
  return steering_vector(pattern);
}

SteeringVector steering_vector(const SteeringPattern& pattern) {
  SteeringVector vector;
  for (const PatternNeuron& neuron : pattern.neurons) {
    const auto value = static_cast<float>(neuron.value);
    vector.push_back(pattern.form == SteeringForm::pull ? SteeredNeuron{neuron.id, 0, 1, value}
                                                        : SteeredNeuron{neuron.id, value, 0, 0});
  }
  return vector;
}

}  // namespace neurosweep
