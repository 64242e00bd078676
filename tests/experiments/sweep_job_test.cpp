#include "experiments/sweep_job.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/model/batch.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

TEST(SweepJob, EffectsEqualTheFullForward) {
  const auto model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder();
  SweepJob job;
  job.prompts.push_back({testing::random_tokens(model.arch, 6, 1), testing::random_tokens(model.arch, 2, 2), 3});
  job.prompts.push_back({testing::random_tokens(model.arch, 6, 3), testing::random_tokens(model.arch, 2, 4), 1});
  for (int l = 0; l < 2; ++l)
    job.neurons.push_back({{LayerIndex(l), NeuronIndex(l + 1)}, InterventionKind::set, 0.4f, Span::all});

  const JobEffects effects = run_sweep_job(decoder, job, {.rows = 4});

  for (std::size_t n = 0; n < job.neurons.size(); ++n) {
    for (std::size_t p = 0; p < job.prompts.size(); ++p) {
      const auto& prompt = job.prompts[p];
      auto tokens = prompt.context;
      tokens.push_back(prompt.answer[0]);
      const auto& arm = job.neurons[n];
      InterventionSet hook({{0, arm.neuron, arm.kind, arm.value, arm.span}}, model.arch);
      double logprob[2], difference[2];
      for (int edited = 0; edited < 2; ++edited) {
        const at::Tensor logits =
            decoder.forward(padded_tokens({tokens}), full_rows(1, 7, 6), edited ? &hook : nullptr)[0];
        const at::Tensor all = at::log_softmax(logits, -1);
        logprob[edited] = all[5][prompt.answer[0]].item<double>() + all[6][prompt.answer[1]].item<double>();
        difference[edited] = logits[5][prompt.answer[0]].item<double>() - logits[5][prompt.foil].item<double>();
      }
      EXPECT_NEAR(effects.logprob[n * 2 + p], logprob[1] - logprob[0], 10 * testing::kSameMath);
      EXPECT_NEAR(effects.logit_difference[n * 2 + p], difference[1] - difference[0], 10 * testing::kSameMath);
    }
  }
}

TEST(SweepJob, RefusesWhatIsNoJob) {
  testing::TempDir dir;
  const auto read = [&](const std::string& text) {
    testing::write_file(dir.file("job.json"), text);
    read_sweep_job(dir.file("job.json"));
  };

  expect_error(ErrorKind::input, HasSubstr("'kind' must be"), [&] { read("{\"kind\":\"steer\"}"); });
  expect_error(ErrorKind::input, HasSubstr("missing key 'name'"), [&] { read("{\"kind\":\"sweep\"}"); });
  expect_error(ErrorKind::input, HasSubstr("prompt 0: missing key 'answer'"),
               [&] { read(R"({"kind":"sweep","name":"n","prompts":[{"context":[1]}],"neurons":[]})"); });
  expect_error(ErrorKind::input, HasSubstr("no prompts, or no neurons"),
               [&] { read(R"({"kind":"sweep","name":"n","prompts":[],"neurons":[]})"); });
}

}  // namespace
}  // namespace neurosweep
