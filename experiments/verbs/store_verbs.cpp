#include <iostream>

#include "experiments/verbs/policy_verb.hpp"
#include "experiments/verbs/submit_verb.hpp"
#include "experiments/verbs/verb.hpp"
#include "experiments/verbs/watch_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/cli.hpp"
#include "framework/config/json.hpp"
#include "framework/rank/neuron_effects.hpp"
#include "framework/report/report.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/query_format.hpp"
#include "framework/store/verify.hpp"

namespace neurosweep {

namespace {

using Outcome = CommandLine::Outcome;

TableFormat format_of(bool json, const std::string& name) {
  return json ? TableFormat::json : table_format(name);
}

int run_merge(const std::vector<std::string>& words) {
  std::string dir;
  bool json = false;
  CommandLine line("merge DIR",
                   "Folds the shards of all ranks into DIR/results.db. Safe at any time and any number of times.");
  line.positional("DIR", dir, "result folder").flag("json", json, "print as JSON");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  const MergeReport report = merge_shards(dir);
  if (json) {
    std::cout << json_text({{"shards", report.shards},
                            {"units_added", report.units_added},
                            {"units_known", report.units_known},
                            {"units_damaged", report.units_damaged},
                            {"failures_added", report.failures_added},
                            {"busy", report.busy},
                            {"quarantined", report.quarantined}})
              << '\n';
    return exit_status::kComplete;
  }
  std::cout << fmt::format("{} shards: {} units added, {} known, {} damaged; {} busy, {} quarantined\n", report.shards,
                           report.units_added, report.units_known, report.units_damaged, report.busy.size(),
                           report.quarantined.size());
  return exit_status::kComplete;
}

int run_rank(const std::vector<std::string>& words) {
  std::string dir, format = "table";
  RankTableSpec table;
  RankSpec again;
  bool json = false, redo = false;
  CommandLine line("rank DIR [options]",
                   "The neurons whose suppression hurts most, with effect, interval, n, p, q, the 5 % quantile of the\n"
                   "random controls' effects (controls_low) and whether they count as critical. With --again the "
                   "ranking is made anew from the measured effects, by the given options.",
                   "  neurosweep rank study-demo --task arith --top 5\n"
                   "  neurosweep rank study-demo --again --experiment sweep --metric answer_logprob --fdr 0.01");
  line.positional("DIR", dir, "result folder");
  line.option("experiment", table.experiment, "sweep experiment (default: all)");
  line.option("model", table.model, "model (default: all)");
  line.option("task", table.task, "task; '*' is all tasks pooled (default: all)");
  line.option("metric", table.metric, "reasoning_logprob, answer_logprob or accuracy (default: all measured)");
  line.option("top", table.top, "neurons of each model, task and metric (default 10)");
  line.flag("again", redo, "rank anew from the measured effects (needs --experiment)");
  line.option("critical", again.top, "with --again: largest critical set (default 50)");
  line.option("fdr", again.fdr, "with --again: false discovery rate (default 0.05)");
  line.option("format", format, "table (default), csv or json").flag("json", json, "the same as --format json");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  if (redo) {
    if (table.experiment.empty()) throw input_error("--again needs --experiment NAME");
    again.experiment = table.experiment;
    if (!table.metric.empty()) again.metric = table.metric;
    Database db = Database::open_results(dir, Database::Access::write);
    rank_neurons(db, again);
  }
  print_rank_table(std::cout, Database::open_results(dir, Database::Access::read), table, format_of(json, format));
  return exit_status::kComplete;
}

QueryResult list_queries() {
  QueryResult list{{"query", "parameters", "what it shows"}, {}};
  for (const NamedQuery& query : named_queries()) {
    list.rows.push_back({query.name, fmt::format("{}", fmt::join(query.parameters, " ")), query.description});
  }
  return list;
}

int run_query_verb(const std::vector<std::string>& words) {
  std::string dir, format = "table";
  std::vector<std::string> query, assignments;
  bool json = false;
  CommandLine line(
      "query DIR [NAME | SQL] [--with name=value]",
      "Asks the result database: a named query, or any SQL that only reads. Without either, lists the named\n"
      "queries. Tables and columns: results_schema/README.md.",
      "  neurosweep query study-demo\n"
      "  neurosweep query study-demo top_neurons --with model=small\n"
      "  neurosweep query study-demo \"SELECT task, avg(correct) FROM trace GROUP BY task\" --format csv");
  line.positional("DIR", dir, "result folder").positional("QUERY", query, "name of a query, or SQL");
  line.option("with", assignments, "a parameter of the query, name=value");
  line.option("format", format, "table (default), csv or json").flag("json", json, "the same as --format json");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  if (query.empty()) {
    Database::open_results(dir, Database::Access::read);
    print_table(std::cout, list_queries(), format_of(json, format));
    return exit_status::kComplete;
  }
  std::map<std::string, std::string> parameters;
  for (const auto& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos) throw input_error("--with {}: expected name=value", assignment);
    parameters[assignment.substr(0, equals)] = assignment.substr(equals + 1);
  }
  print_table(std::cout, run_query(dir, fmt::format("{}", fmt::join(query, " ")), parameters), format_of(json, format));
  return exit_status::kComplete;
}

int run_report(const std::vector<std::string>& words) {
  std::string dir, out;
  CommandLine line("report DIR [--out FILE.md]", "The study's findings as one Markdown document.");
  line.positional("DIR", dir, "result folder")
      .option("out", out, "file to write (default: DIR/report.md); '-': standard output");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  const Database db = Database::open_results(dir, Database::Access::read);
  if (out == "-") {
    write_report(std::cout, db);
    return exit_status::kComplete;
  }
  if (out.empty()) out = dir + "/report.md";
  write_report(out, db);
  std::cout << "report: " << out << '\n';
  return exit_status::kComplete;
}

int run_verify(const std::vector<std::string>& words) {
  std::string dir;
  bool json = false, set_aside = false;
  CommandLine line(
      "verify DIR [--set-aside]",
      "Checks a store and its shards: file structure, schema, the checksum of every unit against its rows,\n"
      "completeness, orphans; prints the content hash of all measured results. Status 5 when something is\n"
      "wrong, 3 when units are missing. To mend it, run the study again.");
  line.positional("DIR", dir, "result folder").flag("json", json, "print as JSON");
  line.flag("set-aside", set_aside, "take over what is sound in damaged shards and rename them to *.corrupt");
  if (line.parse(words) == Outcome::help_printed) return exit_status::kComplete;
  VerifyReport report = verify_store(dir);
  if (set_aside && !report.damaged_shards.empty()) {
    merge_shards(dir);
    for (const RankFile& shard : report.damaged_shards) set_shard_aside(shard, "found by verify");
    report = verify_store(dir);
  }
  if (json) {
    std::cout << json_text({{"content_hash", report.content_hash},
                            {"problems", report.problems},
                            {"rounds", report.rounds},
                            {"units", report.units},
                            {"units_missing", report.units_missing},
                            {"nonfinite_values", report.nonfinite_values}})
              << '\n';
  } else {
    for (const auto& problem : report.problems) std::cout << "problem: " << problem << '\n';
    std::cout << fmt::format("{} rounds, {} units checked, {} missing, {} values not finite\ncontent hash {}\n",
                             report.rounds, report.units, report.units_missing, report.nonfinite_values,
                             report.content_hash);
  }
  if (!report.problems.empty()) return exit_status::kStore;
  return report.units_missing > 0 ? exit_status::kFailedUnits : exit_status::kComplete;
}

constexpr Verb kVerbs[] = {
    {"merge", "fold the shards of all ranks into results.db", run_merge},
    {"rank", "critical neurons, ranked", run_rank},
    {"query", "ask the result database", run_query_verb},
    {"report", "findings as a Markdown document", run_report},
    {"policy", "measured envelopes as a policy file", run_policy},
    {"status", "how far a study is, and what failed", run_status},
    {"timeline", "which rank worked on what when, as a Chrome trace", run_timeline},
    {"verify", "check a store and print its content hash", run_verify},
    {"submit", "run a study under SLURM until it is complete", run_submit},
};

}  // namespace

std::span<const Verb> front_verbs() {
  return kVerbs;
}

}  // namespace neurosweep
