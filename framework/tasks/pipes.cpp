#include "framework/tasks/pipes.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

FileDescriptor owned(int fd, const char* what) {
  if (fd < 0) throw error(ErrorKind::io, "cannot make {} ({})", what, errno_text());
  return FileDescriptor(fd);
}

}  // namespace

void FileDescriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw error(ErrorKind::io, "cannot make a pipe ({})", errno_text());
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

FileDescriptor moved_above(int fd, int least) {
  return owned(fcntl(fd, F_DUPFD_CLOEXEC, least), "a file descriptor");
}

FileDescriptor make_memory_file(std::string_view text) {
  FileDescriptor file = owned(memfd_create("neurosweep-code", MFD_CLOEXEC), "a file in memory");
  write_all(file.get(), text);
  if (lseek(file.get(), 0, SEEK_SET) != 0) throw error(ErrorKind::io, "cannot rewind a file ({})", errno_text());
  return file;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw error(ErrorKind::io, "cannot write to a pipe ({})", errno_text());
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace neurosweep
