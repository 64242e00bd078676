#include <sys/mount.h>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/store/database.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_program;
using testing::TempDir;

constexpr const char* kUnits = "1500";

// A file system of its own in memory, unmounted at the end.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    std::filesystem::create_directories(path);
    mounted_ = mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool grow() const { return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, "size=100m") == 0; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST(SmallDisk, AStoreThatFillsItsDiskGoesOnWhenThereIsSpace) {
  const TempDir temp;
  const SmallDisk disk(temp.file("disk"));
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs here";
  const std::string dir = temp.file("disk/store");

  const auto full = run_program({NS_STORE_LAUNCH, dir, kUnits});
  ASSERT_TRUE(disk.grow());
  const auto resumed = run_program({NS_STORE_LAUNCH, dir, kUnits});

  EXPECT_EQ(full.status, exit_status::kIo) << full.err;
  EXPECT_THAT(full.err, HasSubstr(dir));
  EXPECT_THAT(full.err, HasSubstr("free space or raise the quota, then run again; committed units are kept"));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.out, testing::make_merged_store(temp.file("undisturbed"), std::stoll(kUnits)) + "\n");
}

}  // namespace
}  // namespace neurosweep
