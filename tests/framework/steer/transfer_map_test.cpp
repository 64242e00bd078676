#include "framework/steer/transfer_map.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include <ATen/ATen.h>

#include "framework/steer/pursuit.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"

namespace neurosweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::expect_close;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  at::Tensor result = at::empty({rows, columns}, at::kDouble);
  for (std::int64_t i = 0; i < result.numel(); ++i) result.mutable_data_ptr<double>()[i] = normal(bits);
  return result;
}

at::Tensor random_rotation(std::int64_t size, std::uint64_t seed) {
  return std::get<0>(at::linalg_qr(random_matrix(size, size, seed)));
}

// The first three quarters are fitted, the rest is held out.
PairedSamples paired(const at::Tensor& a, const at::Tensor& b) {
  const std::int64_t n = a.size(0) * 3 / 4, m = a.size(0) - n;
  const at::Tensor fa = a.to(at::kFloat), fb = b.to(at::kFloat);
  return {fa.narrow(0, 0, n), fb.narrow(0, 0, n), fa.narrow(0, n, m), fb.narrow(0, n, m)};
}

double entry(const at::Tensor& matrix, std::int64_t i, std::int64_t j) {
  return matrix[i][j].item<double>();
}

// HSIC_1 by its definition: sums over all distinct quadruples are folded into traces by hand here.
double slow_hsic(const at::Tensor& x, const at::Tensor& y) {
  const std::int64_t n = x.size(0);
  const auto kernel = [&](const at::Tensor& z, std::int64_t i, std::int64_t j) {
    return z[i].dot(z[j]).item<double>();
  };
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t q = 0; q < n; ++q) {
        for (std::int64_t r = 0; r < n; ++r) {
          if (i == j || i == q || i == r || j == q || j == r || q == r) continue;
          sum += kernel(x, i, j) * (kernel(y, i, j) + kernel(y, q, r) - 2 * kernel(y, i, q));
        }
      }
    }
  }
  const auto count = static_cast<double>(n * (n - 1) * (n - 2) * (n - 3));
  return sum / count;
}

TEST(MeasureHsic, EqualsTheUStatisticOverQuadruples) {
  const std::vector<at::Tensor> a = {random_matrix(7, 3, 1), random_matrix(7, 3, 2).add(2)};
  const std::vector<at::Tensor> b = {random_matrix(7, 5, 3), a[0].matmul(random_matrix(3, 5, 4)),
                                     random_matrix(7, 5, 5)};

  const HsicBatch batch = measure_hsic(a, b);

  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(batch.a[i], slow_hsic(a[i], a[i]), 1e-9);
    for (std::size_t j = 0; j < b.size(); ++j) {
      EXPECT_NEAR(batch.cross[i * b.size() + j], slow_hsic(a[i], b[j]), 1e-9) << i << ", " << j;
    }
  }
  for (std::size_t j = 0; j < b.size(); ++j) EXPECT_NEAR(batch.b[j], slow_hsic(b[j], b[j]), 1e-9);
}

TEST(MeasureHsic, SeesARotationAsTheSameAndNoiseAsNothing) {
  const at::Tensor x = random_matrix(200, 6, 1);
  const std::vector<at::Tensor> others = {x.matmul(random_rotation(6, 2)).mul(3), random_matrix(200, 6, 3)};

  const HsicBatch batch = measure_hsic({x}, others);

  EXPECT_NEAR(batch.cross[0] / std::sqrt(batch.a[0] * batch.b[0]), 1, 1e-9);
  EXPECT_NEAR(batch.cross[1] / std::sqrt(batch.a[0] * batch.b[1]), 0, 0.05);
}

TEST(TopCorrelations, EqualPearsonsCorrelationPairByPair) {
  const at::Tensor a = random_matrix(40, 6, 1), noise = random_matrix(40, 5, 2);
  at::Tensor b = a.matmul(random_matrix(6, 5, 3)).add(noise).add(4);
  b.select(1, 2).fill_(7);
  const PairedSamples samples = paired(a, b);

  const TopCorrelations top = top_correlations(samples, 9);

  const auto pearson = [](const at::Tensor& x, const at::Tensor& y) {
    const at::Tensor cx = x.to(at::kDouble).sub(x.to(at::kDouble).mean()),
                     cy = y.to(at::kDouble).sub(y.to(at::kDouble).mean());
    const double sizes = cx.norm().item<double>() * cy.norm().item<double>();
    return sizes < 1e-9 ? 0 : cx.dot(cy).item<double>() / sizes;
  };
  ASSERT_EQ(top.to.size(1), 5);
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t k = 0; k < 5; ++k) {
      const auto j = top.to[i][k].item<std::int64_t>();
      EXPECT_NEAR(entry(top.fit, i, k), pearson(samples.a.select(1, i), samples.b.select(1, j)), 1e-5);
      EXPECT_NEAR(entry(top.held_out, i, k), pearson(samples.a_held.select(1, i), samples.b_held.select(1, j)), 1e-5);
      EXPECT_GE(std::abs(entry(top.fit, i, std::max<std::int64_t>(k, 1) - 1)), std::abs(entry(top.fit, i, k)));
    }
  }
}

TEST(TopCorrelations, AreTheSameInBlocksOfRows) {
  const at::Tensor a = random_matrix(30, 1100, 1), b = random_matrix(30, 40, 2);
  const PairedSamples all = paired(a, b), late = paired(a.narrow(1, 700, 300), b);

  const TopCorrelations top = top_correlations(all, 3), part = top_correlations(late, 3);

  expect_close(top.fit.narrow(0, 700, 300), part.fit, 1e-6);
  EXPECT_TRUE(top.to.narrow(0, 700, 300).equal(part.to));
}

TEST(FitProcrustes, RecoversAPlantedRotationAndItsScale) {
  const at::Tensor a = random_matrix(400, 24, 1).mul(random_matrix(1, 24, 2).abs().add(0.1)).add(5);
  const at::Tensor rotation = random_rotation(24, 3);
  const at::Tensor b = a.matmul(rotation).mul(1.7).add(random_matrix(400, 24, 4).mul(1e-4)).sub(2);

  const ResidualMap map = fit_procrustes(paired(a, b));

  expect_close(map.matrix.div(1.7), rotation, 1e-3);
  EXPECT_GT(map.held_out, 0.9999);
}

TEST(FitProcrustes, IsPartOfARotationBetweenUnequalWidths) {
  const at::Tensor rotation = random_rotation(12, 1);
  const at::Tensor a = random_matrix(300, 8, 2), wide = a.matmul(rotation.narrow(0, 0, 8));

  const ResidualMap up = fit_procrustes(paired(a, wide)), down = fit_procrustes(paired(wide, a));

  expect_close(up.matrix, rotation.narrow(0, 0, 8), 1e-3);
  expect_close(down.matrix, rotation.narrow(0, 0, 8).t(), 1e-3);
}

TEST(FitProcrustes, ExplainsNothingOfShuffledSamples) {
  const at::Tensor a = random_matrix(600, 8, 1), b = random_matrix(600, 8, 2);

  EXPECT_LT(fit_procrustes(paired(a, b)).held_out, 0.01);
  EXPECT_LT(fit_ridge(paired(a, b), 1e-6).held_out, 0.01);
}

TEST(FitRidge, RecoversALinearMapThatNoRotationFits) {
  const at::Tensor a = random_matrix(500, 10, 1).add(1), matrix = random_matrix(10, 6, 2);
  const at::Tensor b = a.matmul(matrix).add(3);

  const ResidualMap ridge = fit_ridge(paired(a, b), 1e-9), turned = fit_procrustes(paired(a, b));

  expect_close(ridge.matrix, matrix, 1e-4);
  EXPECT_GT(ridge.held_out, 0.999999);
  EXPECT_LT(turned.held_out, ridge.held_out - 0.05);
}

TEST(FitRidge, MakesTheGradientOfThePenalisedErrorZero) {
  const PairedSamples samples = paired(random_matrix(60, 5, 1), random_matrix(60, 4, 2));
  const at::Tensor a = samples.a.to(at::kDouble).sub(samples.a.to(at::kDouble).mean(0, true));
  const at::Tensor b = samples.b.to(at::kDouble).sub(samples.b.to(at::kDouble).mean(0, true));
  const double penalty = 0.3 * a.square().sum().item<double>() / 5;

  const at::Tensor matrix = fit_ridge(samples, 0.3).matrix;

  expect_close(a.t().matmul(a.matmul(matrix).sub(b)).add(matrix.mul(penalty)), at::zeros({5, 4}, at::kDouble), 1e-9);
}

TEST(FitRidge, NeedsSamples) {
  const PairedSamples samples = paired(random_matrix(3, 5, 1), random_matrix(3, 4, 2));

  expect_error(ErrorKind::input, HasSubstr("add texts"), [&] { fit_ridge(samples, 1); });
  expect_error(ErrorKind::input, HasSubstr("add texts"), [&] { top_correlations(samples, 1); });
}

TEST(Pursue, FindsThePlantedColumnsAndWeights) {
  const at::Tensor columns = random_matrix(40, 200, 1);
  const at::Tensor target = columns.select(1, 17).mul(3).sub(columns.select(1, 120).mul(2)).add(columns.select(1, 5));

  const Pursuit found = pursue(target, columns, 10);

  ASSERT_THAT(found.columns, UnorderedElementsAre(17, 120, 5));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(found.weights[i], found.columns[i] == 17 ? 3 : found.columns[i] == 120 ? -2 : 1, 1e-6);
  }
  EXPECT_NEAR(found.cosine, 1, 1e-9);
}

TEST(Pursue, TakesTheClosestColumnWhenItMayHaveOnlyOne) {
  const at::Tensor columns = random_matrix(6, 30, 1), target = random_matrix(1, 6, 2).select(0, 0);
  std::int64_t best = 0;
  double most = 0;
  for (std::int64_t j = 0; j < 30; ++j) {
    const at::Tensor w = columns.select(1, j);
    const double cosine =
        std::abs(w.dot(target).item<double>()) / w.norm().item<double>() / target.norm().item<double>();
    if (cosine > most) best = j;
    most = std::max(most, cosine);
  }

  const Pursuit found = pursue(target, columns, 1);

  EXPECT_THAT(found.columns, ElementsAre(best));
  EXPECT_THAT(found.cosine, DoubleNear(most, 1e-9));
}

TEST(Pursue, AddsNothingToNothing) {
  EXPECT_TRUE(pursue(at::zeros({6}), random_matrix(6, 30, 1), 3).columns.empty());
}

}  // namespace
}  // namespace neurosweep
