#include "framework/tasks/sandbox.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "framework/base/error.hpp"
#include "framework/tasks/pipes.hpp"
#include "framework/tasks/sandbox_child.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;
constexpr int kAboveTargets = 64;  ///< descriptors of the child are moved here first

Error no_sandbox(const std::string& step, int why) {
  errno = why;
  return input_error(
      "the sandbox for code cannot be set up: {}: {}; allow user namespaces on this machine, or accept weaker "
      "isolation "
      "by sandbox = \"limits-only\" in the task",
      step, errno_text());
}

void write_map(pid_t pid, const char* file, const std::string& text) {
  const std::string path = fmt::format("/proc/{}/{}", pid, file);
  const FileDescriptor map(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (map.get() < 0 || write(map.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw no_sandbox("write " + path, errno);
  }
}

// Inside it is user nobody; outside nobody too where this process is root, else this user.
void map_ids(pid_t pid) {
  const bool root = geteuid() == 0;
  if (!root) write_map(pid, "setgroups", "deny");
  write_map(pid, "gid_map", fmt::format("{} {} 1", kNobody, root ? kNobody : getegid()));
  write_map(pid, "uid_map", fmt::format("{} {} 1", kNobody, root ? kNobody : geteuid()));
}

pid_t fork_into(unsigned long namespaces) {
  return static_cast<pid_t>(syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

void make_scratch(std::string& path) {
  std::string pattern = (fs::temp_directory_path() / "neurosweep-code-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw error(ErrorKind::io, "{}: cannot make a folder ({})", pattern, errno_text());
  path = pattern;
  if (geteuid() == 0 && chown(path.c_str(), kNobody, kNobody) != 0) throw no_sandbox("give a folder to nobody", errno);
}

}  // namespace

Isolation parse_isolation(const std::string& name) {
  if (name == "namespaces") return Isolation::namespaces;
  if (name == "limits-only") return Isolation::limits_only;
  throw input_error("sandbox '{}' is not known; expected namespaces or limits-only", name);
}

SandboxedPython::SandboxedPython(const SandboxSpec& spec, const std::string& code, std::span<const int> fds) {
  try {
    if (spec.isolation == Isolation::limits_only) make_scratch(scratch_);
    start(spec, code, fds);
  } catch (const Error&) {
    kill_and_wait();
    throw;
  }
}

SandboxedPython::~SandboxedPython() {
  kill_and_wait();
}

void SandboxedPython::start(const SandboxSpec& spec, const std::string& code, std::span<const int> fds) {
  SandboxPlan plan;
  fill_sandbox_plan(plan, spec, code);
  const bool apart = spec.isolation == Isolation::namespaces;
  plan.uid = plan.gid = kNobody;
  plan.drops_groups = geteuid() == 0;
  plan.scratch = scratch_;

  Pipe go = make_pipe();
  Pipe report = make_pipe();
  std::vector<FileDescriptor> moved;
  for (const int fd : fds) {
    moved.push_back(moved_above(fd, kAboveTargets));
    plan.fds.push_back(moved.back().get());
  }
  const FileDescriptor go_read = moved_above(go.read.get(), kAboveTargets);
  FileDescriptor report_write = moved_above(report.write.get(), kAboveTargets);
  plan.go_fd = go_read.get();
  plan.report_fd = report_write.get();
  report.write.close();

  constexpr unsigned long kNamespaces =
      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  pid_ = fork_into(apart ? kNamespaces : 0);
  if (pid_ == 0) {
    ::close(go.write.get());
    enter_sandbox(plan);
  }
  if (pid_ < 0) throw no_sandbox("make namespaces", errno);
  report_write.close();
  if (apart) map_ids(pid_);
  write_all(go.write.get(), "g");
  check_started(report.read.get());
}

void SandboxedPython::check_started(int report_fd) {
  SetupFailure failure{};
  ssize_t n = 0;
  while ((n = read(report_fd, &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  if (n == sizeof failure) throw no_sandbox(failure.step, failure.error);
  if (n != 0) throw error(ErrorKind::internal, "the sandbox gave an unreadable report");
}

int SandboxedPython::kill_and_wait() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  if (!scratch_.empty()) {
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
    scratch_.clear();
  }
  return status_;
}

}  // namespace neurosweep
