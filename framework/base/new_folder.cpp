#include "framework/base/new_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

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

}  // namespace

NewFolder::NewFolder(const std::string& place) : place_(plain(place)), unfinished_(unfinished_name(place_)) {
  std::error_code ignored;
  fs::remove_all(unfinished_, ignored);
  if (::mkdir(unfinished_.c_str(), 0777) != 0) {
    throw error(ErrorKind::io, "{}: cannot be created ({})", unfinished_, errno_text());
  }
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  fs::remove_all(unfinished_, ignored);
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
