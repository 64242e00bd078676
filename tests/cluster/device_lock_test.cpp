#include "cluster/device_lock.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kDevice = "GPU-0a1b";

/// A process that holds the device until it is told to go.
class Holder {
 public:
  Holder(DeviceSharing sharing, const std::string& folder) {
    int held[2], let_go[2];
    EXPECT_EQ(::pipe(held), 0);
    EXPECT_EQ(::pipe(let_go), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(let_go[1]);
      const DeviceLock lock(kDevice, sharing, folder);
      char byte = 1;
      if (::write(held[1], &byte, 1) != 1 || ::read(let_go[0], &byte, 1) != 0) ::_exit(1);
      ::_exit(0);  // without the destructor, as a killed process
    }
    ::close(held[1]);
    ::close(let_go[0]);
    let_go_ = let_go[1];
    char byte = 0;
    EXPECT_EQ(::read(held[0], &byte, 1), 1);
    ::close(held[0]);
  }
  ~Holder() { end(); }

  void end() {
    if (pid_ == 0) return;
    ::close(let_go_);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int let_go_ = -1;
};

class DeviceLockTest : public ::testing::Test {
 protected:
  std::string folder() const { return dir_.file("locks"); }
  DeviceLock take(DeviceSharing sharing) const { return DeviceLock(kDevice, sharing, folder()); }

  /// What the lock says on standard error.
  std::string warning_of(DeviceSharing sharing) const {
    ::testing::internal::CaptureStderr();
    const DeviceLock lock = take(sharing);
    return ::testing::internal::GetCapturedStderr();
  }

  void expect_refusal(const std::string& text) const {
    expect_error(ErrorKind::device, HasSubstr(text), [&] { take(DeviceSharing::refused); });
  }

  testing::TempDir dir_;
};

TEST_F(DeviceLockTest, DeviceThatAnotherProcessHoldsIsRefusedWithItsNumberAndAWayOut) {
  const Holder other(DeviceSharing::refused, folder());

  expect_error(ErrorKind::device,
               AllOf(HasSubstr("device GPU-0a1b is in use by process " + std::to_string(other.pid())),
                     HasSubstr("CUDA_VISIBLE_DEVICES"), HasSubstr("share_devices = true")),
               [&] { take(DeviceSharing::refused); });
}

TEST_F(DeviceLockTest, DeviceIsFreeWhenItsProcessHasEndedInWhateverWay) {
  Holder other(DeviceSharing::refused, folder());
  other.end();

  EXPECT_EQ(warning_of(DeviceSharing::refused), "");
}

TEST_F(DeviceLockTest, OtherDevicesAreFree) {
  const Holder other(DeviceSharing::refused, folder());

  EXPECT_NO_THROW(DeviceLock("GPU-ffff", DeviceSharing::refused, folder()));
}

TEST_F(DeviceLockTest, AllowedSharingWarnsAndGoesOn) {
  for (const auto of_other : {DeviceSharing::refused, DeviceSharing::allowed}) {
    const Holder other(of_other, folder());
    EXPECT_THAT(warning_of(DeviceSharing::allowed), HasSubstr("shared with process " + std::to_string(other.pid())));
  }
}

TEST_F(DeviceLockTest, SharersKeepOutOneThatMayNotShare) {
  const Holder other(DeviceSharing::allowed, folder());
  const DeviceLock mine = take(DeviceSharing::allowed);

  expect_refusal("in use by process");
}

TEST_F(DeviceLockTest, FolderAndFileAreForTheUserAlone) {
  const DeviceLock lock = take(DeviceSharing::refused);

  EXPECT_EQ(fs::status(folder()).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(folder() + "/GPU-0a1b.lock").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(DeviceLockTest, LinkInThePlaceOfTheFolderIsNotFollowed) {
  fs::create_directory(dir_.file("elsewhere"));
  fs::create_symlink(dir_.file("elsewhere"), folder());

  expect_refusal("cannot keep locks of devices");
  EXPECT_TRUE(fs::is_empty(dir_.file("elsewhere")));
}

TEST_F(DeviceLockTest, LinkInThePlaceOfTheFileIsNotFollowed) {
  fs::create_directory(folder());
  fs::permissions(folder(), fs::perms::owner_all);
  testing::write_file(dir_.file("precious"), "text");
  fs::create_symlink(dir_.file("precious"), folder() + "/GPU-0a1b.lock");

  expect_refusal("cannot keep locks of devices");
  EXPECT_EQ(testing::read_file(dir_.file("precious")), "text");
}

TEST_F(DeviceLockTest, FolderThatOthersCanWriteToIsRefused) {
  fs::create_directory(folder());
  fs::permissions(folder(), fs::perms::all);

  expect_refusal("others own it or may write to it");
}

TEST_F(DeviceLockTest, IdentityCannotLeaveTheFolder) {
  const DeviceLock lock("../../GPU/1", DeviceSharing::refused, folder());

  EXPECT_TRUE(fs::exists(folder() + "/.._.._GPU_1.lock"));
}

TEST(DevicesOfARun, RanksOfOneHostNeedDevicesOfTheirOwn) {
  const std::vector<std::string> hosts = {"a", "a", "b", "b"};

  EXPECT_NO_THROW(check_devices_differ(hosts, {"GPU-1", "GPU-2", "GPU-1", "GPU-2"}, DeviceSharing::refused));
  expect_error(ErrorKind::device, HasSubstr("ranks 1 and 3 both got device GPU-2 of b"), [] {
    check_devices_differ({"a", "b", "a", "b"}, {"GPU-1", "GPU-2", "GPU-2", "GPU-2"}, DeviceSharing::refused);
  });
}

TEST(DevicesOfARun, ProcessorsAndAllowedDevicesMayBeShared) {
  EXPECT_NO_THROW(check_devices_differ({"a", "a"}, {"", ""}, DeviceSharing::refused));
  EXPECT_NO_THROW(check_devices_differ({"a", "a"}, {"GPU-1", "GPU-1"}, DeviceSharing::allowed));
}

}  // namespace
}  // namespace neurosweep
