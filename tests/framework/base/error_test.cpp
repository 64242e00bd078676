#include "framework/base/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace neurosweep {
namespace {

TEST(Error, KindsHaveDistinctStableExitCodes) {
  const std::vector<ErrorKind> kinds = {ErrorKind::input, ErrorKind::io,     ErrorKind::store,
                                        ErrorKind::mpi,   ErrorKind::device, ErrorKind::internal};
  std::set<int> codes;

  for (ErrorKind kind : kinds) codes.insert(exit_code(kind));

  EXPECT_EQ(codes, (std::set<int>{2, 4, 5, 6, 7, 70}));
}

TEST(Error, CarriesKindAndFormattedText) {
  const Error made = input_error("{}: expected {}, found {}", "a.toml:3:1", "integer", "string");

  EXPECT_EQ(made.kind(), ErrorKind::input);
  EXPECT_STREQ(made.what(), "a.toml:3:1: expected integer, found string");
}

TEST(Nearest, FindsTheMisspelledWordAndNothingForANonsenseWord) {
  const std::vector<std::string> keys = {"temperature", "attempts", "split"};

  EXPECT_EQ(nearest("temprature", keys), "temperature");
  EXPECT_EQ(nearest("attempt", keys), "attempts");
  EXPECT_EQ(nearest("zzzzzz", keys), "");
}

TEST(Ensure, ThrowsInternalOnlyWhenBroken) {
  EXPECT_NO_THROW(ensure(true, "holds"));
  EXPECT_THROW(ensure(false, "broken"), Error);
}

}  // namespace
}  // namespace neurosweep
