#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "framework/base/error.hpp"

namespace neurosweep {

/// Expects `action` to throw an Error of this kind whose text matches.
template <class Matcher, class Action>
void expect_error(ErrorKind kind, const Matcher& text, Action&& action) {
  try {
    action();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    EXPECT_THAT(std::string(failure.what()), text);
    return;
  }
  ADD_FAILURE() << "expected an Error of kind " << kind_name(kind);
}

}  // namespace neurosweep
