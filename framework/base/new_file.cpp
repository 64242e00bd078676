#include "framework/base/new_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <fstream>
#include <utility>
#include <vector>

#include "framework/base/error.hpp"

namespace neurosweep {

NewFile::NewFile(const std::string& path) : NewFile(path, path) {}

NewFile::NewFile(const std::string& path, std::string shown)
    : shown_(std::move(shown)), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
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
  throw error(ErrorKind::io, "{}: cannot {} ({})", shown_, what, errno_text());
}

std::string unfinished_name(const std::string& place) {
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), HOST_NAME_MAX) != 0) {
    throw error(ErrorKind::io, "this machine tells no host name ({})", errno_text());
  }
  return fmt::format("{}.unfinished-{}-{}", place, host.data(), ::getpid());
}

bool sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int why = errno;
  if (folder >= 0) ::close(folder);
  errno = why;
  return synced;
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
