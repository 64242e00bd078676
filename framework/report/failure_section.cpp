#include <ostream>

#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {

void write_failures(std::ostream& out, const Database& db) {
  Statement rows = db.connection().prepare(
      "SELECT experiment, kind, count(*), sum(done_since), sum(attempts), min(message) FROM failures GROUP BY "
      "experiment, kind ORDER BY experiment, kind");
  MarkdownTable table({"experiment", "kind", "units", "of them measured since", "failed attempts", "first message"});
  while (rows.step()) {
    table.add({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.text(5)});
  }
  out << "## Failures\n\n";
  if (table.empty()) {
    out << "No unit failed.\n";
    return;
  }
  out << "Units of which an attempt failed; what was not measured since is missing from the numbers above.\n\n";
  table.write(out);
}

}  // namespace neurosweep
