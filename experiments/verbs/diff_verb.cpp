#include <algorithm>
#include <iostream>

#include "experiments/verbs/edit_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/steer/checkpoint_diff.hpp"

namespace neurosweep {

namespace {

Json difference_json(const CheckpointDifference& difference) {
  Json neurons = Json::array(), tensors = Json::array();
  for (const NeuronDifference& each : difference.neurons) {
    neurons.push_back({{"layer", to_int(each.id.layer)},
                       {"neuron", to_int(each.id.neuron)},
                       {"down", each.down},
                       {"down_relative", each.down_relative},
                       {"in", each.in}});
  }
  for (const TensorDifference& each : difference.tensors) {
    tensors.push_back({{"name", each.name},
                       {"what", each.what},
                       {"numbers", each.n},
                       {"largest", each.largest},
                       {"norm", each.norm}});
  }
  return {{"neurons", std::move(neurons)},
          {"more_neurons_per_layer", difference.more_neurons},
          {"tensors", std::move(tensors)},
          {"config", difference.config}};
}

void print_difference(const CheckpointDifference& difference, std::int64_t top) {
  auto neurons = difference.neurons;
  std::ranges::stable_sort(neurons, std::greater(), [](const NeuronDifference& each) { return each.down + each.in; });
  std::cout << fmt::format("{} neurons differ\n", neurons.size());
  if (top > 0 && std::ssize(neurons) > top) neurons.resize(static_cast<std::size_t>(top));
  if (!neurons.empty())
    fmt::print("{:>6} {:>7} {:>12} {:>10} {:>12}\n", "layer", "neuron", "writes", "relative", "reads");
  for (const NeuronDifference& each : neurons) {
    fmt::print("{:>6} {:>7} {:>12.5g} {:>9.2f}% {:>12.5g}\n", to_int(each.id.layer), to_int(each.id.neuron), each.down,
               100 * each.down_relative, each.in);
  }
  if (difference.more_neurons != 0) fmt::print("B has {:+d} neurons in every layer\n", difference.more_neurons);
  for (const TensorDifference& each : difference.tensors) {
    fmt::print("{}: {}, {} numbers", each.name, each.what, each.n);
    if (each.what != "shape") fmt::print(", largest {:.5g}, norm {:.5g}", each.largest, each.norm);
    fmt::print("\n");
  }
  for (const std::string& key : difference.config) fmt::print("config.json: {}\n", key);
}

}  // namespace

int run_diff(const std::vector<std::string>& words) {
  std::string a, b;
  std::int64_t top = 20;
  bool json = false;
  CommandLine line("diff A B [options]",
                   "What differs between two checkpoint folders, by neuron: the norm of the change of what it writes\n"
                   "(its column of W_down), also as a share of the column, and of what it reads (its rows of gate and\n"
                   "up); then every other tensor that differs, and the keys of config.json.",
                   "  neurosweep diff experiments/models/reasoner-small better");
  line.positional("A", a, "checkpoint folder").positional("B", b, "checkpoint folder");
  line.option("top", top, "neurons shown, by change (default 20; 0: all)");
  line.flag("json", json, "all of it as JSON");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  const CheckpointDifference difference = diff_checkpoints(a, b);
  if (json) {
    std::cout << json_text(difference_json(difference), 1) << '\n';
  } else {
    print_difference(difference, top);
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
