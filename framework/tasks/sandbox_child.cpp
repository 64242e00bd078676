#include "framework/tasks/sandbox_child.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kScratchBytes = 16LL << 20;
constexpr std::int64_t kOpenFiles = 64;
constexpr std::int64_t kStackBytes = 64LL << 20;
constexpr const char* kNewRoot = "/proc";  // nobody needs it any more, and it is there
constexpr const char* kScratchOptions = "size=16m,nr_inodes=256,mode=0700";

/// Tells the parent which step failed, and ends the child.
class Steps {
 public:
  explicit Steps(int report_fd) : report_fd_(report_fd) {}

  void need(bool done, const char* step) const {
    if (!done) fail(step, errno);
  }
  [[noreturn]] void fail(const char* step, int why) const {
    SetupFailure failure{};
    strncpy(failure.step, step, sizeof failure.step - 1);
    failure.error = why;
    const auto written = write(report_fd_, &failure, sizeof failure);
    _exit(written == sizeof failure ? 1 : 2);
  }

 private:
  int report_fd_;
};

void await_mapping(const SandboxPlan& plan) {
  char go = 0;
  if (read(plan.go_fd, &go, 1) != 1) _exit(3);
}

void take_identity(const SandboxPlan& plan, const Steps& steps) {
  if (plan.drops_groups) steps.need(syscall(SYS_setgroups, 0, nullptr) == 0, "drop groups");
  steps.need(syscall(SYS_setresgid, plan.gid, plan.gid, plan.gid) == 0, "set group");
  steps.need(syscall(SYS_setresuid, plan.uid, plan.uid, plan.uid) == 0, "set user");
  steps.need(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "die with parent");
}

void seal(const char* path, unsigned flags, const Steps& steps) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  steps.need(syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof attributes) == 0,
             "make mounts read-only (Linux 5.12 or newer)");
}

// A root of its own in memory, with the visible folders and an empty one to write to.
void build_root(const SandboxPlan& plan, const Steps& steps) {
  steps.need(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  steps.need(old_root >= 0, "open the root");
  steps.need(mount("none", kNewRoot, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") == 0, "mount a root");
  steps.need(chdir(kNewRoot) == 0, "enter the root");
  for (const auto& part : plan.visible) {
    for (const auto& parent : part.parents) {
      steps.need(mkdir(parent.c_str() + 1, 0755) == 0 || errno == EEXIST, "make a folder");
    }
    if (!part.link.empty()) {
      steps.need(symlink(part.link.c_str(), part.path.c_str() + 1) == 0, "make a link");
      continue;
    }
    steps.need(mkdir(part.path.c_str() + 1, 0755) == 0 || errno == EEXIST, "make a folder");
    steps.need(mount(part.path.c_str(), part.path.c_str() + 1, nullptr, MS_BIND | MS_REC, nullptr) == 0,
               "mount a folder");
    seal(part.path.c_str() + 1, AT_RECURSIVE, steps);
  }
  steps.need(mkdir("work", 0700) == 0, "make the work folder");
  steps.need(mount("none", "work", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, kScratchOptions) == 0,
             "mount the work folder");
  steps.need(syscall(SYS_pivot_root, ".", ".") == 0, "change the root");
  steps.need(fchdir(old_root) == 0, "enter the old root");
  steps.need(umount2(".", MNT_DETACH) == 0, "leave the old root");
  steps.need(chdir("/") == 0, "enter the root");
  seal("/", 0, steps);
  steps.need(chdir("/work") == 0, "enter the work folder");
}

void place_descriptors(const SandboxPlan& plan, const Steps& steps) {
  int next = 0;
  for (const int fd : plan.fds) steps.need(dup2(fd, next++) >= 0, "place a descriptor");
  const int report = next++;
  steps.need(dup3(plan.report_fd, report, O_CLOEXEC) >= 0, "place a descriptor");
  if (syscall(SYS_close_range, next, ~0U, 0) != 0) {
    for (int fd = next; fd < 65536; ++fd) close(fd);
  }
}

void reset_signals() {
  for (int number = 1; number < 32; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void set_limits(const SandboxPlan& plan, const Steps& steps) {
  for (const auto& limit : plan.limits) {
    const rlimit both{limit.value, limit.value};
    steps.need(setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &both) == 0, "set a limit");
  }
}

void add_visible(SandboxPlan& plan, const fs::path& path) {
  std::error_code why;
  const auto kind = fs::symlink_status(path, why).type();
  if (kind != fs::file_type::directory && kind != fs::file_type::symlink) return;
  SandboxPlan::Visible part{path.string(), "", {}};
  if (kind == fs::file_type::symlink) part.link = fs::read_symlink(path).string();
  fs::path parent;
  for (const auto& name : path.parent_path()) {
    parent /= name;
    if (parent != "/") part.parents.push_back(parent.string());
  }
  plan.visible.push_back(std::move(part));
}

bool is_under(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder).string();
  return !relative.empty() && !relative.starts_with("..");
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

void fill_sandbox_plan(SandboxPlan& plan, const SandboxSpec& spec, const std::string& code) {
  std::error_code why;
  const fs::path python = fs::canonical(spec.python, why);
  if (why || access(python.c_str(), X_OK) != 0) {
    throw input_error("{}: no Python that can be run ({}): name one by the key 'python'", spec.python,
                      why ? why.message() : errno_text());
  }
  plan.isolation = spec.isolation;
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin"}) add_visible(plan, path);
  if (!is_under(python, "/usr")) add_visible(plan, python.parent_path().parent_path());
  const auto seconds = static_cast<rlim_t>(std::ceil(spec.seconds));
  plan.limits = {{RLIMIT_AS, static_cast<rlim_t>(spec.memory)},
                 {RLIMIT_CPU, seconds},
                 {RLIMIT_FSIZE, kScratchBytes},
                 {RLIMIT_NPROC, 1},
                 {RLIMIT_NOFILE, kOpenFiles},
                 {RLIMIT_STACK, kStackBytes},
                 {RLIMIT_MEMLOCK, 0},
                 {RLIMIT_MSGQUEUE, 0},
                 {RLIMIT_CORE, 0}};
  plan.words = {python.string(), "-B", "-s", "-S", "-X", "utf8", "-c", code};
  plan.environment = {"PYTHONHASHSEED=0", "LANG=C.UTF-8", "PATH=/usr/bin"};
  plan.argv = pointers(plan.words);
  plan.envp = pointers(plan.environment);
  plan.filter = system_call_filter();
}

void enter_sandbox(const SandboxPlan& plan) {
  const Steps steps(plan.report_fd);
  await_mapping(plan);
  if (plan.isolation == Isolation::namespaces || plan.drops_groups) take_identity(plan, steps);
  if (plan.isolation == Isolation::namespaces) {
    build_root(plan, steps);
  } else {
    steps.need(chdir(plan.scratch.c_str()) == 0, "enter the work folder");
  }
  setsid();
  umask(077);
  reset_signals();
  place_descriptors(plan, steps);
  const Steps last_steps(static_cast<int>(plan.fds.size()));
  set_limits(plan, last_steps);
  last_steps.need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "give up privileges");
  if (const int why = install_filter(plan.filter)) last_steps.fail("filter system calls", why);
  execve(plan.argv[0], plan.argv.data(), plan.envp.data());
  last_steps.fail("start Python", errno);
}

}  // namespace neurosweep
