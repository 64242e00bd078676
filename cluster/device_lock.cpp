#include "cluster/device_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <utility>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

namespace {

constexpr const char* kHowToShare = "set [study] share_devices = true to run all the same";

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

Error unusable(const std::string& path, const std::string& why) {
  return error(ErrorKind::device, "{}: cannot keep locks of devices ({}): make it usable, or {}", path, why,
               kHowToShare);
}

/// Whether only this user can have put it there and can change it.
bool is_ours(int descriptor, mode_t type) {
  struct stat found {};
  if (::fstat(descriptor, &found) != 0) return false;
  return (found.st_mode & S_IFMT) == type && found.st_uid == ::geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Makes and opens a folder, or opens the one that is there, if it is this user's: others may write beside it.
int open_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) throw unusable(folder, errno_text());
  Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened.number() < 0) throw unusable(folder, errno_text());
  if (!is_ours(opened.number(), S_IFDIR)) throw unusable(folder, "others own it or may write to it");
  return opened.release();
}

/// The identity as a file name: letters, digits, '-', '.' and '_'.
std::string file_name(const std::string& device) {
  std::string name = device + ".lock";
  for (char& c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain && c != '-' && c != '.') c = '_';
  }
  return name;
}

int open_file(const std::string& folder, const std::string& device) {
  const Descriptor parent(open_folder(folder));
  const std::string name = file_name(device);
  Descriptor file(::openat(parent.number(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.number() < 0) throw unusable(folder + "/" + name, errno_text());
  if (!is_ours(file.number(), S_IFREG)) throw unusable(folder + "/" + name, "it is not a file of this user's own");
  return file.release();
}

/// Whether the lock is got at once.
bool lock(int file, int how) {
  while (::flock(file, how | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw unusable("flock", errno_text());
  }
  return true;
}

/// The process that the file names, as "process 1234"; it writes so right after it has locked.
std::string holder(int file) {
  char text[64];
  const ssize_t n = ::pread(file, text, sizeof text, 0);
  std::string number(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  number.resize(std::min(number.find('\n'), number.size()));
  const bool is_number = !number.empty() && number.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? "process " + number : "another process";
}

void write_holder(int file, const std::string& folder) {
  const std::string text = std::to_string(::getpid()) + '\n';
  const bool written =
      ::ftruncate(file, 0) == 0 && ::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!written) throw unusable(folder, errno_text());
}

}  // namespace

std::string device_lock_folder() {
  return "/tmp/neurosweep-" + std::to_string(::geteuid());
}

DeviceLock::DeviceLock(const std::string& device, DeviceSharing sharing, const std::string& folder) {
  try {
    take(device, sharing, folder);
  } catch (const Error& failure) {
    if (sharing == DeviceSharing::refused) throw;
    log_warning("{}", failure.what());
  }
}

void DeviceLock::take(const std::string& device, DeviceSharing sharing, const std::string& folder) {
  Descriptor file(open_file(folder, device));
  const bool alone = lock(file.number(), LOCK_EX);
  if (!alone && sharing == DeviceSharing::refused) {
    throw error(ErrorKind::device,
                "device {} is in use by {} on this machine: wait for it, choose another device "
                "(CUDA_VISIBLE_DEVICES), or {}",
                device, holder(file.number()), kHowToShare);
  }
  if (!alone) log_warning("device {} is shared with {}: expect it to be slow", device, holder(file.number()));
  if (alone) write_holder(file.number(), folder);
  if (sharing == DeviceSharing::allowed && !lock(file.number(), LOCK_SH)) return;
  file_ = file.release();
}

DeviceLock::~DeviceLock() {
  if (file_ >= 0) ::close(file_);
}

DeviceLock::DeviceLock(DeviceLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

void check_devices_differ(const std::vector<std::string>& hosts, const std::vector<std::string>& devices,
                          DeviceSharing sharing) {
  if (sharing == DeviceSharing::allowed) return;
  std::map<std::pair<std::string, std::string>, std::size_t> first;
  for (std::size_t rank = 0; rank < devices.size(); ++rank) {
    if (devices[rank].empty()) continue;
    const auto [earlier, is_new] = first.try_emplace({hosts[rank], devices[rank]}, rank);
    if (is_new) continue;
    throw error(ErrorKind::device,
                "ranks {} and {} both got device {} of {}: start no more ranks there than it has devices, or {}",
                earlier->second, rank, devices[rank], hosts[rank], kHowToShare);
  }
}

}  // namespace neurosweep
