#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "framework/store/database.hpp"
#include "framework/store/query_format.hpp"

namespace neurosweep {

/// Writes the study's results as one Markdown document: provenance, accuracy, contrast, critical neurons, suppression
/// against random sets, failures, and what the numbers can and cannot show.
///
/// A pure function of the store: no dates, hosts or paths, so that equal results give equal text.
void write_report(std::ostream& out, const Database& db);

/// The same into a file; Error{io} when it cannot be written.
void write_report(const std::string& path, const Database& db);

/// What `neurosweep rank` shows; an empty name filters nothing.
struct RankTableSpec {
  std::string experiment;
  std::string model;
  std::string task;
  std::string metric;
  std::int64_t top = 10;  ///< neurons for each experiment, model, task and metric
};

/// The highest-ranked candidate neurons with effect, interval, n, p, q, the 5 % quantile of the random controls'
/// effects beside them, and verdict.
///   throws   Error{input} when the store has no ranked neuron that fits
QueryResult rank_table(const Database& db, const RankTableSpec& spec);

void print_rank_table(std::ostream& out, const Database& db, const RankTableSpec& spec, TableFormat format);

}  // namespace neurosweep
