#include "experiments/model_ranks.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include "framework/intervene/composite_hook.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/intervene/monitor_reader.hpp"
#include "framework/intervene/neuron_last.hpp"
#include "framework/intervene/neuron_means.hpp"
#include "framework/intervene/steering.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "tests/model_ranks/checkpoints.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using ::testing::HasSubstr;
using testing::InParts;
using testing::random_tokens;

constexpr double kInParts = 1e-4;  ///< largest difference of a decoder in parts, whose sums have another order

/// Keeps every layer's neurons that this rank holds.
class NeuronRecorder final : public ActivationHook {
 public:
  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site, LayerIndex, at::Tensor& x, const BatchRows&) override { layers.push_back(x[0].clone()); }
  std::vector<at::Tensor> layers;
};

TEST_P(InParts, LogitsAndTheRanksNeuronsAreTheWholeDecoders) {
  for (const bool by_operators : {false, true}) {
    const c10::AutoGradMode mode(by_operators);
    const at::Tensor tokens = padded_tokens({random_tokens(arch(), 11, 1), random_tokens(arch(), 7, 2)});
    const BatchRows rows = padded_rows({11, 7}, {11, 7});
    NeuronRecorder all, own;

    const at::Tensor expected = whole().forward(tokens, rows, &all).detach();
    const at::Tensor logits = parts().forward(tokens, rows, &own).detach().contiguous();

    expect_close(logits[0], expected[0], kInParts);
    expect_close(logits[1].narrow(0, 0, 7), expected[1].narrow(0, 0, 7), kInParts);
    const Piece held = neurons_of(parts().arch());
    expect_close(at::stack(own.layers), at::stack(all.layers).narrow(2, held.first, held.count), kInParts);
    expect_same_on_all_ranks(logits.const_data_ptr(), logits.nbytes());
  }
}

TEST_P(InParts, AResultDoesNotDependOnItsNeighboursInTheBatch) {
  const c10::NoGradGuard no_grad;
  const auto first = random_tokens(arch(), 11, 1), second = random_tokens(arch(), 7, 2);

  const at::Tensor together = parts().forward(padded_tokens({first, second}), padded_rows({11, 7}, {11, 7}));
  const at::Tensor alone = parts().forward(padded_tokens({second}), full_rows(1, 7, 7));

  testing::expect_same_bits(together[1].narrow(0, 0, 7), alone[0]);
}

TEST_P(InParts, GenerationsUnderInterventionsAndSteeringAreTheWholeDecoders) {
  const std::int64_t L = arch().L, M = arch().M;
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 4; ++i)
    requests.push_back({random_tokens(arch(), 5 + static_cast<std::int64_t>(i), i), i, 10});
  std::vector<Intervention> edits;
  SteeringVector push;
  for (std::int64_t i = 0; i < M; i += 5) {
    edits.push_back({1, {LayerIndex(i % L), NeuronIndex(i)}, InterventionKind::zero, 0, Span::all});
    push.push_back({{LayerIndex((i + 1) % L), NeuronIndex(i)}, 0.05F, 0.3F, 0.1F});
  }
  const auto run = [&](const Decoder& decoder) {
    InterventionSet interventions(edits, decoder.arch());
    Steering steering({{2, std::make_shared<SteeringVector>(push), {}}}, decoder.arch());
    NeuronMeans means(decoder.arch(), decoder.group());
    NeuronLast last(decoder.arch(), decoder.group());
    CompositeHook hook({&interventions, &steering, &means, &last});
    auto made = generate(decoder, requests, {1.0, 1.0}, 3, &hook);
    interventions.check_applied();
    steering.check_applied();
    std::vector<at::Tensor> kept;
    for (std::int64_t s = 0; s < 4; ++s) {
      EXPECT_EQ(means.count(s) > 0, last.has(s));
      if (means.count(s) > 0) kept.insert(kept.end(), {last.of(s), means.take(s)});
    }
    return std::pair(std::move(made), std::move(kept));
  };

  const auto [expected, expected_means] = run(whole());
  const auto [made, means] = run(parts());

  for (std::size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(made[i].tokens, expected[i].tokens) << "request " << i;
    EXPECT_NEAR(made[i].logprob, expected[i].logprob, 10 * kInParts);
  }
  ASSERT_FALSE(means.empty());
  ASSERT_EQ(means.size(), expected_means.size());
  for (std::size_t i = 0; i < means.size(); ++i) expect_close(means[i], expected_means[i], kInParts);
}

TEST_P(InParts, AMonitorReadsNeuronsOfAllRanks) {
  const auto last = static_cast<std::int32_t>(arch().M - 1);
  const std::vector<NeuronId> neurons = {{LayerIndex(1), NeuronIndex(last)}, {LayerIndex(0), NeuronIndex(0)}};
  const std::vector<GenerationRequest> requests = {{random_tokens(arch(), 5, 1), 0, 6}};
  const auto readings = [&](const Decoder& decoder) {
    MonitorReader reader(neurons, 2, decoder.arch(), decoder.group());
    generate(decoder, requests, {}, 1, &reader);
    return reader.readings(0);
  };

  const auto expected = readings(whole()), mine = readings(parts());

  ASSERT_FALSE(mine.empty());
  ASSERT_EQ(mine.size(), expected.size());
  for (std::size_t i = 0; i < mine.size(); ++i) {
    for (std::size_t k = 0; k < mine[i].size(); ++k) EXPECT_NEAR(mine[i][k], expected[i][k], kInParts);
  }
}

TEST_P(InParts, ARankHoldsItsShareOfTheWeights) {
  const ArchSpec& own = parts().own_sizes();
  const int ranks = Comm::world().size();

  EXPECT_LE(own.M, (arch().M + ranks - 1) / ranks);
  EXPECT_LE(own.V, (arch().V + ranks - 1) / ranks);
  EXPECT_EQ(Comm::world().all_sum(own.M), arch().M);
  EXPECT_EQ(Comm::world().all_sum(own.H), arch().H);
  EXPECT_EQ(Comm::world().all_sum(own.V), arch().V);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, InParts, ::testing::ValuesIn(testing::golden_checkpoints()),
                         testing::checkpoint_name);

TEST(ModelParts, AModelThatCannotBeCutSoOftenIsRefusedWithTheNumbersThatCan) {
  ArchSpec arch = testing::tiny_gpt2().arch;  // 4 heads
  arch.part = {0, 3};
  EXPECT_NO_THROW(check_part(arch));
  arch.part = {0, 8};
  expect_error(ErrorKind::input, HasSubstr("cannot be cut into 8 parts (possible: 1, 2, 3, 4)"),
               [&] { check_part(arch); });
  arch = testing::tiny_llama().arch;  // 4 query heads, 2 key heads
  arch.part = {0, 3};
  expect_error(ErrorKind::input, HasSubstr("(possible: 1, 2, 4)"), [&] { check_part(arch); });
}

TEST(ModelParts, HeadsAreDealtOutWithTheKeyHeadThatTheyRead) {
  ArchSpec arch = testing::tiny_llama().arch;
  arch.H = 14;
  arch.kv_heads = 2;
  std::int64_t next = 0;
  for (int index = 0; index < 4; ++index) {
    arch.part = {index, 4};
    const auto [query, key] = heads_of(arch);
    EXPECT_EQ(query.first, next);
    EXPECT_EQ(key.count, 1);
    EXPECT_EQ(key.first, query.first / 7);
    EXPECT_EQ((query.first + query.count - 1) / 7, key.first) << "all its queries read this key head";
    next = query.first + query.count;
  }
  EXPECT_EQ(next, 14);
}

}  // namespace
}  // namespace neurosweep
