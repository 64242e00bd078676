#pragma once

#include <string>
#include <tuple>

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/tiny_model.hpp"

namespace neurosweep::testing {

/// Runs a test with each tiny model, by libtorch's operators (grad mode on) and by the CPU kernels (off).
class ForEachFamily : public ::testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  TinyModel model_ = tiny_models().at(static_cast<std::size_t>(std::get<0>(GetParam())));

 private:
  c10::AutoGradMode grad_mode_{std::get<1>(GetParam())};
};

inline auto each_family() {
  return ::testing::Combine(::testing::Range(0, 4), ::testing::Bool());
}

inline std::string family_name(const ::testing::TestParamInfo<std::tuple<int, bool>>& each) {
  const auto [family, grad] = each.param;
  return tiny_models().at(static_cast<std::size_t>(family)).name + (grad ? "_operators" : "_kernels");
}

}  // namespace neurosweep::testing
