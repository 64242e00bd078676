#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace neurosweep::testing {

/// A fresh folder that is removed, with all in it, at the end of its scope.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Third-party test material beside the checkout (../shared/<relative>), or nothing where it is absent.
std::optional<std::filesystem::path> shared_path(const std::string& relative);

void write_file(const std::string& path, const std::string& bytes);
std::string read_file(const std::string& path);

}  // namespace neurosweep::testing
