#include "framework/base/file.hpp"

#include <sys/stat.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/hash.hpp"
#include "framework/base/new_file.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::read_file;

TEST(ReadTextFile, RefusesAPipeAndDoesNotWaitForIt) {
  const testing::TempDir dir;
  const std::string pipe = dir.file("config.json");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);

  expect_error(ErrorKind::io, ::testing::HasSubstr(pipe + ": is a pipe"), [&] { read_text_file(pipe); });
  expect_error(ErrorKind::io, ::testing::HasSubstr(pipe + ": is a pipe"), [&] { hash_file(pipe); });
  EXPECT_EQ(read_text_file("/dev/null"), "");
}

TEST(WriteTextFile, ReplacesALinkAndLeavesWhatItLedTo) {
  const testing::TempDir dir;
  testing::write_file(dir.file("mine"), "precious");
  fs::create_symlink(dir.file("mine"), dir.file("report.md"));
  fs::create_symlink(dir.file("mine"), unfinished_name(dir.file("report.md")));

  write_text_file(dir.file("report.md"), "new");

  EXPECT_EQ(read_file(dir.file("mine")), "precious");
  EXPECT_EQ(read_file(dir.file("report.md")), "new");
  EXPECT_FALSE(fs::is_symlink(dir.file("report.md")));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 2);
}

TEST(WriteTextFile, RefusesWhatIsNoRegularFile) {
  const testing::TempDir dir;
  expect_error(ErrorKind::io, ::testing::HasSubstr("no regular file"),
               [&] { write_text_file(dir.path().native(), "x"); });
  expect_error(ErrorKind::io, ::testing::HasSubstr("cannot be created"),
               [&] { write_text_file(dir.file("absent/x"), "x"); });
}

}  // namespace
}  // namespace neurosweep
