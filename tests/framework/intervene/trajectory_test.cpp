#include "framework/intervene/trajectory.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/model/generate.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using testing::random_tokens;
using testing::TinyModel;

double norm_of_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t d = 0; d < a.size(); ++d) squares += (a[d] - b[d]) * (a[d] - b[d]);
  return std::sqrt(squares);
}

double angle_of(const std::vector<double>& a, const std::vector<double>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    dot += a[d] * b[d];
    aa += a[d] * a[d];
    bb += b[d] * b[d];
  }
  return std::acos(dot / std::sqrt(aa * bb));
}

/// The formulas of appendix D with plain loops over the slow twin's residuals, over positions [begin, end).
TraceGeometry slow_geometry(const TinyModel& model, const std::vector<std::int64_t>& tokens, std::size_t begin) {
  const auto run = testing::reference_forward(model.arch, model.weights, tokens);
  const at::Tensor embedded =
      model.decoder().embed(padded_tokens({tokens}), full_rows(1, static_cast<std::int64_t>(tokens.size()), 0));
  const auto layers = static_cast<double>(model.arch.L);
  TraceGeometry sum;
  for (std::size_t t = begin; t < tokens.size(); ++t) {
    const at::Tensor first = embedded.select(0, 0).select(0, static_cast<std::int64_t>(t)).to(at::kDouble).contiguous();
    std::vector<std::vector<double>> h = {
        {first.const_data_ptr<double>(), first.const_data_ptr<double>() + model.arch.D}};
    for (const auto& residual : run.residual) h.push_back(residual[t]);
    double length = 0, turn = 0;
    for (std::size_t l = 0; l + 1 < h.size(); ++l) {
      length += norm_of_difference(h[l + 1], h[l]);
      turn += angle_of(h[l], h[l + 1]);
    }
    ++sum.n_tokens;
    sum.magnitude += length / layers / (norm_of_difference(h.back(), h.front()) + 1e-6);
    sum.angle += turn / layers / (angle_of(h.front(), h.back()) + 1e-6);
  }
  sum.magnitude /= static_cast<double>(sum.n_tokens);
  sum.angle /= static_cast<double>(sum.n_tokens);
  return sum;
}

TEST(Trajectory, OfGenerationsIsThatOfTheSlowTwin) {
  for (const auto& model : testing::tiny_models()) {
    std::vector<GenerationRequest> requests;
    for (std::uint64_t i = 0; i < 8; ++i) {
      const auto length = 1 + static_cast<std::int64_t>(i * 3 % 5);
      requests.push_back({random_tokens(model.arch, length, i), i, 2 + static_cast<std::int64_t>(i * 5 % 7)});
    }
    Trajectory trajectory(model.arch);

    const auto results = generate(model.decoder(), requests, {}, 3, &trajectory);

    for (std::size_t i = 0; i < requests.size(); ++i) {
      const TraceGeometry found = trajectory.of(static_cast<std::int64_t>(i));
      std::vector<std::int64_t> fed = requests[i].prompt;
      if (results[i].tokens.size() > 1) fed.insert(fed.end(), results[i].tokens.begin(), results[i].tokens.end() - 1);
      ASSERT_EQ(found.n_tokens, static_cast<std::int64_t>(fed.size() - requests[i].prompt.size()));
      if (found.n_tokens == 0) continue;
      const TraceGeometry expected = slow_geometry(model, fed, requests[i].prompt.size());
      EXPECT_NEAR(found.magnitude, expected.magnitude, 1e-4 * expected.magnitude);
      EXPECT_NEAR(found.angle, expected.angle, 1e-4 * expected.angle);
    }
  }
}

TEST(Trajectory, OfAStraightPathIsOneOverTheLayers) {
  ArchSpec arch = testing::tiny_llama().arch;
  Trajectory trajectory(arch);
  const BatchRows rows = full_rows(1, 1, 0);
  const at::Tensor direction = at::ones({1, 1, arch.D});
  at::Tensor attention = direction.clone(), mlp = at::zeros_like(direction);

  trajectory.visit(Site::attention_out, LayerIndex{0}, attention, rows);
  trajectory.visit(Site::mlp_out, LayerIndex{0}, mlp, rows);
  for (std::int32_t l = 0; l < arch.L; ++l) {
    at::Tensor h = direction.mul(l + 2.0);
    trajectory.visit(Site::residual, static_cast<LayerIndex>(l), h, rows);
  }

  EXPECT_NEAR(trajectory.of(0).magnitude, 1.0 / static_cast<double>(arch.L), 1e-6);
  EXPECT_EQ(trajectory.of(0).n_tokens, 1);
  EXPECT_EQ(trajectory.of(1).n_tokens, 0);
}

}  // namespace
}  // namespace neurosweep
