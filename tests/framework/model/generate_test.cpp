#include "framework/model/generate.hpp"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::kSameMath;
using testing::random_tokens;
using testing::TinyModel;

/// Requests with prompts of different lengths, seeds and limits.
std::vector<GenerationRequest> mixed_requests(const ArchSpec& arch, std::int64_t n) {
  std::vector<GenerationRequest> requests;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    requests.push_back({random_tokens(arch, 1 + i * 5 % 7, 100 + seed), seed, 3 + i * 4 % 13});
  }
  return requests;
}

/// The continuation by a full forward for each token, one sequence at a time.
Generation slow_generation(const Decoder& decoder, const GenerationRequest& request, const SamplingSpec& sampling) {
  Generation result;
  std::vector<std::int64_t> tokens = request.prompt;
  const auto& eos = decoder.arch().eos;
  while (static_cast<std::int64_t>(result.tokens.size()) < request.max_new_tokens) {
    const auto T = static_cast<std::int64_t>(tokens.size());
    const at::Tensor logits = decoder.forward(padded_tokens({tokens}), full_rows(1, T, T)).select(1, T - 1);
    const at::Tensor u = at::full({1}, uniform_at(request.seed, result.tokens.size()), at::kDouble);
    const SampledTokens sampled = sample_tokens(logits, u, sampling);
    result.logprob += sampled.logprobs.item<float>();
    const auto token = sampled.tokens.item<std::int64_t>();
    result.ended_by_eos = std::find(eos.begin(), eos.end(), token) != eos.end();
    if (result.ended_by_eos) break;
    result.tokens.push_back(token);
    tokens.push_back(token);
  }
  return result;
}

void expect_equal(const std::vector<Generation>& actual, const std::vector<Generation>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].tokens, expected[i].tokens) << "request " << i;
    EXPECT_EQ(actual[i].ended_by_eos, expected[i].ended_by_eos) << "request " << i;
    EXPECT_NEAR(actual[i].logprob, expected[i].logprob, 10 * kSameMath) << "request " << i;
  }
}

class GenerationOfEachFamily : public testing::ForEachFamily {
 protected:
  GenerationOfEachFamily() { model_.arch.eos = {3, 11}; }
};

INSTANTIATE_TEST_SUITE_P(Families, GenerationOfEachFamily, testing::each_family(), testing::family_name);

TEST_P(GenerationOfEachFamily, EqualsFullForwardsTokenByTokenWhateverTheSlots) {
  const Decoder decoder = model_.decoder();
  const auto requests = mixed_requests(model_.arch, 9);
  for (const SamplingSpec sampling : {SamplingSpec{}, SamplingSpec{.temperature = 1.2, .top_p = 0.9}}) {
    std::vector<Generation> expected;
    for (const auto& request : requests) expected.push_back(slow_generation(decoder, request, sampling));

    for (const std::int64_t slots : {1, 2, 4, 64}) expect_equal(generate(decoder, requests, sampling, slots), expected);
  }
}

TEST_P(GenerationOfEachFamily, OrderOfRequestsDoesNotChangeAResult) {
  const Decoder decoder = model_.decoder();
  auto requests = mixed_requests(model_.arch, 8);
  const SamplingSpec sampling{.temperature = 1.0};
  auto expected = generate(decoder, requests, sampling, 3);

  std::reverse(requests.begin(), requests.end());
  std::reverse(expected.begin(), expected.end());

  expect_equal(generate(decoder, requests, sampling, 3), expected);
}

TEST(Generate, StopsAtEosAndLeavesItOut) {
  TinyModel model = testing::tiny_llama();
  const GenerationRequest request{random_tokens(model.arch, 5, 1), 0, 8};
  const auto free_run = generate(model.decoder(), {request}, {}, 1)[0];
  const std::int64_t stop = free_run.tokens[2];
  const auto first = std::find(free_run.tokens.begin(), free_run.tokens.end(), stop) - free_run.tokens.begin();
  model.arch.eos = {stop};

  const auto result = generate(model.decoder(), {request}, {}, 1)[0];

  EXPECT_TRUE(result.ended_by_eos);
  EXPECT_EQ(result.tokens, std::vector(free_run.tokens.begin(), free_run.tokens.begin() + first));
}

TEST(Generate, StopsAtTheEndOfTheContext) {
  const TinyModel model = testing::tiny_llama();
  const auto prompt = random_tokens(model.arch, 45, 1);
  const auto full = random_tokens(model.arch, 48, 1);

  const auto results = generate(model.decoder(), {{prompt, 0, 100}, {full, 0, 5}, {prompt, 0, 0}}, {}, 2);

  EXPECT_EQ(results[0].tokens.size(), 3u);
  EXPECT_FALSE(results[0].ended_by_eos);
  EXPECT_TRUE(results[1].tokens.empty());
  EXPECT_TRUE(results[2].tokens.empty());
}

TEST(Generate, ShowsEveryFedTokenOfEveryRequestOnceToTheHook) {
  class CountPositions final : public ActivationHook {
   public:
    bool wants(Site site, LayerIndex layer) const override { return site == Site::neuron && layer == LayerIndex{0}; }
    void visit(Site, LayerIndex, at::Tensor& x, const BatchRows& rows) override {
      EXPECT_EQ(static_cast<std::int64_t>(rows.sequence.size()), x.size(0));
      for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
        EXPECT_EQ(rows.first_position[b], fed[rows.sequence[b]]);
        fed[rows.sequence[b]] += rows.n_tokens[b];
        prompt_length[rows.sequence[b]] = rows.prompt_length[b];
      }
    }
    std::map<std::int64_t, std::int64_t> fed, prompt_length;
  };
  const TinyModel model = testing::tiny_qwen3();
  const auto requests = mixed_requests(model.arch, 7);
  CountPositions hook;

  const auto results = generate(model.decoder(), requests, {}, 3, &hook);

  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto sequence = static_cast<std::int64_t>(i);
    EXPECT_EQ(hook.prompt_length[sequence], static_cast<std::int64_t>(requests[i].prompt.size()));
    EXPECT_EQ(hook.fed[sequence], static_cast<std::int64_t>(requests[i].prompt.size() + results[i].tokens.size() - 1));
  }
}

TEST(Generate, NothingToDoIsAnEmptyResult) {
  EXPECT_TRUE(generate(testing::tiny_llama().decoder(), {}, {}, 4).empty());
}

TEST(Generate, RejectsBadRequests) {
  const TinyModel model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const auto attempt = [&](GenerationRequest request, std::int64_t slots = 1) {
    return [&decoder, request, slots] { generate(decoder, {request}, {}, slots); };
  };

  expect_error(ErrorKind::input, ::testing::HasSubstr("empty prompt"), attempt({{}, 0, 4}));
  expect_error(ErrorKind::input, ::testing::AllOf(::testing::HasSubstr("49"), ::testing::HasSubstr("48")),
               attempt({random_tokens(model.arch, 49, 1), 0, 4}));
  expect_error(ErrorKind::input, ::testing::AllOf(::testing::HasSubstr("29 "), ::testing::HasSubstr("of 29")),
               attempt({{1, 29}, 0, 4}));
  expect_error(ErrorKind::input, ::testing::HasSubstr("token id -1"), attempt({{-1}, 0, 4}));
  expect_error(ErrorKind::input, ::testing::HasSubstr("max_new_tokens -1"), attempt({{1}, 0, -1}));
  expect_error(ErrorKind::input, ::testing::HasSubstr("0 slots"), attempt({{1}, 0, 1}, 0));
}

}  // namespace
}  // namespace neurosweep
