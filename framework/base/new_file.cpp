#include "framework/base/new_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "framework/base/error.hpp"

namespace neurosweep {

NewFile::NewFile(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail("be created");
}

NewFile::~NewFile() {
  ::close(descriptor_);
}

void NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("be written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void NewFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void NewFile::finish() {
  if (::fsync(descriptor_) != 0) fail("be written");
}

void NewFile::fail(const char* what) const {
  throw error(ErrorKind::io, "{}: cannot {} ({})", path_, what, errno_text());
}

void copy_file(const std::string& from, const std::string& to) {
  constexpr std::size_t kPiece = 1 << 20;
  std::ifstream in(from, std::ios::binary);
  if (!in) throw error(ErrorKind::io, "{}: cannot be read ({})", from, errno_text());
  NewFile out(to);
  std::vector<char> piece(kPiece);
  while (in.read(piece.data(), kPiece) || in.gcount() > 0) {
    out.write(std::string_view(piece.data(), static_cast<std::size_t>(in.gcount())));
  }
  if (in.bad()) throw error(ErrorKind::io, "{}: reading failed ({})", from, errno_text());
  out.finish();
}

}  // namespace neurosweep
