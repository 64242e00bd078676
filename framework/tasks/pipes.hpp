#pragma once

#include <string_view>
#include <utility>

namespace neurosweep {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  void close();

 private:
  int fd_;
};

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

/// Both ends close on exec. Throws Error{io}.
Pipe make_pipe();

/// A copy numbered `least` or more that closes on exec. Throws Error{io}.
FileDescriptor moved_above(int fd, int least);

/// A file in memory with this text, at its beginning, closed on exec. Throws Error{io}.
FileDescriptor make_memory_file(std::string_view text);

/// Throws Error{io}.
void write_all(int fd, std::string_view text);

}  // namespace neurosweep
