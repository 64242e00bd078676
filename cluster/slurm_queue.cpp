#include "cluster/slurm_queue.hpp"

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "cluster/command.hpp"
#include "framework/base/error.hpp"
#include "framework/base/special_file.hpp"

namespace neurosweep {

namespace {

constexpr int kNoSuchCommand = 127;

std::string jobs_path(const std::string& store) {
  return store + "/slurm/jobs";
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// State of the job with this number and name, or "" when SLURM has none in its queue.
std::string queued_state(const std::string& id, const std::string& name) {
  const CommandResult queue = run_command(fmt::format("squeue --noheader --jobs={} --format='%T %j' 2>&1", id));
  if (queue.status != 0) {
    if (queue.out.find("Invalid job id") != std::string::npos) return "";
    throw error(ErrorKind::io,
                "job {} was submitted for this store, and squeue cannot tell whether it has ended ({}): try later, or "
                "submit with --again",
                id, one_line(queue.out));
  }
  std::istringstream lines(queue.out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && line.substr(space + 1) == name) return line.substr(0, space);
  }
  return "";
}

}  // namespace

std::string submit_script(const std::string& path, const std::string& dependency) {
  const std::string option = dependency.empty() ? "" : fmt::format("--dependency={} ", shell_quoted(dependency));
  const CommandResult sbatch = run_command(fmt::format("sbatch --parsable {}{} 2>&1", option, shell_quoted(path)));
  if (sbatch.status == kNoSuchCommand) {
    throw error(ErrorKind::io, "no sbatch here: submit from a machine of the cluster, or look with --dry-run");
  }
  static const std::regex kId("(?:^|\n)(\\d+)(;[^\n]*)?$");
  std::smatch id;
  if (sbatch.status != 0 || !std::regex_search(sbatch.out, id, kId)) {
    throw input_error("{}: sbatch refused it: {}", path, one_line(sbatch.out));
  }
  return id[1];
}

void note_job(const std::string& store, const std::string& id, const std::string& name) {
  std::ofstream file(jobs_path(store), std::ios::app);
  file << id << ' ' << name << '\n' << std::flush;
  if (!file) {
    throw error(ErrorKind::io, "{}: cannot be written ({}); job {} is submitted", jobs_path(store), errno_text(), id);
  }
}

std::optional<QueuedJob> find_queued_job(const std::string& store) {
  static const std::regex kLine("(\\d{1,18}) (.*)");
  refuse_special_file(jobs_path(store));
  std::ifstream file(jobs_path(store));
  std::smatch part;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_match(line, part, kLine)) continue;
    const std::string state = queued_state(part[1], part[2]);
    if (!state.empty()) return QueuedJob{part[1], state};
  }
  return std::nullopt;
}

}  // namespace neurosweep
