#include "framework/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// A file beside its place until it is whole; removed when it never was.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(const std::string& path)
      : path_(path), unfinished_(fmt::format("{}.unfinished-{}", path, ::getpid())) {
    ::unlink(unfinished_.c_str());  // whatever stands there, a link above all, must not be written to
    descriptor_ = ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("be created");
  }
  ~UnfinishedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    ::unlink(unfinished_.c_str());
  }
  UnfinishedFile(const UnfinishedFile&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(descriptor_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("be written");
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void finish() {
    if (::fsync(descriptor_) != 0) fail("be written");
    if (::rename(unfinished_.c_str(), path_.c_str()) != 0) fail("be put in its place");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw error(ErrorKind::io, "{}: cannot {} ({})", path_, what, errno_text());
  }

  std::string path_, unfinished_;
  int descriptor_ = -1;
};

}  // namespace

std::string read_text_file(const std::string& path) {
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
