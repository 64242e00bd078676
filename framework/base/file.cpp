#include "framework/base/file.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "framework/base/error.hpp"
#include "framework/base/new_file.hpp"
#include "framework/base/special_file.hpp"

namespace neurosweep {

namespace {

/// A file beside its place until it is whole; removed when it never was.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(const std::string& path)
      : path_(path), unfinished_(unlinked(unfinished_name(path))), file_(unfinished_, path) {}
  ~UnfinishedFile() { ::unlink(unfinished_.c_str()); }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  void write(std::string_view text) { file_.write(text); }

  void finish() {
    file_.finish();
    if (::rename(unfinished_.c_str(), path_.c_str()) != 0) {
      throw error(ErrorKind::io, "{}: cannot be put in its place ({})", path_, errno_text());
    }
  }

 private:
  /// Whatever stands there, a link above all, must not be written to.
  static std::string unlinked(std::string path) {
    ::unlink(path.c_str());
    return path;
  }

  std::string path_, unfinished_;
  NewFile file_;
};

}  // namespace

std::string read_text_file(const std::string& path) {
  refuse_special_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw error(ErrorKind::io, "{}: cannot be read ({})", path, errno_text());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw error(ErrorKind::io, "{}: reading failed ({})", path, errno_text());
  return text;
}

void write_text_file(const std::string& path, std::string_view text) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    throw error(ErrorKind::io, "{}: is no regular file: name another", path);
  }
  UnfinishedFile file(path);
  file.write(text);
  file.finish();
}

}  // namespace neurosweep
