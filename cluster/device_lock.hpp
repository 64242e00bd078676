#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// Whether several processes may use one device at once.
enum class DeviceSharing { refused, allowed };

/// The folder of this user's lock files on this machine: /tmp/neurosweep-<uid>.
std::string device_lock_folder();

/// A device of this machine, held by this process: a locked file in a folder that is this user's alone. The lock ends
/// with the process, however it ends. Processes that may share hold it together; one that may not shares with none.
class DeviceLock {
 public:
  /// Takes the device with this identity, such as "GPU-1f3c...". Where sharing is allowed, only warns of the others.
  ///   throws  Error{device} when sharing is refused and another process holds it, naming the process; or when the
  ///           folder is not safe or not usable
  DeviceLock(const std::string& device, DeviceSharing sharing, const std::string& folder = device_lock_folder());
  ~DeviceLock();
  DeviceLock(DeviceLock&& other) noexcept;
  DeviceLock& operator=(DeviceLock&&) = delete;

 private:
  void take(const std::string& device, DeviceSharing sharing, const std::string& folder);
  int file_ = -1;  ///< -1: shared without a lock
};

/// Refuses ranks of one run that have one device between them, unless they may share it.
///   hosts, devices  by rank; a device "" is the CPU
///   throws          Error{device} that names two such ranks
void check_devices_differ(const std::vector<std::string>& hosts, const std::vector<std::string>& devices,
                          DeviceSharing sharing);

}  // namespace neurosweep
