#include "experiments/identity.hpp"

#include <filesystem>

#include <torch/headeronly/version.h>

#include "experiments/task_entry.hpp"
#include "framework/base/hash.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

namespace {

/// The study's tree without what does not change results: where files lie, how long a unit may take, what memory,
/// whether devices are shared, and what is only for plans.
std::string meaning_hash(const StudySpec& study) {
  ConfigNode tree = study.tree;
  const auto drop = [](ConfigNode& node, const std::string& key) {
    auto& table = std::get<ConfigTable>(node.value);
    std::erase_if(table, [&](const auto& entry) { return entry.first == key; });
  };
  for (auto& [name, node] : std::get<ConfigTable>(tree.value)) {
    if (name == "study") {
      drop(node, "unit_deadline");
      drop(node, "memory");
      drop(node, "share_devices");
    }
    if (name != "models" && name != "tasks") continue;
    for (auto& [entry, table] : std::get<ConfigTable>(node.value)) {
      for (const char* key : {"path", "file", "shots_file", "python", "reply_tokens"}) drop(table, key);
    }
  }
  return hash_text(canonical_text(tree));
}

std::string tokenizer_hash(const std::string& dir) {
  return hash_file((std::filesystem::path(dir) / "tokenizer.json").string());
}

/// The template of a task's prompts, and the style in which they are asked where only the checkpoint says it.
std::string prompt_of(const TaskSpec& given, const TaskSpec& read) {
  return given.chat == "model" ? fmt::format("[chat {}] {}", read.chat, read.prompt) : read.prompt;
}

/// Weights of a model, each counted once.
std::int64_t parameters(const ArchSpec& arch) {
  const std::int64_t qkv = (arch.H + 2 * arch.kv_heads) * arch.head_dim;
  const std::int64_t inputs = arch.gated_mlp ? 2 : 1;
  const std::int64_t norm = arch.norm == NormKind::layer ? 2 * arch.D : arch.D;
  std::int64_t layer = arch.D * (qkv + arch.H * arch.head_dim) + (inputs + 1) * arch.D * arch.M + 2 * norm;
  if (arch.qkv_bias) layer += qkv;
  if (arch.o_bias) layer += arch.D;
  if (arch.mlp_bias) layer += inputs * arch.M + arch.D;
  if (arch.qk_norm) layer += 2 * arch.head_dim;
  const std::int64_t positions = arch.position == PositionKind::learned ? arch.context * arch.D : 0;
  return arch.L * layer + norm + positions + arch.V * arch.D * (arch.tied_head ? 1 : 2);
}

}  // namespace

StudyIdentity make_identity(const Catalog& catalog) {
  const StudySpec& study = catalog.study();
  StudyIdentity identity;
  identity.study.name = study.settings.name;
  identity.study.toml = study.toml;
  identity.study.toml_hash = meaning_hash(study);
  identity.study.seed = study.settings.seed;
  identity.study.code_version = kCodeVersion;
  identity.study.libtorch_version = TORCH_VERSION;
  identity.study.threads = study.settings.threads;
  for (const ModelSpec& spec : study.models) {
    const ArchSpec& arch = catalog.model(spec.name).arch;
    identity.models.push_back({spec.name, spec.path, hash_checkpoint(spec.path), tokenizer_hash(spec.path), arch.family,
                               arch.L, arch.M, arch.D, arch.V, parameters(arch), spec.dtype});
  }
  for (const std::string& name : study.task_names()) {
    const TaskSpec& spec = catalog.task(name).spec;
    identity.tasks.push_back({spec.name, spec.file, hash_task(spec),
                              static_cast<std::int64_t>(catalog.task(spec.name).items.size()),
                              prompt_of(study.task(name), spec), spec.target, spec.grader});
  }
  return identity;
}

}  // namespace neurosweep
