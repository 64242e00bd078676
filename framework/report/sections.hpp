#pragma once

#include <iosfwd>

#include "framework/store/database.hpp"

namespace neurosweep {

// Chapters of the report; each writes nothing when the store holds nothing for it.

void write_findings(std::ostream& out, const Database& db);
void write_provenance(std::ostream& out, const Database& db);
void write_traces(std::ostream& out, const Database& db);
void write_geometry(std::ostream& out, const Database& db);
void write_contrast(std::ostream& out, const Database& db);
void write_probes(std::ostream& out, const Database& db);
void write_neurons(std::ostream& out, const Database& db);
void write_sets(std::ostream& out, const Database& db);
void write_minimal_sets(std::ostream& out, const Database& db);
void write_validation(std::ostream& out, const Database& db);
void write_predictions(std::ostream& out, const Database& db);
void write_methods(std::ostream& out, const Database& db);
void write_transfers(std::ostream& out, const Database& db);
void write_steering(std::ostream& out, const Database& db);
void write_monitors(std::ostream& out, const Database& db);
void write_constraints(std::ostream& out, const Database& db);
void write_edits(std::ostream& out, const Database& db);
void write_failures(std::ostream& out, const Database& db);

}  // namespace neurosweep
