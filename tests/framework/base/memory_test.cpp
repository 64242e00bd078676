#include "framework/base/memory.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

TEST(Memory, ReadsAmountsInBothKindsOfUnits) {
  EXPECT_EQ(parse_bytes("8GiB"), std::int64_t{8} << 30);
  EXPECT_EQ(parse_bytes("0.5 MiB"), 1 << 19);
  EXPECT_EQ(parse_bytes("2GB"), 2'000'000'000);
  EXPECT_EQ(parse_bytes("1000"), 1000);
}

TEST(Memory, RefusesWhatIsNoAmount) {
  for (const char* text : {"", "GiB", "8 gigabytes", "-1GiB", "0", "nan", "1e30TB", "8GiBB"}) {
    expect_error(ErrorKind::input, HasSubstr("8GiB"), [&] { parse_bytes(text); });
  }
}

TEST(Memory, ATouchedBlockIsResident) {
  const std::int64_t before = resident_bytes();

  const std::vector<char> block(64 << 20, 1);

  EXPECT_GE(resident_bytes() - before, 60 << 20);
}

}  // namespace
}  // namespace neurosweep
