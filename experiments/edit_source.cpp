#include "experiments/edit_source.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/ranges.h>

#include "experiments/neuron_choice.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/config/json.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/steer/checkpoint_match.hpp"
#include "framework/steer/steering_file.hpp"

namespace neurosweep {

namespace {

constexpr const char* kFold = "fold";
constexpr const char* kScale = "scale";
constexpr const char* kRankOne = "rank_one";
constexpr const char* kEditFile = "file";
constexpr const char* kKeySuffix = " key";  // of the set that holds a rank-one edit's key
constexpr const char* kEveryToken = "all";

const std::vector<std::string> kDirections = {"identify", "gradient", "learn", "template"};
const std::vector<std::string> kSets = {"sweep", "identify", "race", "minimize"};

std::vector<NeuronId> neurons_of(const std::vector<SetMemberRow>& members) {
  std::vector<NeuronId> ids;
  for (const SetMemberRow& row : members) ids.push_back(neuron_of(row));
  return ids;
}

std::vector<SetMemberRow> set_of(const std::vector<SetMemberRow>& members, const std::string& set) {
  std::vector<SetMemberRow> rows;
  std::ranges::copy_if(members, std::back_inserter(rows), [&](const auto& row) { return row.set_name == set; });
  std::ranges::sort(rows, {}, neuron_of<SetMemberRow>);
  return rows;
}

/// The same rows of another set, on other neurons: those of a layer go to as many of that layer.
std::vector<SetMemberRow> moved_to(std::vector<SetMemberRow> rows, const std::string& set,
                                   const std::vector<NeuronId>& others) {
  ensure(rows.size() == others.size(), "a matched set has the size of its model");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].set_name = set;
    rows[i].layer = to_int(others[i].layer);
    rows[i].neuron = to_int(others[i].neuron);
  }
  return rows;
}

/// Mean activations of a model's neurons.
struct NeuronMeans {
  std::vector<float> values;  ///< [L * M]
  std::int64_t M = 0;

  double of(const SetMemberRow& row) const {
    return values.at(static_cast<std::size_t>(flat_index(neuron_of(row), M)));
  }
};

/// Turns what neurons are pushed by or pulled to into what a rank-one edit moves them by.
void make_rank_one(std::vector<SetMemberRow>& rows, const NeuronMeans& means) {
  for (SetMemberRow& row : rows) {
    if (row.op == form_name(SteeringForm::pull)) row.value -= means.of(row);
    row.op = kRankOne;
  }
}

/// A rank-one edit whose key is 0 in a layer cannot act there.
void check_key(const std::vector<SetMemberRow>& edited, const NeuronMeans& means, const EditKeys& keys) {
  std::map<std::int64_t, bool> has_key;
  for (const SetMemberRow& row : edited) has_key[row.layer] = has_key[row.layer] || means.of(row) != 0;
  for (const auto& [layer, has] : has_key) {
    if (has) continue;
    throw input_error(
        "experiment '{}': the neurons of layer {} have a mean activation of 0 in '{}', so a rank-one edit cannot act "
        "there: use op = \"fold\"",
        keys.name, layer, keys.mean_from);
  }
}

/// Makes an edit act on other neurons.
void relocate(WeightEdit& edit, const std::map<NeuronId, NeuronId>& to) {
  if (auto* fold = std::get_if<FoldEdit>(&edit)) {
    for (PatternNeuron& neuron : fold->pattern.neurons) neuron.id = to.at(neuron.id);
  } else if (auto* scale = std::get_if<ScaleEdit>(&edit)) {
    for (NeuronId& id : scale->neurons) id = to.at(id);
  } else {
    for (NeuronId& id : std::get<RankOneEdit>(edit).neurons) id = to.at(id);
  }
}

/// Whether an edit holds what its own neurons do: the same numbers say nothing about other ones.
bool is_of_its_neurons(const WeightEdit& edit) {
  const auto* fold = std::get_if<FoldEdit>(&edit);
  return std::holds_alternative<RankOneEdit>(edit) || (fold != nullptr && fold->pattern.form == SteeringForm::pull);
}

void add_edit(ContentHash& hash, const WeightEdit& edit) {
  const auto add_neuron = [&](NeuronId id) { hash.add_integer(to_int(id.layer)).add_integer(to_int(id.neuron)); };
  if (const auto* fold = std::get_if<FoldEdit>(&edit)) {
    hash.add_text(form_name(fold->pattern.form)).add_real(fold->strength);
    for (const PatternNeuron& neuron : fold->pattern.neurons) {
      add_neuron(neuron.id);
      hash.add_real(neuron.value);
    }
  } else if (const auto* scale = std::get_if<ScaleEdit>(&edit)) {
    hash.add_text(kScale).add_real(scale->factor);
    for (const NeuronId id : scale->neurons) add_neuron(id);
  } else {
    const auto& rank_one = std::get<RankOneEdit>(edit);
    hash.add_text(kRankOne).add_real(rank_one.strength);
    for (std::size_t i = 0; i < rank_one.neurons.size(); ++i) {
      add_neuron(rank_one.neurons[i]);
      hash.add_real(rank_one.key[i]).add_real(rank_one.target[i]);
    }
  }
}

/// Fails for an amount that changes nothing, is there twice or is not finite.
void check_amounts(const char* key, const std::vector<double>& amounts, double nothing, const std::string& where) {
  if (amounts.empty()) throw input_error("{}: {} is empty", where, key);
  std::set<double> known;
  for (const double amount : amounts) {
    if (!std::isfinite(amount)) throw input_error("{}: {}: a value is not finite", where, key);
    if (amount == nothing) throw input_error("{}: {}: {} would change nothing", where, key, amount);
    if (!known.insert(amount).second) throw input_error("{}: {}: {} is there twice", where, key, amount);
  }
}

}  // namespace

EditSource::EditSource(EditKeys& keys, const ExperimentSpec& spec, const StudySpec& study) : keys_(keys), op_(keys.op) {
  const std::string where = fmt::format("{}: experiment '{}'", to_text(spec.table.place), spec.name);
  if (keys.from.empty() == keys.file.empty()) throw input_error("{}: expected either from or file", where);
  if (!keys.file.empty()) {
    keys.file = resolve_path(study.path, keys.file);
    read_file(where);
  }
  check_keys(spec, where);
  if (!keys.from.empty()) check_origin(spec, study, where);
  if (op_ == kRankOne) {
    earlier_experiment(study, spec, "mean_from", keys.mean_from, {"trace"});
    check_unseen(study, spec, keys.mean_from, "takes its key from");
  }
  if ((pulls_ || has_no_twin_) && keys.random_sets > 0) {
    throw input_error(
        "{}: the edit holds what its own neurons do, to pull them there or as the key of a rank-one edit, which says "
        "nothing about random ones: set random_sets = 0",
        where);
  }
  if (pulls_ && op_ == kFold && *std::ranges::max_element(keys.strengths) > 1) {
    throw input_error("{}: strength {} would pull beyond the template: expected above 0, up to 1", where,
                      *std::ranges::max_element(keys.strengths));
  }
}

void EditSource::read_file(const std::string& where) {
  const std::string text = read_text_file(keys_.file);
  const Json json = parse_json(text, keys_.file);
  const Json* format = find_key(json, "format", keys_.file);
  if (format != nullptr && *format == "neurosweep edits") {
    edits_ = parse_edits(text, keys_.file);
    op_ = kEditFile;
    has_no_twin_ = std::ranges::any_of(edits_->edits, is_of_its_neurons);
    return;
  }
  steering_ = parse_steering(text, keys_.file);
  if (op_ == kScale) {
    throw input_error("{}: op 'scale' of a steering file, which is a direction: use fold or rank_one, or an edit file",
                      where);
  }
  pulls_ = op_ == kFold && steering_->pattern.form == SteeringForm::pull;
}

/// Keys that say nothing here are errors.
void EditSource::check_keys(const ExperimentSpec& spec, const std::string& where) const {
  const auto refuse = [&](std::initializer_list<const char*> keys, const std::string& why) {
    for (const char* key : keys) {
      if (spec.table.find(key) != nullptr) throw input_error("{}: {} has no meaning: {}", where, key, why);
    }
  };
  if (is_file()) refuse({"pooled"}, "a file holds one edit for all tasks");
  if (op_ == kEditFile) {
    return refuse({"op", "strengths", "factors", "top", "mean_from"}, "an edit file says itself what is done");
  }
  if (op_ != kFold && op_ != kScale && op_ != kRankOne) {
    throw input_error("{}: op '{}' (valid: fold, scale, rank_one)", where, op_);
  }
  if (op_ == kScale) {
    refuse({"strengths", "mean_from"}, "op 'scale' takes factors");
    return check_amounts("factors", keys_.factors, 1, where);
  }
  refuse({"factors"}, fmt::format("op '{}' takes strengths", op_));
  check_amounts("strengths", keys_.strengths, 0, where);
  if (op_ == kFold) refuse({"mean_from"}, "it is for op 'rank_one'");
  if (op_ == kRankOne && keys_.mean_from.empty()) {
    throw input_error("{}: op 'rank_one' needs mean_from, the trace experiment whose mean activations are the key",
                      where);
  }
}

void EditSource::check_origin(const ExperimentSpec& spec, const StudySpec& study, const std::string& where) {
  std::vector<std::string> known = kDirections;
  known.insert(known.end(), kSets.begin(), kSets.end());
  const std::string kind = earlier_experiment(study, spec, "from", keys_.from, known).kind;
  const auto& usable = op_ == kScale ? kSets : kDirections;
  if (std::ranges::find(usable, kind) == usable.end()) {
    throw input_error("{}: op '{}' needs {}, and '{}' of kind {} finds none (kinds that do: {}): use {}", where, op_,
                      op_ == kScale ? "a critical set" : "a direction", keys_.from, kind, fmt::join(usable, ", "),
                      op_ == kScale ? "op = \"fold\"" : "op = \"scale\"");
  }
  check_unseen(study, spec, keys_.from, "edits by");
  pulls_ = op_ == kFold && kind == "template";
}

void EditSource::check(const ModelRow& model) const {
  if (steering_) check_steering_model(*steering_, keys_.file, model.name, model.checkpoint_hash);
  if (!edits_) return;
  if (!edits_->checkpoint_hash.empty()) {
    check_checkpoint({edits_->checkpoint_hash, "another model"}, keys_.file, model.name, model.checkpoint_hash);
  }
  check_protected_exist(*edits_, model.n_layers, model.n_neurons_per_layer, keys_.file);
  for (const WeightEdit& edit : edits_->edits) {
    for (const NeuronId id : touched_neurons(edit)) {
      if (to_int(id.layer) < model.n_layers && to_int(id.neuron) < model.n_neurons_per_layer) continue;
      throw input_error("{}: neuron {} of layer {} is outside the model '{}' of {} layers with {} neurons", keys_.file,
                        to_int(id.neuron), to_int(id.layer), model.name, model.n_layers, model.n_neurons_per_layer);
    }
  }
}

std::vector<std::optional<double>> EditSource::amounts() const {
  if (op_ == kEditFile) return {std::nullopt};
  const auto& amounts = op_ == kScale ? keys_.factors : keys_.strengths;
  return {amounts.begin(), amounts.end()};
}

std::string EditSource::hash() const {
  if (!edits_) return "";
  ContentHash hash;
  for (const WeightEdit& edit : edits_->edits) add_edit(hash, edit);
  return hash.hex();
}

/// The members of the edit itself, by neuron.
std::vector<SetMemberRow> EditSource::chosen(const Database& so_far, const std::string& model,
                                             const std::string& task) const {
  std::vector<SetMemberRow> rows;
  const auto add = [&](NeuronId id, const std::string& op, double value) {
    rows.push_back({0, kEditedSet, model, task, to_int(id.layer), to_int(id.neuron), op, value, kEveryToken});
  };
  if (edits_) {
    std::set<NeuronId> touched;
    for (const WeightEdit& edit : edits_->edits) {
      for (const NeuronId id : touched_neurons(edit)) touched.insert(id);
    }
    for (const NeuronId id : touched) add(id, kEditFile, 0);
  } else if (op_ == kScale) {
    const auto top = keys_.top > 0 ? keys_.top : std::numeric_limits<std::int64_t>::max();
    for (const NeuronId id : best_neurons(so_far, keys_.from, model, {task}, top)) add(id, kScale, 0);
  } else {
    SteeringPattern pattern =
        steering_ ? steering_->pattern : read_steering_pattern(so_far, keys_.from, model, task, keys_.top);
    if (keys_.top > 0 && std::ssize(pattern.neurons) > keys_.top) {
      pattern.neurons.resize(static_cast<std::size_t>(keys_.top));
    }
    const std::string form(form_name(pattern.form));
    for (const PatternNeuron& neuron : pattern.neurons) add(neuron.id, form, neuron.value);
  }
  return set_of(rows, kEditedSet);
}

std::vector<std::vector<NeuronId>> EditSource::random_neurons(const std::vector<NeuronId>& edited, std::int64_t M,
                                                              std::uint64_t seed) const {
  std::vector<NeuronId> spared;
  if (edits_) spared.assign(edits_->protected_set.begin(), edits_->protected_set.end());
  try {
    return make_matched_sets(edited, M, keys_.random_sets, seed, spared);
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("experiment '{}': {}; or set random_sets = 0", keys_.name, failure.what()));
  }
}

std::vector<SetMemberRow> EditSource::plan(const Catalog& catalog, const Database& so_far, const std::string& model,
                                           const std::string& task) const {
  std::vector<SetMemberRow> edited = chosen(so_far, model, task);
  if (edited.empty()) return edited;
  const std::int64_t M = catalog.model(model).arch.M;
  const NeuronMeans means{op_ == kRankOne ? reference_means(so_far, keys_.mean_from, model) : std::vector<float>(), M};
  if (op_ == kRankOne) make_rank_one(edited, means);
  const bool still = std::ranges::all_of(edited, [](const auto& row) { return row.value == 0; });
  if (still && (op_ == kRankOne || edited.front().op == form_name(SteeringForm::push))) {
    throw input_error(
        "experiment '{}': what '{}' found for model '{}', task '{}' is 0 everywhere, which changes nothing", keys_.name,
        is_file() ? keys_.file : keys_.from, model, task);
  }
  if (op_ == kRankOne) check_key(edited, means, keys_);
  const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|{}|random", keys_.name, model, task));
  const auto random = random_neurons(neurons_of(edited), M, static_cast<std::uint64_t>(seed));
  std::vector<SetMemberRow> members = edited;
  for (std::size_t i = 0; i < random.size(); ++i) {
    std::ranges::copy(moved_to(edited, random_set_name(static_cast<std::int64_t>(i)), random[i]),
                      std::back_inserter(members));
  }
  for (std::size_t i = 0, n = members.size(); op_ == kRankOne && i < n; ++i) {
    SetMemberRow key = members[i];
    key.set_name += kKeySuffix;
    key.value = means.of(key);
    members.push_back(std::move(key));
  }
  return members;
}

std::vector<WeightEdit> EditSource::edits(const std::vector<SetMemberRow>& members, const std::string& set,
                                          std::optional<double> amount) const {
  const std::vector<SetMemberRow> rows = set_of(members, set);
  if (edits_) {
    const std::vector<NeuronId> from = neurons_of(set_of(members, kEditedSet)), to = neurons_of(rows);
    std::map<NeuronId, NeuronId> moves;
    for (std::size_t i = 0; i < from.size(); ++i) moves.emplace(from[i], to.at(i));
    std::vector<WeightEdit> edits = edits_->edits;
    for (WeightEdit& edit : edits) relocate(edit, moves);
    return edits;
  }
  if (op_ == kScale) return {ScaleEdit{neurons_of(rows), amount.value()}};
  if (op_ == kFold) {
    SteeringPattern pattern;
    for (const SetMemberRow& row : rows) {
      pattern.form = row.op == form_name(SteeringForm::pull) ? SteeringForm::pull : SteeringForm::push;
      pattern.neurons.push_back({neuron_of(row), row.value});
    }
    return {FoldEdit{std::move(pattern), amount.value()}};
  }
  RankOneEdit edit{neurons_of(rows), {}, {}, amount.value()};
  const std::vector<SetMemberRow> keys = set_of(members, set + kKeySuffix);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    edit.key.push_back(keys.at(i).value);
    edit.target.push_back(keys.at(i).value + rows[i].value);
  }
  return {std::move(edit)};
}

}  // namespace neurosweep
