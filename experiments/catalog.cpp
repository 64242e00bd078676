#include "experiments/catalog.hpp"

#include <algorithm>
#include <array>

#include "experiments/task_entry.hpp"
#include "framework/base/error.hpp"
#include "framework/base/memory.hpp"
#include "framework/model/device_settings.hpp"
#include "framework/model/fit_memory.hpp"

namespace neurosweep {

const TaskItem& TaskEntry::item(const std::string& id) const {
  const auto found = std::find_if(items.begin(), items.end(), [&](const TaskItem& each) { return each.id == id; });
  if (found == items.end())
    throw input_error("{}: no item '{}' (was the file changed during the study?)", spec.file, id);
  return *found;
}

namespace {

ModelEntry read_model(const ModelSpec& spec, std::int64_t parts) {
  try {
    parse_dtype(spec.dtype, spec.place);
    ArchSpec arch = read_arch(spec.path), part = arch;
    part.part = {0, static_cast<int>(parts)};
    check_part(part);
    return {spec, std::move(arch), std::make_shared<const Tokenizer>(Tokenizer::load(spec.path))};
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("{}: model '{}': {}", to_text(spec.place), spec.name, failure.what()));
  }
}

}  // namespace

Catalog::Catalog(StudySpec study) : study_(std::move(study)) {
  for (const ModelSpec& spec : study_.models) {
    models_.emplace(spec.name, read_model(spec, study_.settings.ranks_per_model));
  }
  std::vector<std::string> folders;
  for (const ModelSpec& spec : study_.models) folders.push_back(spec.path);
  for (const TaskSpec& spec : study_.tasks) tasks_.emplace(spec.name, read_task_entry(spec, folders));
}

const ModelEntry& Catalog::model(const std::string& name) const {
  return models_.at(name);
}
const TaskEntry& Catalog::task(const std::string& name) const {
  return tasks_.at(name);
}

ReferenceText Catalog::reference(const ModelEntry& model, const TaskEntry& task, const TaskItem& item) const {
  const std::int64_t eos = model.arch.eos.empty() ? -1 : model.arch.eos.front();
  return make_reference(*model.tokenizer, task.prompt.fill(item.fields), task.target.fill(item.fields),
                        item.fields.at("answer"), eos, model.arch.context,
                        fmt::format("task '{}', item '{}'", task.spec.name, item.id));
}

std::vector<ReferenceText> Catalog::references(const ModelEntry& model, const TaskEntry& task,
                                               const std::vector<std::string>& ids) const {
  std::vector<ReferenceText> texts;
  for (const std::string& id : ids) texts.push_back(reference(model, task, task.item(id)));
  return texts;
}

Workbench::Workbench(const Catalog& catalog, at::Device device, std::shared_ptr<ModelGroup> group)
    : catalog_(catalog), device_(device), group_(std::move(group)) {
  make_reproducible(device);
}

const Decoder& Workbench::decoder(const std::string& model) {
  if (!decoder_ || loaded_ != model) {
    const WeightOptions options = make_room(model);
    decoder_.emplace(load_decoder(catalog_.model(model).spec.path, options, group_));
    loaded_ = model;
  }
  return *decoder_;
}

WeightOptions Workbench::make_room(const std::string& model) {
  const ModelSpec& spec = catalog_.model(model).spec;
  decoder_.reset();
  release_cached_memory(device_);  // the next model may be larger than any that was held
  return {parse_dtype(spec.dtype, spec.place), device_};
}

SweepLimits Workbench::sweep_limits(const std::string& model, std::int64_t rows) {
  const std::string& memory = catalog_.study().settings.memory;
  const Decoder& loaded = decoder(model);
  if (memory.empty()) return {rows, 0};
  try {
    return limits_within(parse_bytes(memory), loaded, rows);
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("[study] memory, model '{}': {}", model, failure.what()));
  }
}

namespace {

/// The least of what the ranks of a group give, in whole MiB: batches are cut by it, and must be cut alike.
std::int64_t least_over_ranks(ModelGroup* group, std::int64_t bytes) {
  if (group == nullptr) return bytes;
  constexpr std::int64_t kMiB = 1 << 20;
  const auto mine = static_cast<float>(bytes / kMiB);
  std::vector<float> all(static_cast<std::size_t>(group->part().count));
  group->gather(&mine, all.data(), 1);
  return static_cast<std::int64_t>(*std::min_element(all.begin(), all.end())) * kMiB;
}

}  // namespace

SweepLimits limits_within(std::int64_t memory, const Decoder& decoder, std::int64_t rows) {
  if (!decoder.device().is_cpu()) return {rows, 0};
  decoder.packed();
  const std::int64_t left = least_over_ranks(decoder.group(), memory - resident_bytes());
  if (left <= 0) {
    throw input_error("{} are allowed, but the process with the loaded model already takes {}: allow more",
                      bytes_text(memory), bytes_text(memory - left));
  }
  return {rows, left};
}

at::ScalarType parse_dtype(const std::string& name, const SourcePlace& place) {
  if (name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "float16") return at::kHalf;
  throw input_error("{}: dtype '{}' is not known; expected float32, bfloat16 or float16", to_text(place), name);
}

}  // namespace neurosweep
