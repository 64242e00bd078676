#include "framework/base/new_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "framework/base/error.hpp"
#include "framework/base/new_file.hpp"

namespace neurosweep {

namespace {

namespace fs = std::filesystem;

/// The path without slashes at its end.
std::string plain(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void sync(const std::string& path) {
  if (!sync_folder(path)) throw error(ErrorKind::io, "{}: cannot be synced ({})", path, errno_text());
}

/// A folder that is locked by this process, or -1 when it cannot be: another has it, or the file system has no locks.
int lock_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0 || ::flock(folder, LOCK_EX | LOCK_NB) == 0) return folder;
  ::close(folder);
  return -1;
}

/// Whether a name is `start` and a process number: "host-2-9" is another host's than "host-9".
bool is_of_host(std::string_view name, std::string_view start) {
  if (!name.starts_with(start) || name.size() == start.size()) return false;
  return name.find_first_not_of("0123456789", start.size()) == std::string_view::npos;
}

/// Removes what killed writers of this host left: what nobody has locked.
void remove_abandoned(const std::string& unfinished) {
  std::error_code ignored;
  const std::string start = fs::path(unfinished.substr(0, unfinished.rfind('-') + 1)).filename().string();
  const fs::path parent = fs::path(unfinished).parent_path();
  fs::directory_iterator entry(parent.empty() ? "." : parent, ignored);
  for (; entry != fs::directory_iterator(); entry.increment(ignored)) {
    if (!is_of_host(entry->path().filename().string(), start)) continue;
    const int lock = lock_folder(entry->path().string());
    if (lock < 0) continue;
    fs::remove_all(entry->path(), ignored);
    ::close(lock);
  }
}

/// Makes a folder and locks it, again when another writer took it for abandoned in between.
///   returns  the lock, -1 on a file system without locks
int make_locked(const std::string& path) {
  for (int tries = 0; tries < 3; ++tries) {
    if (::mkdir(path.c_str(), 0777) != 0) {
      throw error(ErrorKind::io, "{}: cannot be created ({}){}", path, errno_text(),
                  errno == EEXIST ? ": remove it when no process writes it" : "");
    }
    const int lock = lock_folder(path);
    if (fs::exists(path)) return lock;
    if (lock >= 0) ::close(lock);
  }
  throw error(ErrorKind::io, "{}: was removed while it was made", path);
}

}  // namespace

NewFolder::NewFolder(const std::string& place) : place_(plain(place)), unfinished_(unfinished_name(place_)) {
  remove_abandoned(unfinished_);
  lock_ = make_locked(unfinished_);
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  fs::remove_all(unfinished_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

void NewFolder::finish() {
  sync(unfinished_);
  if (!fs::exists(place_)) {
    if (::rename(unfinished_.c_str(), place_.c_str()) != 0) {
      throw error(ErrorKind::io, "{}: cannot be put in its place ({})", place_, errno_text());
    }
  } else if (::renameat2(AT_FDCWD, unfinished_.c_str(), AT_FDCWD, place_.c_str(), RENAME_EXCHANGE) != 0) {
    // Two folders change places in one step; the old one is then under the unfinished name and goes with it.
    throw error(ErrorKind::io, "{}: cannot change places with {} ({}): name a folder that is not there", place_,
                unfinished_, errno_text());
  }
  const fs::path parent = fs::path(place_).parent_path();
  sync(parent.empty() ? "." : parent.string());
}

}  // namespace neurosweep
