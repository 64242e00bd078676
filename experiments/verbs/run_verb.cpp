#include <iostream>

#include "cluster/comm.hpp"
#include "experiments/experiment.hpp"
#include "experiments/runner.hpp"
#include "experiments/verbs/study_verbs.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/config/cli.hpp"

namespace neurosweep {

namespace {

Json result_json(const RunResult& result) {
  return {{"status", result.status},
          {"store", result.store},
          {"units_done", result.units_done},
          {"units_failed", result.units_failed},
          {"content_hash", result.content_hash}};
}

void print_result(const RunResult& result) {
  if (result.status == exit_status::kCheckpointed) {
    std::cout << fmt::format("stopped after {} units; run again to go on\n", result.units_done);
  } else if (result.status == exit_status::kFailedUnits) {
    std::cout << fmt::format("finished; {} units failed (neurosweep query {} failures)\n", result.units_failed,
                             result.store);
  } else {
    std::cout << fmt::format("complete: {} units in this launch; content hash {}\n", result.units_done,
                             result.content_hash);
  }
  if (result.status != exit_status::kCheckpointed) {
    std::cout << fmt::format("next: neurosweep rank {0}    neurosweep report {0}\n", result.store);
  }
}

}  // namespace

int run_keys(const std::vector<std::string>& words) {
  CommandLine line("keys", "Lists every key of a study file with its default and meaning.");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;
  std::cout << "[study]\n"
            << key_help<StudySettings>() << "[models.<name>]\n"
            << key_help<ModelSpec>() << "[tasks.<name>]\n"
            << key_help<TaskSpec>();
  for (const ExperimentKind& kind : experiment_kinds()) {
    std::cout << fmt::format("[[experiment]] kind = \"{}\": {}\n{}", kind.name, kind.help, kind.keys());
  }
  return exit_status::kComplete;
}

int run_run(const std::vector<std::string>& words) {
  RunRequest request;
  std::string log = "text";
  std::string share;
  bool json = false;
  CommandLine line("run STUDY.toml [--store DIR] [--set key=value]",
                   "Runs a study, alone or under mpirun or srun; what is in the store already is not run again.\n"
                   "Stop it at any time (Ctrl-C, SIGTERM, SIGUSR1 or kill -9) and run it again: it goes on.",
                   "  neurosweep run study.toml\n"
                   "  mpirun -n 4 neurosweep run study.toml --store results\n"
                   "  neurosweep run study.toml --set study.seed=2 --set experiment.attempts.items=100");
  line.positional("STUDY.toml", request.study_path, "the study file");
  line.option("store", request.store, "result folder (default: study-<name>)");
  line.option("set", request.settings, "override a key of the study, such as experiment.attempts.items=100");
  line.option("log", log,
              "log lines on standard error: text (default), or json, one object with time, level and rank each");
  line.option("share", share, "K/N: the K-th of N runs that work on the store at once begins with its own units");
  line.flag("retry-failed", request.retry_failed,
            "try units again that failed three times and were left out; rounds that come out otherwise with them are "
            "measured anew");
  line.flag("json", json, "print the result as JSON");
  if (line.parse(words) == CommandLine::Outcome::help_printed) return exit_status::kComplete;

  const LogFormat format = parse_log_format(log);
  if (!share.empty()) request.share = parse_job_share(share);

  int argc = 0;
  char** argv = nullptr;
  MpiSession session(argc, argv);
  const Comm comm = Comm::world();
  start_log(LogLevel::info, comm.rank(), comm.size(), format);
  int status = exit_status::kInternal;
  try {
    const RunResult result = run_study(request, comm, install_stop_handlers());
    status = result.status;
    if (comm.rank() == 0) {
      if (json) {
        std::cout << json_text(result_json(result)) << '\n';
      } else {
        print_result(result);
      }
    }
  } catch (const CommonError& failure) {
    if (comm.rank() == 0) log_error("{}", failure.what());
    status = exit_code(failure.kind());
  } catch (const Error& failure) {
    log_error("{}", failure.what());
    abort_other_ranks(exit_code(failure.kind()));
    status = exit_code(failure.kind());
  } catch (const std::exception& failure) {
    log_error("{} (not expected here): please report it", failure.what());
    abort_other_ranks(exit_status::kInternal);
  }
  return status;
}

}  // namespace neurosweep
