#include "framework/rank/assignment.hpp"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double weight_of(const std::vector<MatchEdge>& edges, const std::vector<std::int64_t>& partners) {
  double sum = 0;
  for (std::size_t i = 0; i < partners.size(); ++i) {
    double best = 0;
    for (const MatchEdge& edge : edges) {
      if (edge.from == static_cast<std::int64_t>(i) && edge.to == partners[i]) best = std::max(best, edge.weight);
    }
    sum += best;
  }
  return sum;
}

// Tries every matching.
double best_weight(const std::vector<MatchEdge>& edges, std::int64_t row, std::int64_t n_from,
                   std::set<std::int64_t>& taken) {
  if (row == n_from) return 0;
  double best = best_weight(edges, row + 1, n_from, taken);
  for (const MatchEdge& edge : edges) {
    if (edge.from != row || !taken.insert(edge.to).second) continue;
    best = std::max(best, edge.weight + best_weight(edges, row + 1, n_from, taken));
    taken.erase(edge.to);
  }
  return best;
}

TEST(BestMatching, IsAsHeavyAsTheBestOfAllMatchings) {
  std::mt19937_64 bits(7);
  for (int trial = 0; trial < 300; ++trial) {
    const std::int64_t n_from = 1 + static_cast<std::int64_t>(bits() % 6);
    const std::int64_t n_to = 1 + static_cast<std::int64_t>(bits() % 6);
    std::vector<MatchEdge> edges;
    for (std::int64_t i = 0; i < n_from; ++i) {
      for (std::int64_t j = 0; j < n_to; ++j) {
        if (bits() % 3 > 0) edges.push_back({i, j, static_cast<double>(bits() % 8) / 8});
      }
    }

    const auto partners = best_matching(edges, n_from, n_to);

    std::set<std::int64_t> taken, used;
    EXPECT_DOUBLE_EQ(weight_of(edges, partners), best_weight(edges, 0, n_from, taken)) << "trial " << trial;
    for (const std::int64_t to : partners) EXPECT_TRUE(to == -1 || used.insert(to).second) << "trial " << trial;
  }
}

TEST(BestMatching, GivesUpAGoodPairForABetterWhole) {
  const std::vector<MatchEdge> edges = {{0, 0, 0.9}, {0, 1, 0.8}, {1, 0, 0.85}};

  EXPECT_THAT(best_matching(edges, 3, 2), ElementsAre(1, 0, -1));
}

TEST(BestMatching, FindsAPlantedPermutationOfThousands) {
  constexpr std::int64_t kN = 5000;
  std::mt19937_64 bits(3);
  std::vector<std::int64_t> planted(kN);
  for (std::int64_t i = 0; i < kN; ++i) planted[static_cast<std::size_t>(i)] = i;
  std::shuffle(planted.begin(), planted.end(), bits);
  std::vector<MatchEdge> edges;
  for (std::int64_t i = 0; i < kN; ++i) {
    edges.push_back({i, planted[static_cast<std::size_t>(i)], 0.9});
    for (int e = 0; e < 15; ++e) {
      edges.push_back({i, static_cast<std::int64_t>(bits() % kN), static_cast<double>(bits() % 80) / 100});
    }
  }

  EXPECT_EQ(best_matching(edges, kN, kN), planted);
}

TEST(BestMatching, RefusesEdgesThatMakeNoSense) {
  const std::vector<MatchEdge> outside = {{0, 2, 1}}, negative = {{0, 0, -1}};

  expect_error(ErrorKind::input, HasSubstr("does not fit"), [&] { best_matching(outside, 1, 2); });
  expect_error(ErrorKind::input, HasSubstr("weighs -1"), [&] { best_matching(negative, 1, 1); });
}

}  // namespace
}  // namespace neurosweep
