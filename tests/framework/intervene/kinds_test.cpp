#include "framework/intervene/kinds.hpp"

#include <ATen/ATen.h>
#include <utility>

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

TEST(Kinds, OneActivationChangesAsATensorOfThem) {
  for (const KindInfo& kind : intervention_kinds()) {
    at::Tensor a = at::tensor({-2.5F, 0.0F, 3.25F}), value = at::tensor({0.5F, -1.5F, 2.0F});
    const at::Tensor before = a.clone();

    kind.apply(a, value);

    for (std::int64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(kind.apply_to(before[i].item<float>(), value[i].item<float>()), a[i].item<float>()) << kind.name;
    }
  }
}

TEST(Kinds, SpansCoverPartsOfASequence) {
  const auto covers = [](Span span, std::int64_t prompt_length, std::int64_t tokens) {
    const auto [begin, end] = positions_of(span, prompt_length, tokens);
    return std::pair(begin, end);
  };
  EXPECT_EQ(covers(Span::all, 3, 8), std::pair(std::int64_t{0}, std::int64_t{8}));
  EXPECT_EQ(covers(Span::prompt, 3, 8), std::pair(std::int64_t{0}, std::int64_t{3}));
  EXPECT_EQ(covers(Span::generated, 3, 8), std::pair(std::int64_t{3}, std::int64_t{8}));
  EXPECT_EQ(covers(Span::last, 3, 8), std::pair(std::int64_t{2}, std::int64_t{3}));
  EXPECT_EQ(covers(Span::generated, 9, 8), std::pair(std::int64_t{8}, std::int64_t{8}));
}

}  // namespace
}  // namespace neurosweep
