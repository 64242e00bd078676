#include "framework/base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <vector>

namespace neurosweep {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::input:
      return exit_status::kInput;
    case ErrorKind::io:
      return exit_status::kIo;
    case ErrorKind::store:
      return exit_status::kStore;
    case ErrorKind::mpi:
      return exit_status::kMpi;
    case ErrorKind::device:
      return exit_status::kDevice;
    case ErrorKind::internal:
      return exit_status::kInternal;
  }
  return exit_status::kInternal;
}

const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::input:
      return "input";
    case ErrorKind::io:
      return "io";
    case ErrorKind::store:
      return "store";
    case ErrorKind::mpi:
      return "mpi";
    case ErrorKind::device:
      return "device";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

void ensure(bool condition, const char* what) {
  if (!condition) throw error(ErrorKind::internal, "{} (this is a bug in neurosweep): please report it", what);
}

std::string errno_text() {
  return std::strerror(errno);
}

int edit_distance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i) + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const int replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace neurosweep
