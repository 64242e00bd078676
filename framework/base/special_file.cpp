#include "framework/base/special_file.hpp"

#include <filesystem>

#include "framework/base/error.hpp"

namespace neurosweep {

void refuse_special_file(const std::string& path) {
  std::error_code unknown;
  const auto status = std::filesystem::status(path, unknown);
  const bool exists = std::filesystem::status_known(status) && std::filesystem::exists(status);
  if (!exists || !std::filesystem::is_other(status) || path.starts_with("/dev/")) return;
  throw error(ErrorKind::io, "{}: is a pipe, socket or device (reading one may never end): put a file there", path);
}

}  // namespace neurosweep
