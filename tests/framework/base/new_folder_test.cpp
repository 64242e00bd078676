#include "framework/base/new_folder.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>

#include "framework/base/new_file.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void write(const std::string& path, std::string_view text) {
  NewFile file(path);
  file.write(text);
  file.finish();
}

class NewFolderTest : public ::testing::Test {
 protected:
  /// Number of entries of the folder that all is in.
  std::ptrdiff_t entries() const { return std::distance(fs::directory_iterator(temp_.path()), {}); }

  testing::TempDir temp_;
  std::string place_ = temp_.file("out");
};

TEST_F(NewFolderTest, AppearsInItsPlaceWhenItIsFinished) {
  NewFolder folder(place_ + "/");
  write(folder.path() + "/a", "1");
  EXPECT_FALSE(fs::exists(place_));
  folder.finish();
  EXPECT_EQ(testing::read_file(place_ + "/a"), "1");
  EXPECT_EQ(entries(), 1);
}

TEST_F(NewFolderTest, TakesThePlaceOfAnotherWhole) {
  fs::create_directory(place_);
  testing::write_file(place_ + "/old", "0");
  {
    NewFolder folder(place_);
    write(folder.path() + "/new", "1");
    folder.finish();
  }
  EXPECT_FALSE(fs::exists(place_ + "/old"));
  EXPECT_EQ(testing::read_file(place_ + "/new"), "1");
  EXPECT_EQ(entries(), 1) << "the old folder is gone";
}

TEST_F(NewFolderTest, LeavesNothingWhenItIsNeverFinished) {
  {
    NewFolder folder(place_);
    write(folder.path() + "/a", "1");
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(NewFolderTest, LeavesThatOfAnEqualProcessNumberOnAnotherHost) {
  const std::string other = fmt::format("{}.unfinished-{}-{}", place_, "another-host", ::getpid());
  const std::string unnamed = fmt::format("{}.unfinished-{}", place_, ::getpid());
  std::array<char, 256> host{};
  ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
  const std::string numbered = fmt::format("{}.unfinished-{}-2-{}", place_, host.data(), ::getpid());
  for (const std::string& folder : {other, unnamed, numbered}) fs::create_directory(folder);
  {
    const NewFolder folder(place_);
    EXPECT_THAT(folder.path(), HasSubstr(fmt::format("-{}-", host.data())));
  }
  EXPECT_TRUE(fs::exists(other));
  EXPECT_TRUE(fs::exists(unnamed));
  EXPECT_TRUE(fs::exists(numbered)) << "of a host whose name begins as this one's";
}

TEST_F(NewFolderTest, RemovesWhatAKilledWriterLeftAndNothingOfALivingOne) {
  const pid_t killed = ::fork();
  if (killed == 0) {
    const NewFolder folder(place_);
    write(folder.path() + "/half", "1");
    ::raise(SIGKILL);
  }
  ::waitpid(killed, nullptr, 0);
  ASSERT_EQ(entries(), 1);

  const NewFolder folder(place_);
  EXPECT_EQ(entries(), 1) << "the killed writer's is gone";
  const pid_t beside = ::fork();
  if (beside == 0) {
    { const NewFolder another(place_); }
    ::_exit(fs::exists(folder.path()) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(beside, &status, 0);
  EXPECT_EQ(status, 0) << "the living writer's stays";
}

TEST_F(NewFolderTest, NamesThePathThatCannotBeMade) {
  expect_error(ErrorKind::io, HasSubstr("nowhere/out.unfinished-"), [&] { NewFolder(temp_.file("nowhere/out")); });
  testing::write_file(place_, "0");
  expect_error(ErrorKind::io, HasSubstr(place_), [&] { NewFile file(place_); });
}

TEST_F(NewFolderTest, CopiesAFileOfAnySize) {
  const std::string text((3 << 20) + 17, 'x');
  testing::write_file(place_, text);
  copy_file(place_, place_ + "2");
  EXPECT_EQ(testing::read_file(place_ + "2"), text);
}

}  // namespace
}  // namespace neurosweep
