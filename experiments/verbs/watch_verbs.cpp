#include "experiments/verbs/watch_verbs.hpp"

#include <iostream>

#include "cluster/progress.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/store/query_format.hpp"
#include "framework/store/status.hpp"

namespace neurosweep {

namespace {

using Outcome = CommandLine::Outcome;

void write_out(const std::string& path, const std::string& text) {
  if (path.empty()) {
    std::cout << text;
  } else {
    write_text_file(path, text);
  }
}

/// A label's value with what the text format of Prometheus wants escaped.
std::string label_text(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
  return text;
}

/// Metrics of a study in Prometheus' text exposition format.
std::string metrics_text(const StatusReport& report) {
  std::string units =
      "# HELP neurosweep_units Units of a round by state; failed ones are waiting, too.\n"
      "# TYPE neurosweep_units gauge\n";
  std::string seconds =
      "# HELP neurosweep_compute_seconds Compute time of the units done, over all ranks.\n"
      "# TYPE neurosweep_compute_seconds gauge\n";
  for (const RoundStatus& each : report.rounds) {
    const std::string labels =
        fmt::format("study=\"{}\",experiment=\"{}\",kind=\"{}\",round=\"{}\"", label_text(report.study.name),
                    label_text(each.round.experiment), label_text(each.round.kind), each.round.round_no);
    units += fmt::format("neurosweep_units{{{},state=\"done\"}} {}\n", labels, each.done);
    units += fmt::format("neurosweep_units{{{},state=\"failed\"}} {}\n", labels, each.failed);
    units += fmt::format("neurosweep_units{{{},state=\"waiting\"}} {}\n", labels, each.pending);
    seconds += fmt::format("neurosweep_compute_seconds{{{}}} {:.3f}\n", labels, each.seconds);
  }
  const std::string study = fmt::format("study=\"{}\"", label_text(report.study.name));
  return units + seconds +
         fmt::format(
             "# HELP neurosweep_shards Files of ranks whose results are not in results.db.\n"
             "# TYPE neurosweep_shards gauge\n"
             "neurosweep_shards{{{0},state=\"unmerged\"}} {1}\nneurosweep_shards{{{0},state=\"unreadable\"}} {2}\n",
             study, report.unmerged_shards.size(), report.unreadable_shards.size());
}

QueryResult rounds_table(const StatusReport& report) {
  QueryResult table{{"experiment", "kind", "round", "units", "done", "failed", "left", "compute"}, {}};
  for (const RoundStatus& each : report.rounds) {
    table.rows.push_back({each.round.experiment, each.round.kind, each.round.round_no, each.round.n_units, each.done,
                          each.failed, each.pending, format_duration(each.seconds)});
  }
  return table;
}

/// Units that failed and are not done, with the last cause.
void print_failures(const std::string& dir) {
  const QueryResult failures = run_query(
      dir, "SELECT experiment, unit, attempts, message FROM failures WHERE NOT done_since ORDER BY 1, 2 LIMIT 20", {});
  if (failures.rows.empty()) return;
  std::cout << "failed, and not done since:\n";
  print_table(std::cout, failures, TableFormat::table);
}

}  // namespace

int run_status(const std::vector<std::string>& words) {
  std::string dir, format = "table", out;
  bool json = false;
  CommandLine line("status DIR [--format prometheus --out FILE.prom]",
                   "How far a study is, also while it runs: units done, failed and left of every round, and why units\n"
                   "failed. As Prometheus metrics for a node exporter's textfile folder, too.");
  line.positional("DIR", dir, "result folder");
  line.option("format", format, "table (default), csv, json or prometheus");
  line.flag("json", json, "the same as --format json");
  line.option("out", out, "with --format prometheus: file to write whole (default: standard output)");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  if (!out.empty() && format != "prometheus") throw input_error("--out is for --format prometheus");
  const StatusReport report = read_status(dir);
  if (format == "prometheus") {
    write_out(out, metrics_text(report));
    return exit_status::kComplete;
  }
  const TableFormat chosen = json ? TableFormat::json : table_format(format);
  print_table(std::cout, rounds_table(report), chosen);
  for (const auto& shard : report.unreadable_shards) std::cerr << "unreadable shard: " << shard << '\n';
  if (chosen != TableFormat::table) return exit_status::kComplete;
  if (!report.unmerged_shards.empty()) {
    std::cout << fmt::format("{} shards hold results that are not merged yet (neurosweep merge {})\n",
                             report.unmerged_shards.size(), dir);
  }
  print_failures(dir);
  return exit_status::kComplete;
}

int run_timeline(const std::vector<std::string>& words) {
  std::string dir, out;
  CommandLine line("timeline DIR [--out FILE.json]",
                   "When which rank worked on which unit, from the merged results, as a Chrome trace: open it in\n"
                   "Perfetto or chrome://tracing. A process is a launch, a thread is a rank.");
  line.positional("DIR", dir, "result folder");
  line.option("out", out, "file to write (default: standard output)");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  const Database db = Database::open_results(dir, Database::Access::read);
  Json events = Json::array();
  Statement workers = db.connection().prepare("SELECT launch, rank, host, device FROM worker ORDER BY 1, 2");
  while (workers.step()) {
    events.push_back(
        {{"ph", "M"},
         {"name", "thread_name"},
         {"pid", workers.integer(0)},
         {"tid", workers.integer(1)},
         {"args", {{"name", fmt::format("rank {} on {}, {}", workers.integer(1), workers.text(2), workers.text(3))}}}});
  }
  Statement units = db.connection().prepare(
      "SELECT launch, rank, experiment, round_no, unit, seconds, 86400 * (julianday(finished_utc) - (SELECT "
      "min(julianday(started_utc)) FROM launch)) FROM unit JOIN round USING (round_id) ORDER BY launch, rank, "
      "finished_utc");
  while (units.step()) {
    double seconds = 0, end = 0;
    units.read(5, seconds);
    units.read(6, end);
    events.push_back({{"ph", "X"},
                      {"name", fmt::format("{} {}", units.text(2), units.integer(4))},
                      {"cat", units.text(2)},
                      {"pid", units.integer(0)},
                      {"tid", units.integer(1)},
                      {"ts", 1e6 * (end - seconds)},
                      {"dur", 1e6 * seconds},
                      {"args", {{"round", units.integer(3)}, {"unit", units.integer(4)}}}});
  }
  write_out(out, json_text({{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}) + "\n");
  return exit_status::kComplete;
}

}  // namespace neurosweep
