#include <ostream>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

void write_study(std::ostream& out, const StudyRow& study) {
  out << "## Where the numbers come from\n\nThe study file, seed and programs that made this store.\n\n";
  MarkdownTable table({"what", "value"});
  table.add({"study", study.name});
  table.add({"study id", study.study_id});
  table.add({"hash of the study file's meaning", study.toml_hash});
  table.add({"seed", fmt::format("{}", study.seed)});
  table.add({"neurosweep", study.code_version});
  table.add({"libtorch", study.libtorch_version});
  table.write(out);
}

void write_models(std::ostream& out, const Database& db) {
  out << "The models; neurons = layers x width. The hash is of the checkpoint's content.\n\n";
  MarkdownTable table({"model", "family", "layers", "width", "parameters", "number type", "checkpoint hash"});
  for (const ModelRow& model : db.select<ModelRow>("ORDER BY name")) {
    table.add({model.name, model.family, fmt::format("{}", model.n_layers),
               fmt::format("{}", model.n_neurons_per_layer), fmt::format("{}", model.parameters), model.dtype,
               model.checkpoint_hash});
  }
  table.write(out);
}

void write_tasks(std::ostream& out, const Database& db) {
  out << "The tasks; the grader decides whether an answer is correct.\n\n";
  MarkdownTable table({"task", "items", "grader", "file hash"});
  for (const TaskRow& task : db.select<TaskRow>("ORDER BY name")) {
    table.add({task.name, fmt::format("{}", task.n_items), task.grader, task.file_hash});
  }
  table.write(out);
}

void write_rounds(std::ostream& out, const Database& db) {
  Statement rounds =
      db.connection().prepare("SELECT experiment, kind, round_no, n_units, done FROM progress ORDER BY round_id");
  MarkdownTable table({"experiment", "kind", "round", "units", "measured"});
  bool complete = true;
  while (rounds.step()) {
    table.add({rounds.text(0), rounds.text(1), rounds.text(2), rounds.text(3), rounds.text(4)});
    complete = complete && rounds.integer(3) == rounds.integer(4);
  }
  if (table.empty()) return;
  out << "The measured rounds; a unit is a piece of work of one rank.\n\n";
  table.write(out);
  if (!complete)
    out << "**The study is not complete:** not all units are measured, and the numbers below may change.\n\n";
}

}  // namespace

void write_provenance(std::ostream& out, const Database& db) {
  write_study(out, db.study());
  write_models(out, db);
  write_tasks(out, db);
  write_rounds(out, db);
}

}  // namespace neurosweep
