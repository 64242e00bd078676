#include "framework/rank/set_search_proof.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/rank/counter_rng.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

using Values = std::vector<double>;

TEST(ProveShare, IsTheRatioOfMeansNotTheMeanOfRatios) {
  const ShareProof proof = prove_share(Values{-10, -1}, Values{-9, 0}, {}, 1);

  EXPECT_EQ(proof.n, 2);
  EXPECT_DOUBLE_EQ(proof.full_effect, -5.5);
  EXPECT_DOUBLE_EQ(proof.effect, -4.5);
  EXPECT_DOUBLE_EQ(proof.share, 9.0 / 11);
  EXPECT_FALSE(proof.random_effect || proof.random_worst || proof.p);
}

TEST(ProveShare, HasAPointIntervalWhereEveryItemHasTheSameShare) {
  const ShareProof proof = prove_share(Values{-10, -20, -4, -8}, Values{-5, -10, -2, -4}, {}, 1);

  ASSERT_TRUE(proof.interval);
  EXPECT_DOUBLE_EQ(proof.interval->low, 0.5);
  EXPECT_DOUBLE_EQ(proof.interval->high, 0.5);
}

TEST(ProveShare, IntervalsCoverTheTrueShareAtTheirRate) {
  CounterRng rng(11);
  int covered = 0;
  const int repeats = 400;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    Values full, minimal;
    for (int item = 0; item < 40; ++item) {
      const double harm = 5 + 10 * rng.uniform();
      full.push_back(-harm);
      minimal.push_back(-harm * (0.6 + 0.4 * rng.uniform()));
    }

    const ShareProof proof = prove_share(full, minimal, {}, static_cast<std::uint64_t>(repeat));

    covered += proof.interval->low <= 0.8 && 0.8 <= proof.interval->high ? 1 : 0;
  }

  EXPECT_GE(covered, 0.90 * repeats);
  EXPECT_LE(covered, 0.99 * repeats);
}

TEST(ProveShare, HasNoIntervalWhereTheFullEffectIsNotToldFromZero) {
  EXPECT_FALSE(prove_share(Values{-1, 1.2, -0.9, 0.8}, Values{-1, 1, -1, 1}, {}, 1).interval);
  EXPECT_FALSE(prove_share(Values{-1}, Values{-1}, {}, 1).interval);
}

TEST(ProveShare, ComparesWithRandomSetsItemByItem) {
  const Values minimal = {-5, -6, -7, -8, -9, -5, -6, -7};
  const std::vector<Values> random = {{-1, -1, -1, -1, -1, -1, -1, -1}, {-2, -2, -2, -2, -2, -2, -2, -2}};

  const ShareProof proof = prove_share(minimal, minimal, random, 1);

  EXPECT_DOUBLE_EQ(*proof.random_effect, -1.5);
  EXPECT_DOUBLE_EQ(*proof.random_worst, -2);
  EXPECT_DOUBLE_EQ(*proof.p, 2.0 / 256);
}

TEST(ProveShare, RefusesAFullSetWithoutEffect) {
  expect_error(ErrorKind::input, HasSubstr("no share can be told"), [] {
    prove_share(Values{0, 0}, Values{0, 0}, {}, 1);
  });
  expect_error(ErrorKind::input, HasSubstr("at least 1 item"), [] { prove_share({}, {}, {}, 1); });
}

TEST(InteractionOf, IsWhatThePairDoesBeyondTheSum) {
  const PairInteraction pair = interaction_of(Values{-1, -2}, Values{-3, -3}, Values{-9, -10}, 1);

  EXPECT_EQ(pair.n, 2);
  EXPECT_DOUBLE_EQ(pair.effect_a, -1.5);
  EXPECT_DOUBLE_EQ(pair.effect_b, -3);
  EXPECT_DOUBLE_EQ(pair.effect_joint, -9.5);
  EXPECT_DOUBLE_EQ(pair.interaction, -5);
  EXPECT_TRUE(pair.interval);
}

TEST(InteractionOf, DoesNotTakeRoundingForEvidence) {
  const Values a(20, -1), b(20, -2);

  const PairInteraction rounding = interaction_of(a, b, Values(20, -3 - 1e-5), 1);
  const PairInteraction real = interaction_of(a, b, Values(20, -3 - 1e-3), 1);

  EXPECT_EQ(rounding.p, 1);
  EXPECT_LT(real.p, 1e-5);
}

TEST(InteractionOf, IsNoneForEffectsThatAdd) {
  const PairInteraction pair = interaction_of(Values{-1, -2, -4}, Values{-3, -3, -1}, Values{-4, -5, -5}, 1);

  EXPECT_DOUBLE_EQ(pair.interaction, 0);
  EXPECT_DOUBLE_EQ(pair.p, 1);
}

}  // namespace
}  // namespace neurosweep
