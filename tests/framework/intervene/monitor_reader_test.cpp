#include "framework/intervene/monitor_reader.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/intervene/neuron_ranges.hpp"
#include "framework/model/generate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/reference_ops.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::kSlowTwin;
using testing::random_tokens;
using testing::TinyModel;

const std::vector<NeuronId> kNeurons = {
    {LayerIndex(1), NeuronIndex(2)}, {LayerIndex(0), NeuronIndex(1)}, {LayerIndex(1), NeuronIndex(0)}};

std::vector<GenerationRequest> requests_of(const TinyModel& model) {
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto length = 1 + static_cast<std::int64_t>(i * 3 % 5);
    requests.push_back({random_tokens(model.arch, length, i), i, 2 + static_cast<std::int64_t>(i * 5 % 7)});
  }
  return requests;
}

/// A neuron at position t of the slow twin.
double activation(const testing::ReferenceRun& run, NeuronId id, std::int64_t t) {
  return run.neuron[static_cast<std::size_t>(to_int(id.layer))][static_cast<std::size_t>(t)]
                   [static_cast<std::size_t>(to_int(id.neuron))];
}

double mean_activation(const testing::ReferenceRun& run, NeuronId id, std::int64_t begin, std::int64_t end) {
  double sum = 0;
  for (std::int64_t t = begin; t < end; ++t) sum += activation(run, id, t);
  return begin == end ? 0 : sum / static_cast<double>(end - begin);
}

/// The signals after `tokens` generated tokens, `every` apart, from a forward over the fed sequence.
std::vector<double> slow_signals(const testing::ReferenceRun& run, std::int64_t P, std::int64_t tokens,
                                 std::int64_t every) {
  double logprob = 0, lowest = 0, entropy = 0, highest = 0;
  for (std::int64_t t = P - 1; t < P + tokens; ++t) {
    const auto& z = run.logits[static_cast<std::size_t>(t)];
    double total = 0, h = 0;
    for (const double each : z) total += std::exp(each);
    for (const double each : z) h -= std::exp(each) / total * (each - std::log(total));
    const double best = *std::max_element(z.begin(), z.end()) - std::log(total);
    lowest = t == P - 1 ? best : std::min(lowest, best);
    highest = t == P - 1 ? h : std::max(highest, h);
    logprob += best / static_cast<double>(tokens + 1);
    entropy += h / static_cast<double>(tokens + 1);
  }
  std::vector<double> signals = {static_cast<double>(tokens), logprob, lowest, entropy, highest};
  for (const NeuronId id : kNeurons) signals.push_back(mean_activation(run, id, 0, P));
  for (const NeuronId id : kNeurons) signals.push_back(mean_activation(run, id, P, P + tokens));
  for (const NeuronId id : kNeurons) {
    signals.push_back(tokens == 0 ? activation(run, id, P - 1)
                                  : mean_activation(run, id, P + tokens - every, P + tokens));
  }
  return signals;
}

TEST(MonitorReader, ReadsWhatTheSlowTwinComputesAtEveryMoment) {
  constexpr std::int64_t kEvery = 2;
  for (const auto& model : testing::tiny_models()) {
    const auto requests = requests_of(model);
    MonitorReader reader(kNeurons, kEvery, model.arch);

    const auto results = generate(model.decoder(), requests, {}, 3, &reader);

    for (std::size_t i = 0; i < requests.size(); ++i) {
      std::vector<std::int64_t> fed = requests[i].prompt;
      if (!results[i].tokens.empty()) fed.insert(fed.end(), results[i].tokens.begin(), results[i].tokens.end() - 1);
      if (results[i].ended_by_eos && !results[i].tokens.empty()) fed.push_back(results[i].tokens.back());
      const auto P = static_cast<std::int64_t>(requests[i].prompt.size());
      const auto generated = static_cast<std::int64_t>(fed.size()) - P;
      const auto run = testing::reference_forward(model.arch, model.weights, fed);
      const auto readings = reader.readings(static_cast<std::int64_t>(i));

      ASSERT_EQ(static_cast<std::int64_t>(readings.size()), 1 + generated / kEvery) << model.name << " " << i;
      for (std::size_t r = 0; r < readings.size(); ++r) {
        const auto expected = slow_signals(run, P, static_cast<std::int64_t>(r) * kEvery, kEvery);
        ASSERT_EQ(readings[r].size(), expected.size());
        ASSERT_EQ(readings[r].size(), n_signals(kNeurons.size()));
        for (std::size_t s = 0; s < expected.size(); ++s) {
          EXPECT_NEAR(readings[r][s], expected[s], kSlowTwin) << model.name << " signal " << s;
        }
      }
    }
  }
}

TEST(MonitorReader, ChangesNothing) {
  const TinyModel model = testing::tiny_llama();
  const auto requests = requests_of(model);
  MonitorReader reader(kNeurons, 1, model.arch);

  const auto plain = generate(model.decoder(), requests, {1, 1}, 3);
  const auto read = generate(model.decoder(), requests, {1, 1}, 3, &reader);

  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(read[i].tokens, plain[i].tokens);
    EXPECT_EQ(read[i].logprob, plain[i].logprob);
  }
}

TEST(MonitorReader, RefusesNeuronsThatAreNotThere) {
  const TinyModel model = testing::tiny_llama();
  const std::vector<NeuronId> outside = {{LayerIndex(0), NeuronIndex(1 << 20)}}, twice = {kNeurons[0], kNeurons[0]};

  expect_error(ErrorKind::input, ::testing::HasSubstr("outside the model"),
               [&] { MonitorReader(outside, 1, model.arch); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("twice"), [&] { MonitorReader(twice, 1, model.arch); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("no neuron"), [&] { MonitorReader({}, 1, model.arch); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("at least 1"), [&] { MonitorReader(kNeurons, 0, model.arch); });
  EXPECT_TRUE(MonitorReader(kNeurons, 1, model.arch).readings(3).empty());
}

TEST(NeuronRanges, AreTheExtremesOfTheSlowTwin) {
  for (const auto& model : testing::tiny_models()) {
    const auto requests = requests_of(model);
    NeuronRanges ranges(kNeurons, model.arch);

    const auto results = generate(model.decoder(), requests, {}, 3, &ranges);

    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto P = static_cast<std::int64_t>(requests[i].prompt.size());
      std::vector<std::int64_t> fed = requests[i].prompt;
      fed.insert(fed.end(), results[i].tokens.begin(), results[i].tokens.end());
      if (!results[i].ended_by_eos && !results[i].tokens.empty()) fed.pop_back();
      const auto run = testing::reference_forward(model.arch, model.weights, fed);
      const auto range = ranges.of(static_cast<std::int64_t>(i));

      ASSERT_EQ(range.n_tokens, static_cast<std::int64_t>(fed.size()) - P + 1);
      for (std::size_t k = 0; k < kNeurons.size(); ++k) {
        double least = 1e9, largest = -1e9;
        for (std::int64_t t = P - 1; t < static_cast<std::int64_t>(fed.size()); ++t) {
          least = std::min(least, activation(run, kNeurons[k], t));
          largest = std::max(largest, activation(run, kNeurons[k], t));
        }
        EXPECT_NEAR(range.least[k], least, kSlowTwin);
        EXPECT_NEAR(range.largest[k], largest, kSlowTwin);
      }
    }
    EXPECT_EQ(ranges.of(99).n_tokens, 0);
  }
}

}  // namespace
}  // namespace neurosweep
