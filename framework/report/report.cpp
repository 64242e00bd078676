#include "framework/report/report.hpp"

#include <fstream>
#include <ostream>

#include "framework/base/error.hpp"
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
  write_steering(out, db);
  write_failures(out, db);
}

void write_report(const std::string& path, const Database& db) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) throw error(ErrorKind::io, "{}: cannot write the report ({}): choose another path", path, errno_text());
  write_report(out, db);
  out.close();
  if (!out) throw error(ErrorKind::io, "{}: the report is incomplete ({}): free some space", path, errno_text());
}

}  // namespace neurosweep
