#include "framework/model/kv_cache.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/model/decoder.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::kSameMath;
using testing::random_tokens;
using testing::TinyModel;

class CacheOfEachFamily : public testing::ForEachFamily {
 protected:
  Decoder decoder_ = model_.decoder();

  KvCache make_cache(std::int64_t rows) const { return {model_.arch, rows, 20, at::kFloat, at::kCPU}; }

  /// Logits of every position of one sequence, without a cache.
  at::Tensor plain(const std::vector<std::int64_t>& tokens) const {
    const auto T = static_cast<std::int64_t>(tokens.size());
    return decoder_.forward(padded_tokens({tokens}), full_rows(1, T, T))[0];
  }

  static std::vector<std::int64_t> part(const std::vector<std::int64_t>& tokens, std::int64_t begin, std::int64_t end) {
    return {tokens.begin() + begin, tokens.begin() + end};
  }
};

INSTANTIATE_TEST_SUITE_P(Families, CacheOfEachFamily, testing::each_family(), testing::family_name);

TEST_P(CacheOfEachFamily, DecodingTokenByTokenEqualsTheFullForward) {
  const auto tokens = random_tokens(model_.arch, 12, 3);
  const at::Tensor expected = plain(tokens);
  KvCache cache = make_cache(1);

  decoder_.forward(padded_tokens({part(tokens, 0, 5)}), full_rows(1, 5, 5), nullptr, &cache);
  for (std::int64_t t = 5; t < 12; ++t) {
    BatchRows rows = full_rows(1, 1, 5);
    rows.first_position = {t};
    const at::Tensor logits = decoder_.forward(padded_tokens({part(tokens, t, t + 1)}), rows, nullptr, &cache);

    expect_close(logits[0][0], expected[t], kSameMath);
  }
  EXPECT_EQ(cache.length(0), 12);
}

TEST_P(CacheOfEachFamily, RowsAtDifferentLengthsWithPaddingAndAnIdleRow) {
  const auto a = random_tokens(model_.arch, 10, 1), b = random_tokens(model_.arch, 9, 2),
             c = random_tokens(model_.arch, 4, 3);
  KvCache cache = make_cache(4);
  decoder_.forward(padded_tokens({part(a, 0, 7), part(b, 0, 3), c}), padded_rows({7, 3, 4}, {7, 3, 4}), nullptr,
                   &cache);

  BatchRows rows = padded_rows({3, 6, 0}, {7, 3, 4});
  rows.first_position = {7, 3, 0};
  const at::Tensor logits = decoder_.forward(padded_tokens({part(a, 7, 10), part(b, 3, 9), {}}), rows, nullptr, &cache);
  BatchRows again = padded_rows({0, 0, 1}, {7, 3, 4});
  again.first_position = {10, 9, 3};
  const at::Tensor after_idling = decoder_.forward(padded_tokens({{}, {}, part(c, 3, 4)}), again, nullptr, &cache);

  expect_close(logits[0].narrow(0, 0, 3), plain(a).narrow(0, 7, 3), kSameMath);
  expect_close(logits[1].narrow(0, 0, 6), plain(b).narrow(0, 3, 6), kSameMath);
  expect_close(after_idling[2][0], plain(c)[3], kSameMath);
}

TEST_P(CacheOfEachFamily, ACopiedRowContinuesTheSameSequence) {
  const auto tokens = random_tokens(model_.arch, 8, 3);
  KvCache first = make_cache(2), second = make_cache(3);
  decoder_.forward(padded_tokens({{1, 2}, part(tokens, 0, 7)}), padded_rows({2, 7}, {2, 7}), nullptr, &first);

  second.copy_row(first, 1, 0);
  BatchRows rows = full_rows(1, 1, 7);
  rows.first_position = {7};
  const at::Tensor logits = decoder_.forward(padded_tokens({part(tokens, 7, 8)}), rows, nullptr, &second);

  expect_close(logits[0][0], plain(tokens)[7], kSameMath);
}

TEST_P(CacheOfEachFamily, ARewoundRowForgetsTheLaterTokens) {
  const auto tokens = random_tokens(model_.arch, 8, 3);
  KvCache cache = make_cache(1);
  decoder_.forward(padded_tokens({random_tokens(model_.arch, 20, 9)}), full_rows(1, 20, 5), nullptr, &cache);
  decoder_.forward(padded_tokens({part(tokens, 0, 5)}), full_rows(1, 5, 5), nullptr, &cache);

  BatchRows rows = full_rows(1, 3, 5);
  rows.first_position = {5};
  const at::Tensor logits = decoder_.forward(padded_tokens({part(tokens, 5, 8)}), rows, nullptr, &cache);

  expect_close(logits[0], plain(tokens).narrow(0, 5, 3), kSameMath);
  EXPECT_EQ(cache.length(0), 8);
}

TEST(KvCache, RefusesAGapAndAnOverflow) {
  const TinyModel model = testing::tiny_llama();
  KvCache cache(model.arch, 1, 4, at::kFloat, at::kCPU);
  BatchRows gap = full_rows(1, 1, 1);
  gap.first_position = {2};

  expect_error(ErrorKind::internal, ::testing::HasSubstr("gap"), [&] { cache.extend(gap); });
  expect_error(ErrorKind::internal, ::testing::HasSubstr("past the end"), [&] { cache.extend(full_rows(1, 5, 5)); });
  expect_error(ErrorKind::internal, ::testing::HasSubstr("more rows"), [&] { cache.extend(full_rows(2, 1, 1)); });
}

}  // namespace
}  // namespace neurosweep
