#include "framework/report/report.hpp"

#include <ostream>
#include <sstream>

#include "framework/base/file.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {

void write_report(std::ostream& out, const Database& db) {
  write_findings(out, db);
  write_provenance(out, db);
  write_traces(out, db);
  write_geometry(out, db);
  write_contrast(out, db);
  write_probes(out, db);
  write_neurons(out, db);
  write_sets(out, db);
  write_minimal_sets(out, db);
  write_validation(out, db);
  write_predictions(out, db);
  write_methods(out, db);
  write_transfers(out, db);
  write_steering(out, db);
  write_monitors(out, db);
  write_constraints(out, db);
  write_edits(out, db);
  write_failures(out, db);
}

void write_report(const std::string& path, const Database& db) {
  std::ostringstream text;
  write_report(text, db);
  write_text_file(path, text.str());
}

}  // namespace neurosweep
