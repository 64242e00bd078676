#include "framework/steer/policy_file.hpp"

#include <charconv>
#include <cmath>
#include <map>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/table_reader.hpp"
#include "framework/config/toml.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/steer/checkpoint_match.hpp"

namespace neurosweep {

namespace {

constexpr const char* kFormat = "neurosweep policy";
constexpr std::int64_t kVersion = 1;
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr std::int64_t kWholeLayer = -1;
// Sizes beyond which a file is a mistake, or means to fill the memory.
constexpr Range kLayers{1, 10'000}, kNeuronsPerLayer{1, 10'000'000};
constexpr std::int64_t kMostDenied = 10'000'000;

struct PolicyKeys {
  std::string format, model, checkpoint_hash, from;
  std::string scope = "generated";
  std::int64_t version = 0, layers = 0, neurons_per_layer = 0;
  double steering_cap = kInfinite;
  std::vector<std::string> denied;
  std::vector<ConfigNode> envelopes, floors;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("format", format, "what the file is");
    v.required("version", version, "of the format");
    v.required("model", model, "name of the model, for messages");
    v.required("checkpoint_hash", checkpoint_hash, "the checkpoint that the neurons belong to");
    v.required("layers", layers, "of the model", kLayers);
    v.required("neurons_per_layer", neurons_per_layer, "of the model", kNeuronsPerLayer);
    v.optional("from", from, "where the numbers come from");
    v.optional("scope", scope, "tokens that it is enforced at: generated or all");
    v.optional("steering_cap", steering_cap, "norm of steering over that of the layer's neurons, at a token",
               Range{0, kInfinite});
    v.optional("denied", denied, "neurons that nothing may touch: layer:neuron or layer:*");
    v.optional("envelope", envelopes, "neurons kept between low and high, each a table [[envelope]]");
    v.optional("floor", floors, "neurons kept at least at low, each a table [[floor]]");
  }
};

struct LimitKeys {
  std::string neuron;
  double low = -kInfinite, high = kInfinite;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("neuron", neuron, "layer:neuron");
    v.optional("low", low, "least activation");
    v.optional("high", high, "largest activation");
  }
};

struct FloorKeys {
  std::string neuron;
  double low = 0;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("neuron", neuron, "layer:neuron");
    v.required("low", low, "least activation");
  }
};

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, why] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (why != std::errc() || end != text.data() + text.size() || value < 0 || value > 1'000'000'000) return std::nullopt;
  return value;
}

/// Layer and neuron of "3:17"; of "3:*" kWholeLayer in place of the neuron.
std::pair<std::int64_t, std::int64_t> parse_neuron(const std::string& text, const SourcePlace& place) {
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos) {
    const auto layer = number_of(std::string_view(text).substr(0, colon));
    const auto rest = std::string_view(text).substr(colon + 1);
    const auto neuron = rest == "*" ? std::optional(kWholeLayer) : number_of(rest);
    if (layer && neuron) return {*layer, *neuron};
  }
  throw input_error("{}: neuron '{}': expected layer:neuron, such as \"3:17\"", to_text(place), text);
}

NeuronId parse_one(const std::string& text, const SourcePlace& place) {
  const auto [layer, neuron] = parse_neuron(text, place);
  if (neuron == kWholeLayer) {
    throw input_error("{}: neuron '{}': limits are for one neuron; whole layers can be denied", to_text(place), text);
  }
  return {LayerIndex(layer), NeuronIndex(neuron)};
}

std::vector<NeuronId> parse_denied(const PolicyKeys& keys, const SourcePlace& place) {
  std::vector<NeuronId> denied;
  for (const std::string& text : keys.denied) {
    const auto [layer, neuron] = parse_neuron(text, place);
    if (neuron != kWholeLayer) {
      denied.push_back({LayerIndex(layer), NeuronIndex(neuron)});
      continue;
    }
    if (layer >= keys.layers) {
      throw input_error("{}: '{}' is outside the model of {} layers", to_text(place), text, keys.layers);
    }
    if (std::ssize(denied) + keys.neurons_per_layer > kMostDenied) {
      throw input_error("{}: more than {} denied neurons", to_text(place), kMostDenied);
    }
    for (std::int64_t i = 0; i < keys.neurons_per_layer; ++i) denied.push_back({LayerIndex(layer), NeuronIndex(i)});
  }
  return denied;
}

std::vector<ActivationLimits> parse_limits(const PolicyKeys& keys) {
  std::vector<ActivationLimits> limits;
  for (const ConfigNode& node : keys.envelopes) {
    LimitKeys each;
    read_keys(node, "[[envelope]]", each);
    limits.push_back({parse_one(each.neuron, node.place), each.low, each.high});
  }
  std::map<NeuronId, std::size_t> known;
  for (std::size_t i = 0; i < limits.size(); ++i) known.emplace(limits[i].id, i);
  for (const ConfigNode& node : keys.floors) {
    FloorKeys each;
    read_keys(node, "[[floor]]", each);
    const NeuronId id = parse_one(each.neuron, node.place);
    const auto [found, is_new] = known.emplace(id, limits.size());
    if (is_new) {
      limits.push_back({id, each.low, kInfinite});
      continue;
    }
    ActivationLimits& both = limits[found->second];
    if (each.low > both.high) {
      throw input_error("{}: neuron {} has the floor {} above its ceiling {}: no activation satisfies both",
                        to_text(node.place), each.neuron, each.low, both.high);
    }
    both.low = std::max(both.low, each.low);
  }
  return limits;
}

PolicyScope parse_scope(const std::string& name, const SourcePlace& place) {
  if (name == "generated") return PolicyScope::generated;
  if (name == "all") return PolicyScope::all;
  throw input_error("{}: scope '{}' (valid: generated, all)", to_text(place), name);
}

std::string stored_envelopes(const Database& db) {
  Statement found =
      db.connection().prepare("SELECT DISTINCT experiment, model, task FROM activation_envelope ORDER BY 1, 2, 3");
  std::string text;
  while (found.step()) {
    text += fmt::format("{}{} ({}, {})", text.empty() ? "" : ", ", found.text(0), found.text(1), found.text(2));
  }
  return text.empty() ? "none" : text;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

PolicyFile parse_policy(std::string_view text, const std::string& origin) {
  const ConfigNode root = parse_toml_text(text, origin);
  PolicyKeys keys;
  const ConfigNode* format = root.find("format");
  const auto* name = format == nullptr ? nullptr : std::get_if<std::string>(&format->value);
  if (name == nullptr || *name != kFormat) {
    throw input_error("{}: this is no policy of neurosweep (expected format = \"{}\")", origin, kFormat);
  }
  read_keys(root, "the policy", keys);
  if (keys.version != kVersion) {
    throw input_error("{}: version {} of the format, this program reads {}", origin, keys.version, kVersion);
  }
  PolicyFile file{keys.model, keys.checkpoint_hash, keys.layers, keys.neurons_per_layer, keys.from, {}};
  file.policy.scope = parse_scope(keys.scope, root.find("scope") ? root.find("scope")->place : root.place);
  file.policy.limits = parse_limits(keys);
  file.policy.denied = parse_denied(keys, root.find("denied") ? root.find("denied")->place : root.place);
  file.policy.steering_cap = keys.steering_cap;
  try {
    check_policy(file.policy, {}, file.n_layers, file.n_neurons_per_layer);
  } catch (const Error& failure) {
    throw input_error("{}: {}", origin, failure.what());
  }
  return file;
}

PolicyFile read_policy_file(const std::string& path) {
  return parse_policy(read_text_file(path), path);
}

std::string policy_text(const PolicyFile& file) {
  const Policy& policy = file.policy;
  std::string text =
      fmt::format("format = {}\nversion = {}\nmodel = {}\ncheckpoint_hash = {}\nlayers = {}\nneurons_per_layer = {}\n",
                  quoted(kFormat), kVersion, quoted(file.model), quoted(file.checkpoint_hash), file.n_layers,
                  file.n_neurons_per_layer);
  if (!file.from.empty()) text += fmt::format("from = {}\n", quoted(file.from));
  text += fmt::format("scope = {}\n", policy.scope == PolicyScope::all ? "\"all\"" : "\"generated\"");
  if (std::isfinite(policy.steering_cap)) text += fmt::format("steering_cap = {}\n", policy.steering_cap);
  if (!policy.denied.empty()) {
    std::vector<std::string> denied;
    for (const NeuronId& id : policy.denied)
      denied.push_back(fmt::format("\"{}:{}\"", to_int(id.layer), to_int(id.neuron)));
    text += fmt::format("denied = [{}]\n", fmt::join(denied, ", "));
  }
  for (const ActivationLimits& limits : policy.limits) {
    text += fmt::format("\n[[envelope]]\nneuron = \"{}:{}\"\n", to_int(limits.id.layer), to_int(limits.id.neuron));
    if (std::isfinite(limits.low)) text += fmt::format("low = {}\n", limits.low);
    if (std::isfinite(limits.high)) text += fmt::format("high = {}\n", limits.high);
  }
  return text;
}

void check_policy_model(const PolicyFile& file, std::string_view origin, std::string_view model,
                        std::string_view checkpoint_hash) {
  check_checkpoint({file.checkpoint_hash, fmt::format("'{}'", file.model)}, origin, model, checkpoint_hash);
}

PolicyFile make_policy_file(const Database& db, const std::string& experiment, const std::string& model,
                            const std::string& task) {
  const auto rows = db.select<ActivationEnvelopeRow>(
      "WHERE experiment = ? AND model = ? AND task = ? ORDER BY layer, neuron", {experiment, model, task});
  if (rows.empty()) {
    throw input_error("{}: '{}' stored no envelopes for model '{}', task '{}'; there are: {}", db.path(), experiment,
                      model, task, stored_envelopes(db));
  }
  const ModelRow row = read_model(db, model);
  PolicyFile file{model, row.checkpoint_hash, row.n_layers, row.n_neurons_per_layer, "", {}};
  file.from = fmt::format(
      "study '{}' ({}), experiment '{}', task '{}': quantiles {} and {} of the least and largest activation over the "
      "tokens of {} successful replies",
      db.study().name, db.study().study_id, experiment, task, rows[0].outside, 1 - rows[0].outside, rows[0].n);
  for (const ActivationEnvelopeRow& each : rows) {
    file.policy.limits.push_back({{LayerIndex(each.layer), NeuronIndex(each.neuron)}, each.low, each.high});
  }
  return file;
}

}  // namespace neurosweep
