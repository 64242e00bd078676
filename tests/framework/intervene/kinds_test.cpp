#include "framework/intervene/kinds.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"

namespace neurosweep {
namespace {

at::Tensor applied(InterventionKind kind) {
  at::Tensor a = at::tensor({-2.0F, 0.0F, 3.0F});
  kind_info(kind).apply(a, at::tensor({0.5F, 0.5F, -1.0F}));
  return a;
}

TEST(InterventionKinds, DoWhatTheirNamesSay) {
  testing::expect_same_bits(applied(InterventionKind::zero), at::tensor({0.0F, 0.0F, 0.0F}));
  testing::expect_same_bits(applied(InterventionKind::mean), at::tensor({0.5F, 0.5F, -1.0F}));
  testing::expect_same_bits(applied(InterventionKind::set), at::tensor({0.5F, 0.5F, -1.0F}));
  testing::expect_same_bits(applied(InterventionKind::scale), at::tensor({-1.0F, 0.0F, -3.0F}));
  testing::expect_same_bits(applied(InterventionKind::add), at::tensor({-1.5F, 0.5F, 2.0F}));
}

TEST(InterventionKinds, EveryKindIsFoundByItsName) {
  for (const auto& info : intervention_kinds()) {
    EXPECT_EQ(intervention_kind(info.name), info.kind);
    EXPECT_FALSE(info.help.empty()) << info.name;
  }
}

TEST(InterventionKinds, AnUnknownNameIsAnsweredWithTheNearest) {
  expect_error(ErrorKind::input,
               ::testing::HasSubstr("'scael': expected one of zero, mean, scale, add, set; did you mean"),
               [] { intervention_kind("scael"); });
}

TEST(Spans, AreFoundByTheirNames) {
  for (const Span span : {Span::prompt, Span::generated, Span::all, Span::last}) {
    EXPECT_EQ(span_of(span_name(span)), span);
  }
  expect_error(ErrorKind::input, ::testing::HasSubstr("did you mean 'prompt'"), [] { span_of("promt"); });
}

}  // namespace
}  // namespace neurosweep
