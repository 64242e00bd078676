#include "framework/model/cpu/gemm.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "framework/model/cpu/rows.hpp"
#include "framework/model/ops.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using cpu::Finish;
using cpu::PackedWeight;
using cpu::PanelOrder;
using testing::expect_close;
using testing::expect_same_bits;
using testing::kSameMath;

/// A random linear map and its packed twin.
struct Map {
  Map(std::int64_t out, std::int64_t in, at::ScalarType type, PanelOrder order)
      : weight((at::randn({out, in}, random) / std::sqrt(static_cast<double>(in))).to(type)),
        bias(at::randn({out}, random)),
        packed(pack(order)) {}

  PackedWeight pack(PanelOrder order) const {
    const PackedWeight::RowOf<float> bias_of = [this](std::int64_t o) { return bias.const_data_ptr<float>() + o; };
    const std::int64_t out = weight.size(0), in = weight.size(1);
    if (weight.scalar_type() == at::kBFloat16) {
      const PackedWeight::RowOf<cpu::Bfloat16> row = [this, in](std::int64_t o) {
        return static_cast<const cpu::Bfloat16*>(weight.const_data_ptr()) + o * in;
      };
      return {out, in, row, bias_of, order};
    }
    const PackedWeight::RowOf<float> row = [this, in](std::int64_t o) {
      return weight.const_data_ptr<float>() + o * in;
    };
    return {out, in, row, bias_of, order};
  }

  /// x @ weight^T + bias in f64.
  at::Tensor slow(const at::Tensor& x) const {
    return at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble)).to(at::kFloat);
  }

  at::Tensor fast(const at::Tensor& x, const at::Tensor& start, Finish finish, ActivationKind activation,
                  int threads = 1) const {
    at::Tensor out = start.clone();
    cpu::multiply({x.const_data_ptr<float>(), x.stride(0), x.size(0), packed, out.mutable_data_ptr<float>(),
                   out.stride(0), finish, activation},
                  threads);
    return out;
  }

  at::Generator random = at::detail::createCPUGenerator(8);
  at::Tensor weight, bias;
  PackedWeight packed;
};

TEST(CpuProduct, EqualsTheLinearMapForOddShapesAndBothTypes) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t rows : {1, 5, 14, 15, 43}) {
      for (const std::int64_t out : {1, 16, 31, 33, 100}) {
        for (const std::int64_t in : {1, 7, 96}) {
          const Map map(out, in, type, PanelOrder::plain);
          const at::Tensor x = at::randn({rows, in}, map.random), start = at::randn({rows, out}, map.random);

          expect_close(map.fast(x, start, Finish::store, ActivationKind::silu), map.slow(x), kSameMath);
          expect_close(map.fast(x, start, Finish::add, ActivationKind::silu), start + map.slow(x), kSameMath);
        }
      }
    }
  }
}

TEST(CpuProduct, ActivatesAndMultipliesGatesWithUps) {
  for (const auto kind :
       {ActivationKind::silu, ActivationKind::gelu_tanh, ActivationKind::gelu, ActivationKind::relu}) {
    const Map gated(2 * 50, 24, at::kFloat, PanelOrder::gated), plain(50, 24, at::kFloat, PanelOrder::plain);
    const at::Tensor x = at::randn({9, 24}, gated.random), start = at::zeros({9, 50});

    expect_close(gated.fast(x, start, Finish::activate, kind), gated_activation(gated.slow(x), kind), kSameMath);
    expect_close(plain.fast(x, start, Finish::activate, kind), activate(plain.slow(x), kind), kSameMath);
  }
}

TEST(CpuProduct, ExtremeInputsOfActivationsStayFinite) {
  Map map(1, 1, at::kFloat, PanelOrder::plain);
  map.weight.fill_(1);
  map.bias.zero_();
  map.packed = map.pack(PanelOrder::plain);
  const at::Tensor x = at::tensor({-1e6F, -200.0F, -88.0F, 0.0F, 88.0F, 200.0F, 1e6F}).unsqueeze(1);

  for (const auto kind : {ActivationKind::silu, ActivationKind::gelu_tanh}) {
    expect_close(map.fast(x, at::zeros({7, 1}), Finish::activate, kind), activate(x, kind), kSameMath);
  }
}

TEST(CpuProduct, ARowDependsOnNoOtherRowAndOnNoThread) {
  const Map map(200, 130, at::kFloat, PanelOrder::plain);
  const at::Tensor x = at::randn({300, 130}, map.random), start = at::zeros({300, 200});

  const at::Tensor all = map.fast(x, start, Finish::store, ActivationKind::silu, 1);

  expect_same_bits(map.fast(x, start, Finish::store, ActivationKind::silu, 3), all);
  for (const std::int64_t begin : {0, 17, 299}) {
    const std::int64_t n = std::min<std::int64_t>(5, 300 - begin);
    const at::Tensor part = map.fast(x.narrow(0, begin, n), start.narrow(0, 0, n), Finish::store, ActivationKind::silu);
    expect_same_bits(part, all.narrow(0, begin, n));
  }
}

TEST(CpuRows, NormsEqualTheFormulasForOddWidths) {
  const at::Generator random = at::detail::createCPUGenerator(6);
  for (const std::int64_t width : {1, 7, 16, 17, 96}) {
    const at::Tensor x = at::randn({5, width}, random), weight = at::randn({width}, random);
    const at::Tensor bias = at::randn({width}, random);
    at::Tensor rms = x.clone(), layer = x.clone();

    cpu::rms_norm({rms.mutable_data_ptr<float>(), width, 5}, weight.const_data_ptr<float>(), width, 1e-6F,
                  {rms.mutable_data_ptr<float>(), width, 5});
    cpu::layer_norm({layer.mutable_data_ptr<float>(), width, 5}, weight.const_data_ptr<float>(),
                    bias.const_data_ptr<float>(), width, 1e-5F, {layer.mutable_data_ptr<float>(), width, 5});

    expect_close(rms, x / (x.square().mean(-1, true) + 1e-6).sqrt() * weight, kSameMath);
    expect_close(layer, at::layer_norm(x, {width}, weight, bias, 1e-5), kSameMath);
  }
}

}  // namespace
}  // namespace neurosweep
