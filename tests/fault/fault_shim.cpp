// Preloaded into a program under test, it makes the n-th change of a file go wrong: no fault stands in the product.
//   NS_FAULT        kill | torn | power | enospc | eio, or nothing: count only
//   NS_FAULT_FILE   part of the paths that count
//   NS_FAULT_AT     the change that goes wrong, from 1; errors last from there on
//   NS_FAULT_COUNT  file that gets the number of changes when the program ends in order
//   NS_FAULT_UNIT   "round:unit": what happens when the program begins this unit,
//   NS_FAULT_DO     a signal's number, "hang", or "vanish": SIGKILL to all ranks at once, as srun does when one dies
//   NS_FAULT_SLOW   part of the paths that take 3 s to open
//   NS_FAULT_CLOCK  the wall clock jumps by up to ten years, back and forth, at every look
// Changes are write, pwrite, ftruncate, fsync, fdatasync, rename, renameat2, unlink. `kill` ends the process before the
// change, `torn` after half of it, `power` also undoes everything that was written since its file was last synced.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace {

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

enum class Fault { none, kill, torn, power, enospc, eio };

Fault parse_fault() {
  const std::string name = setting("NS_FAULT");
  if (name == "kill") return Fault::kill;
  if (name == "torn") return Fault::torn;
  if (name == "power") return Fault::power;
  if (name == "enospc") return Fault::enospc;
  if (name == "eio") return Fault::eio;
  return Fault::none;
}

// What a write replaced, so that a power cut can bring it back.
struct Undo {
  std::string path;
  off_t old_size;
  off_t offset;
  std::string old_bytes;
};

struct State {
  Fault fault = parse_fault();
  std::string file = setting("NS_FAULT_FILE");
  long at = atol(setting("NS_FAULT_AT"));
  std::string unit = setting("NS_FAULT_UNIT");
  std::string act = setting("NS_FAULT_DO");
  std::string count_path = setting("NS_FAULT_COUNT");
  pid_t owner = getpid();
  std::atomic<long> changes = 0;
  std::mutex mutex;
  std::vector<Undo> undo;

  ~State() {
    if (count_path.empty() || getpid() != owner) return;
    if (FILE* out = fopen(count_path.c_str(), "w")) {
      fprintf(out, "%ld\n", changes.load());
      fclose(out);
    }
  }
};

State& state() {
  static State instance;
  return instance;
}

std::string path_of(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link, path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "";
}

bool counts(const std::string& path) {
  return !state().file.empty() && path.find(state().file) != std::string::npos;
}

void remember(int descriptor, const std::string& path, off_t offset, size_t size) {
  if (state().fault != Fault::power) return;
  struct stat status {};
  fstat(descriptor, &status);
  std::string old(size, '\0');
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = reader >= 0 ? pread(reader, old.data(), size, offset) : -1;
  if (reader >= 0) close(reader);
  old.resize(static_cast<std::size_t>(got > 0 ? got : 0));
  const std::lock_guard lock(state().mutex);
  state().undo.push_back({path, status.st_size, offset, old});
}

void synced(const std::string& path) {
  const std::lock_guard lock(state().mutex);
  std::erase_if(state().undo, [&](const Undo& each) { return each.path == path; });
}

void lose_unsynced() {
  const std::lock_guard lock(state().mutex);
  for (auto each = state().undo.rbegin(); each != state().undo.rend(); ++each) {
    const int descriptor = open(each->path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) continue;
    static const auto write_at = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
    static const auto cut = real<int (*)(int, off_t)>("ftruncate64");
    write_at(descriptor, each->old_bytes.data(), each->old_bytes.size(), each->offset);
    cut(descriptor, each->old_size);
    close(descriptor);
  }
}

enum class Outcome { go_on, half_then_die, fail };
enum class Change { write, other };

// Counts a change of `path`; dies here, or says what is to become of the change.
Outcome change(const std::string& path, Change kind) {
  State& s = state();
  if (!counts(path)) return Outcome::go_on;
  const long number = ++s.changes;
  if (s.at == 0 || number < s.at) return Outcome::go_on;
  switch (s.fault) {
    case Fault::none:
      return Outcome::go_on;
    case Fault::power:
      lose_unsynced();
      [[fallthrough]];
    case Fault::kill:
      kill(getpid(), SIGKILL);
      return Outcome::fail;
    case Fault::torn:
      if (kind == Change::other) kill(getpid(), SIGKILL);
      return Outcome::half_then_die;
    case Fault::enospc:
      errno = ENOSPC;
      return Outcome::fail;
    case Fault::eio:
      errno = EIO;
      return Outcome::fail;
  }
  return Outcome::go_on;
}

// The process that holds a file locked, or 0.
pid_t holder_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return 0;
  FILE* locks = fopen("/proc/locks", "re");
  char line[256];
  int pid = 0, found = 0;
  unsigned long inode = 0;
  while (locks && fgets(line, sizeof line, locks)) {
    if (sscanf(line, "%*s %*s %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 && inode == status.st_ino) found = pid;
  }
  if (locks) fclose(locks);
  return found;
}

bool in_unit(const std::string& journal) {
  std::int64_t numbers[2] = {-1, -1};
  FILE* file = fopen(journal.c_str(), "re");
  const bool whole = file && fread(numbers, sizeof numbers, 1, file) == 1;
  if (file) fclose(file);
  return whole && numbers[1] >= 0;
}

// Ends all ranks of a launch, this one last: while another is in a unit too, if one comes to be within a second.
void kill_all_ranks(const std::string& journal) {
  const std::string folder = journal.substr(0, journal.rfind('/') + 1);
  std::vector<std::string> others;
  std::vector<pid_t> ranks;
  for (int rank = 0;; ++rank) {
    const std::string path = folder + "rank-" + std::to_string(rank) + ".now";
    const pid_t pid = holder_of(path);
    if (pid == 0) break;
    if (path == journal) continue;
    others.push_back(path);
    ranks.push_back(pid);
  }
  for (int i = 0; i < 1000 && std::none_of(others.begin(), others.end(), in_unit); ++i) usleep(1000);
  for (const pid_t pid : ranks) kill(pid, SIGKILL);
  kill(getpid(), SIGKILL);
}

// The journal of a rank says which unit begins.
void look_for_unit(const std::string& path, const void* bytes, size_t size) {
  State& s = state();
  if (s.unit.empty() || size != 16 || !path.ends_with(".now")) return;
  std::int64_t numbers[2];
  memcpy(numbers, bytes, sizeof numbers);
  if (std::to_string(numbers[0]) + ":" + std::to_string(numbers[1]) != s.unit) return;
  if (s.act == "hang") {
    while (true) sleep(1000);
  }
  if (s.act == "vanish") kill_all_ranks(path);
  raise(atoi(s.act.c_str()));
}

using PwriteFunction = ssize_t (*)(int, const void*, size_t, off_t);

ssize_t write_at(const char* name, int descriptor, const void* bytes, size_t size, off_t offset) {
  const std::string path = path_of(descriptor);
  const auto write = real<PwriteFunction>(name);
  const Outcome outcome = change(path, Change::write);
  if (outcome == Outcome::fail) return -1;
  if (outcome == Outcome::half_then_die) {
    write(descriptor, bytes, size / 2, offset);
    kill(getpid(), SIGKILL);
  }
  if (counts(path)) remember(descriptor, path, offset, size);
  const ssize_t written = write(descriptor, bytes, size, offset);
  look_for_unit(path, bytes, size);
  return written;
}

int cut_to(const char* name, int descriptor, off_t size) {
  const std::string path = path_of(descriptor);
  if (change(path, Change::other) == Outcome::fail) return -1;
  if (counts(path)) remember(descriptor, path, size, 0);
  return real<int (*)(int, off_t)>(name)(descriptor, size);
}

int sync_now(const char* name, int descriptor) {
  const std::string path = path_of(descriptor);
  if (change(path, Change::other) == Outcome::fail) return -1;
  if (counts(path)) {
    synced(path);
    return 0;  // the tests cut no real power, and syncing takes most of their time
  }
  return real<int (*)(int)>(name)(descriptor);
}

}  // namespace

extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return write_at("pwrite", descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  return write_at("pwrite64", descriptor, bytes, size, offset);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  const std::string path = path_of(descriptor);
  const Outcome outcome = change(path, Change::write);
  if (outcome == Outcome::fail) return -1;
  if (outcome == Outcome::half_then_die) {
    next(descriptor, bytes, size / 2);
    kill(getpid(), SIGKILL);
  }
  if (counts(path)) remember(descriptor, path, lseek(descriptor, 0, SEEK_CUR), size);
  return next(descriptor, bytes, size);
}

int ftruncate(int descriptor, off_t size) noexcept {
  return cut_to("ftruncate", descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) noexcept {
  return cut_to("ftruncate64", descriptor, size);
}
int fsync(int descriptor) {
  return sync_now("fsync", descriptor);
}
int fdatasync(int descriptor) {
  return sync_now("fdatasync", descriptor);
}

int rename(const char* from, const char* to) noexcept {
  if (change(from, Change::other) == Outcome::fail) return -1;
  return real<int (*)(const char*, const char*)>("rename")(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned int how) noexcept {
  if (change(from, Change::other) == Outcome::fail) return -1;
  return real<int (*)(int, const char*, int, const char*, unsigned int)>("renameat2")(from_folder, from, to_folder, to,
                                                                                      how);
}

int unlink(const char* path) noexcept {
  if (change(path, Change::other) == Outcome::fail) return -1;
  return real<int (*)(const char*)>("unlink")(path);
}

int open(const char* path, int how, ...) {
  va_list more;
  va_start(more, how);
  const mode_t mode = (how & O_CREAT) ? va_arg(more, mode_t) : 0;
  va_end(more);
  const std::string slow = setting("NS_FAULT_SLOW");
  if (!slow.empty() && strstr(path, slow.c_str())) sleep(3);
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  return next(path, how, mode);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  static const bool jumping = *setting("NS_FAULT_CLOCK") != '\0';
  static std::atomic<unsigned> looks = 0;
  const int status = next(clock, now);
  if (jumping && clock == CLOCK_REALTIME) {
    const unsigned jump = looks.fetch_add(1) * 2654435761u;
    now->tv_sec += static_cast<time_t>(jump % 631152000u) - 315576000;
  }
  return status;
}
}
