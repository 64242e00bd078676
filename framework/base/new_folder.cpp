#include "framework/base/new_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

/// Removes what killed writers of this host left: what nobody has locked.
void remove_abandoned(const std::string& unfinished) {
  std::error_code ignored;
  const std::string of_host = fs::path(unfinished.substr(0, unfinished.rfind('-') + 1)).filename().string();
  const fs::path parent = fs::path(unfinished).parent_path();
  for (const auto& entry : fs::directory_iterator(parent.empty() ? "." : parent, ignored)) {
    if (!entry.path().filename().string().starts_with(of_host)) continue;
    const int lock = lock_folder(entry.path().string());
    if (lock < 0) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(lock);
  }
}

}  // namespace

NewFolder::NewFolder(const std::string& place) : place_(plain(place)), unfinished_(unfinished_name(place_)) {
  remove_abandoned(unfinished_);
  if (::mkdir(unfinished_.c_str(), 0777) != 0) {
    throw error(ErrorKind::io, "{}: cannot be created ({})", unfinished_, errno_text());
  }
  lock_ = lock_folder(unfinished_);
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
