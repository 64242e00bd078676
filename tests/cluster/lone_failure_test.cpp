#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "tests/support/run_program.hpp"

namespace neurosweep {
namespace {

TEST(LoneFailure, ARankThatFailsAloneInItsGroupEndsTheRun) {
  auto words = testing::mpirun_words(2);
  words.back() = NS_LONE_FAILURE;

  const auto result = testing::run_program(words);

  EXPECT_EQ(result.status, exit_status::kDevice) << result.err;
}

}  // namespace
}  // namespace neurosweep
