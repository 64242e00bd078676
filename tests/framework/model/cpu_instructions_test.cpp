#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "framework/model/cpu/simd.hpp"
#include "framework/model/kv_cache.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using cpu::InstructionSet;

class CpuInstructions : public ::testing::Test {
 protected:
  ~CpuInstructions() override { cpu::use_at_most(InstructionSet::v4); }

  /// Logits of one whole sequence, then of one more token through the cache.
  static std::vector<at::Tensor> logits(const testing::TinyModel& model, InstructionSet set) {
    cpu::use_at_most(set);
    const at::NoGradGuard no_grad;
    const Decoder decoder = model.decoder();
    KvCache cache(model.arch, 1, 24, at::kFloat, at::kCPU);
    const auto tokens = testing::random_tokens(model.arch, 20, 4);
    const at::Tensor all = decoder.forward(padded_tokens({tokens}), full_rows(1, 20, 8), nullptr, &cache);
    BatchRows next = full_rows(1, 1, 8);
    next.first_position = {20};
    return {all, decoder.forward(padded_tokens({{tokens[3]}}), next, nullptr, &cache)};
  }
};

TEST_F(CpuInstructions, OfOlderProcessorsComputeTheSame) {
  for (const auto& model : testing::tiny_models()) {
    const auto best = logits(model, InstructionSet::v4);
    for (const InstructionSet older : {InstructionSet::v3, InstructionSet::plain}) {
      const auto found = logits(model, older);

      testing::expect_close(found[0], best[0], testing::kSameMath);
      testing::expect_close(found[1], best[1], testing::kSameMath);
    }
  }
}

}  // namespace
}  // namespace neurosweep
