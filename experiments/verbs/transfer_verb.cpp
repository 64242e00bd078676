#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include <fmt/ranges.h>

#include "experiments/identity.hpp"
#include "experiments/transfer.hpp"
#include "experiments/transfer_once.hpp"
#include "experiments/verbs/edit_verbs.hpp"
#include "experiments/verbs/json_lines.hpp"
#include "experiments/verbs/model_options.hpp"
#include "experiments/verbs/transfer_text.hpp"
#include "framework/base/file.hpp"
#include "framework/base/log.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/model/weights.hpp"
#include "framework/steer/steering_file.hpp"

namespace neurosweep {

namespace {

constexpr const char* kName = "transfer";
constexpr std::size_t kFewestTexts = 10;  // of which two judge the map

struct TransferOptions {
  std::string steering, donor, receiver, texts, map, out, shuffled, random;
  std::int64_t seed = 1;
  TransferKeys keys;
  ModelOptions compute;

  void add_to(CommandLine& line) {
    line.positional("STEER", steering, "steering file of the donor (neurosweep export)");
    line.option("donor", donor, "checkpoint folder that the file belongs to");
    line.option("receiver", receiver,
                "checkpoint folder of the model that gets it; of any size, architecture and "
                "tokenizer");
    line.option("texts", texts, "file of texts that both models read; see above");
    line.option("map", map, "matching, identity, ridge or procrustes; see above");
    line.option("out", out, "steering file to write");
    line.option("shuffled", shuffled, "control to write: the same by a map fitted on samples dealt anew");
    line.option("random", random, "control to write: as many random neurons of the same donor layers, mapped");
    line.option("seed", seed, "of both controls (default 1)");
    line.option("align", keys.align,
                "a sample is: characters (default; two tokens that end at the same one) or means "
                "(of a whole text)");
    line.option("layers", keys.layers, "neurons are matched between: paired (default; layers, by CKA) or all");
    line.option("samples", keys.samples, "most samples that the map is made of, spread evenly (default 4096)");
    line.option("candidates", keys.candidates, "partners considered for each donor neuron (default 16)");
    line.option("ridge", keys.ridge, "penalty of ridge, as a share of a coordinate's mean variance (default 0.01)");
    compute.add_compute_to(line);
  }

  void check() const {
    for (const auto& [name, value] : {std::pair{"donor DIR", donor},
                                      {"receiver DIR", receiver},
                                      {"texts FILE", texts},
                                      {"map MAP", map},
                                      {"out FILE", out}}) {
      if (value.empty()) throw input_error("--{} is missing", name);
    }
    if (std::ranges::find(kTransferMaps, map) == kTransferMaps.end()) {
      throw input_error("--map = '{}' (valid: {})", map, fmt::join(kTransferMaps, ", "));
    }
    if (map == kIdentityMap && !shuffled.empty()) {
      throw input_error("--shuffled is for a map that is fitted, not for identity");
    }
    check_range("samples", static_cast<double>(keys.samples), kTransferSamples);
    check_range("candidates", static_cast<double>(keys.candidates), kTransferCandidates);
    check_range("ridge", keys.ridge, kTransferRidge);
    sample_kind(keys.align, "--align");
    matched_layers(keys.layers, "--layers");
    std::vector<std::string> taken = {steering, texts};
    for (const std::string& path : {out, shuffled, random}) {
      if (path.empty()) continue;
      if (std::ranges::find(taken, path) != taken.end()) throw input_error("{}: is named twice: write elsewhere", path);
      taken.push_back(path);
    }
  }

  static void check_range(const char* name, double value, Range range) {
    if (value >= range.low && value <= range.high) return;
    throw input_error("--{} must be between {} and {}, found {}", name, range.low, range.high, value);
  }

  /// For identity, matching tells whether neurons are where they were.
  std::vector<std::string> maps() const {
    if (map == kIdentityMap) return {map, kMatchingMap};
    return {map, shuffled_map(map)};
  }
};

/// A line of --texts.
struct TextLine {
  std::string prompt, text, origin;
};

/// JSON lines when the first one begins with a brace, else plain texts.
std::vector<TextLine> read_texts(const std::string& path) {
  const std::string all = read_text_file(path);
  const std::size_t begin = all.find_first_not_of(" \t\r\n");
  const bool json = begin != std::string::npos && all[begin] == '{';
  std::istringstream in(all);
  std::vector<TextLine> lines;
  for_each_line(in, path, [&](const std::string& line, const std::string& origin) {
    if (!json) {
      lines.push_back({{}, line, origin});
      return;
    }
    const Json object = json_object(line, origin);
    TextLine read{{}, require<std::string>(object, "text", origin), origin};
    if (find_key(object, "prompt", origin)) read.prompt = require<std::string>(object, "prompt", origin);
    if (read.text.empty()) throw input_error("{}: an empty text", origin);
    lines.push_back(std::move(read));
  });
  if (lines.size() < kFewestTexts) {
    throw input_error("{}: {} texts, expected {} at least: every fifth is held out to judge the map", path,
                      lines.size(), kFewestTexts);
  }
  return lines;
}

/// One of the two checkpoints.
struct ModelFolder {
  ModelFolder(const std::string& dir, std::string called)
      : path(dir), name(std::move(called)), hash(hash_checkpoint(dir)), arch(read_arch(dir)) {}

  ModelRow row() const {
    ModelRow row;
    row.name = name;
    row.n_layers = arch.L;
    row.n_neurons_per_layer = arch.M;
    return row;
  }

  std::string path, name, hash;
  ArchSpec arch;
};

/// Its model, loaded.
struct LoadedModel {
  LoadedModel(const ModelOptions& options, const ModelFolder& folder)
      : path(folder.path), tokenizer(Tokenizer::load(path)), decoder(options.load(path)) {}

  ModelReading reading(const TextLine& line) const try {
    const std::int64_t context = decoder.arch().context;
    if (!line.prompt.empty()) {
      return {tokenizer, make_reference(tokenizer, line.prompt, line.text, "", -1, context, "the line")};
    }
    ReferenceText text;
    text.tokens = tokenizer.encode(line.text, AddSpecialTokens::yes);
    const auto length = static_cast<std::int64_t>(text.tokens.size());
    if (length > context)
      throw input_error("{} tokens, the model's context has {}: give shorter texts", length, context);
    return {tokenizer, std::move(text)};
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("{}: {}: {}", line.origin, path, failure.what()));
  }

  std::string path;
  Tokenizer tokenizer;
  Decoder decoder;
};

SharedTexts share_texts(const TransferOptions& options, const std::vector<TextLine>& lines, const LoadedModel& donor,
                        const LoadedModel& receiver) {
  const SampleKind kind = sample_kind(options.keys.align, "--align");
  SharedTexts shared;
  std::vector<std::string> left_out;
  for (const TextLine& line : lines) {
    add_shared_text(shared, kind, line.text, donor.reading(line), receiver.reading(line));
    if (shared.donor.back().at.empty()) left_out.push_back(line.origin);
  }
  if (left_out.empty()) return shared;
  constexpr const char* kWhy = "beyond the first token, which is not observed, it has none to compare";
  if (lines.size() - left_out.size() < kFewestTexts) {
    throw input_error(
        "{}: {} texts can be compared, expected {} at least: the first that cannot is {}: {}: give longer texts",
        options.texts, lines.size() - left_out.size(), kFewestTexts, left_out.front(), kWhy);
  }
  log_warning("{}: {} of {} texts are left out, the first is {}: {}", options.texts, left_out.size(), lines.size(),
              left_out.front(), kWhy);
  return shared;
}

DonorSet donor_set(const SteeringFile& file) {
  const bool push = file.pattern.form == SteeringForm::push;
  DonorSet set{file.experiment, file.task, push ? DonorForm::push : DonorForm::pull, {}};
  for (const auto& [id, value, sd] : file.pattern.neurons) set.neurons.push_back({id, 0, value, sd, 1});
  return set;
}

void check_pair(const TransferOptions& options, const SteeringFile& file, const ModelFolder& donor,
                const ModelFolder& receiver) {
  check_steering_model(file, options.steering, options.donor, donor.hash);
  const ModelRow row = donor.row();
  if (file.n_layers != row.n_layers || file.n_neurons_per_layer != row.n_neurons_per_layer) {
    throw input_error("{}: is for {} layers of {} neurons, but {} has {} of {}", options.steering, file.n_layers,
                      file.n_neurons_per_layer, donor.path, row.n_layers, row.n_neurons_per_layer);
  }
  if (donor.hash == receiver.hash) {
    throw input_error("{} and {} are one checkpoint ({}): {} is for it as it is", donor.path, receiver.path, donor.hash,
                      options.steering);
  }
  if (options.map == kIdentityMap) need_one_shape(row, receiver.row(), "--map identity");
}

OneTransfer plan_transfer(const TransferOptions& options, const SteeringFile& file, const ModelFolder& donor,
                          const ModelFolder& receiver) {
  const auto seed_of = [&](const char* part) { return derive_seed(static_cast<std::uint64_t>(options.seed), part); };
  const TransferKeys& keys = options.keys;
  OneTransfer transfer;
  transfer.donor = donor.row();
  transfer.receiver = receiver.row();
  transfer.spec = {kName, donor.name, receiver.name, {file.experiment}, {file.task}, options.maps(), 0, std::nullopt};
  transfer.spec.random_seed = seed_of("random donor neurons");
  transfer.sets = {donor_set(file)};
  if (!options.random.empty()) {
    transfer.sets.push_back(draw_random_control(transfer.spec, file.n_neurons_per_layer, transfer.sets.front()));
  }
  transfer.settings.maps = options.maps();
  transfer.settings.kind = sample_kind(keys.align, "--align");
  transfer.settings.samples = keys.samples;
  transfer.settings.candidates = keys.candidates;
  transfer.settings.ridge = keys.ridge;
  transfer.settings.deal_seed = seed_of("shuffled");
  transfer.layers = matched_layers(keys.layers, "--layers");
  return transfer;
}

/// What a map made of the donor's set or its control, as the receiver's steering file.
SteeringFile receiver_file(const SteeringFile& donor, const ModelFolder& receiver, const std::string& product,
                           const TransferRows& rows) {
  const TransferProduct& made = rows.products.at(product);
  SteeringFile file = donor;
  file.model = receiver.name;
  file.family = receiver.arch.family;
  file.checkpoint_hash = receiver.hash;
  file.n_layers = receiver.arch.L;
  file.n_neurons_per_layer = receiver.arch.M;
  file.experiment = product;
  file.code_version = std::string(kCodeVersion);
  file.pattern.neurons.clear();
  for (const DirectionRow& row : made.directions) {
    file.pattern.source = row.source;
    file.pattern.neurons.push_back({neuron_of(row), row.value, 0});
  }
  for (const SuccessTemplateRow& row : made.templates)
    file.pattern.neurons.push_back({neuron_of(row), row.mean, row.sd});
  if (file.pattern.neurons.empty()) {
    throw input_error("{}: no neuron of it maps to '{}': they never change over the texts: give other texts", product,
                      receiver.name);
  }
  if (file.pattern.form == SteeringForm::push &&
      std::ranges::all_of(file.pattern.neurons, [](const PatternNeuron& neuron) { return neuron.value == 0; })) {
    throw input_error("{}: pushes nothing on '{}', as every value is 0", product, receiver.name);
  }
  return file;
}

/// The files to write, each with its path.
std::vector<std::pair<std::string, SteeringFile>> make_files(const TransferOptions& options, const SteeringFile& donor,
                                                             const ModelFolder& receiver, const TransferRows& rows) {
  std::vector<std::pair<std::string, SteeringFile>> files;
  const auto add = [&](const std::string& path, const std::string& map, const std::string& source) {
    if (path.empty()) return;
    files.emplace_back(path, receiver_file(donor, receiver, transfer_product(kName, map, source), rows));
  };
  add(options.out, options.map, donor.experiment);
  add(options.shuffled, shuffled_map(options.map), donor.experiment);
  add(options.random, options.map, random_source(donor.experiment));
  return files;
}

}  // namespace

int run_transfer(const std::vector<std::string>& words) {
  TransferOptions options;
  CommandLine line(
      "transfer STEER --donor DIR --receiver DIR --texts FILE --map MAP --out FILE [options]",
      "Maps a steering file that was found on one model, the donor, onto another, the receiver. What it writes has\n"
      "the receiver's neurons, values and checkpoint: `generate --steer`, `edit` and `export` take it. Maps:\n"
      "  matching    neurons one to one, by correlation of their activations over the texts\n"
      "  identity    the same neurons, for models of one shape, such as a checkpoint and a fine-tuned one\n"
      "  ridge       least squares between residual streams; then few of the receiver's neurons that write the same\n"
      "  procrustes  a rotation and a scale between residual streams; then as for ridge\n"
      "Texts: one a line, or JSON lines {\"text\"} or {\"prompt\",\"text\"}, of which only the text is compared. Take\n"
      "some like those that are to be steered; every fifth is held out. The first token that a model reads is never\n"
      "observed, as its activations are unlike any other's: a text of one token is left out. What is printed tells\n"
      "how good the map is: for every donor layer the receiver's most like it (CKA), and how well the map holds there\n"
      "beside a map that was fitted on samples whose pairing was dealt anew. A good map is no proof that the steering\n"
      "helps: measure it, beside both controls. Both models are in memory at once.",
      "  neurosweep transfer arith.json --donor experiments/models/reasoner-small --texts texts.jsonl\n"
      "      --receiver experiments/models/reasoner-large --map procrustes --out large.json");
  options.add_to(line);
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  options.check();
  const SteeringFile file = read_steering_file(options.steering);
  const ModelFolder donor(options.donor, file.model);
  const ModelFolder receiver(options.receiver, std::filesystem::weakly_canonical(options.receiver).filename().string());
  check_pair(options, file, donor, receiver);
  const OneTransfer transfer = plan_transfer(options, file, donor, receiver);
  const auto texts = read_texts(options.texts);
  const LoadedModel giving(options.compute, donor), taking(options.compute, receiver);
  const SharedTexts shared = share_texts(options, texts, giving, taking);
  const TransferRows rows = measure_transfer(
      transfer,
      {[&]() -> const Decoder& { return giving.decoder; }, [&]() -> const Decoder& { return taking.decoder; }}, shared);
  const auto files = make_files(options, file, receiver, rows);
  for (const auto& [path, made] : files) write_text_file(path, steering_text(made));
  std::cout << map_quality_text(rows, options.map);
  for (const auto& [path, made] : files) {
    std::cout << made_file_text(rows, path, made, file.pattern.neurons.size());
  }
  return exit_status::kComplete;
}

}  // namespace neurosweep
