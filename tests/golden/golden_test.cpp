// Parity with transformers on every checkpoint of data/; README.md there says what each tensor is.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/safetensors.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::kGolden;

const std::filesystem::path kData = std::filesystem::path(NS_SOURCE_DIR) / "tests/golden/data";
constexpr int kSequences = 3;
constexpr std::int64_t kNewTokens = 24;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kData))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Keeps a copy of the neuron vectors of every layer.
class NeuronRecorder final : public ActivationHook {
 public:
  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site, LayerIndex, at::Tensor& x, const BatchRows&) override { layers.push_back(x[0].clone()); }

  std::vector<at::Tensor> layers;
};

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  static std::string dir() { return (kData / GetParam()).string(); }

  at::Tensor expected(const std::string& name) const { return answers_.tensor(name); }
  at::Tensor expected(int sequence, const std::string& name) const {
    return expected(std::to_string(sequence) + "." + name);
  }

  static std::vector<std::int64_t> list_of(const at::Tensor& tensor) {
    const auto* data = tensor.const_data_ptr<std::int64_t>();
    return {data, data + tensor.numel()};
  }

  std::vector<std::int64_t> tokens(int sequence) const { return list_of(expected(sequence, "tokens")); }

  NeuronId edited_neuron(std::int64_t edit) const {
    const at::Tensor row = expected("edits")[edit];
    return {static_cast<LayerIndex>(row[0].item<std::int64_t>()),
            static_cast<NeuronIndex>(row[1].item<std::int64_t>())};
  }

  /// The checkpoint with other eos ids.
  static Decoder decoder_ending_at(const std::vector<std::int64_t>& eos) {
    ArchSpec arch = read_arch(dir());
    Weights weights = read_weights(dir(), arch);
    arch.eos = eos;
    return Decoder(std::move(arch), std::move(weights));
  }

  std::vector<GenerationRequest> requests() const {
    std::vector<GenerationRequest> result;
    for (int s = 0; s < kSequences; ++s) result.push_back({tokens(s), 0, kNewTokens});
    return result;
  }

  c10::NoGradGuard no_grad_;
  SafetensorsFile answers_ = SafetensorsFile::open((kData / GetParam() / "expected.safetensors").string());
};

std::string test_name(const ::testing::TestParamInfo<std::string>& each) {
  std::string name = each.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Golden, ::testing::ValuesIn(golden_names()), test_name);

TEST_P(Golden, LogitsAndNeuronsAgree) {
  const Decoder decoder = load_decoder(dir());
  for (int s = 0; s < kSequences; ++s) {
    const auto T = static_cast<std::int64_t>(tokens(s).size());
    NeuronRecorder recorder;

    const at::Tensor logits = decoder.forward(padded_tokens({tokens(s)}), full_rows(1, T, T), &recorder);

    expect_close(logits[0], expected(s, "logits"), kGolden);
    expect_close(at::stack(recorder.layers), expected(s, "neurons"), kGolden);
  }
}

TEST_P(Golden, PaddedBatchAgrees) {
  const Decoder decoder = load_decoder(dir());
  std::vector<std::vector<std::int64_t>> batch;
  std::vector<std::int64_t> lengths;
  for (int s = 0; s < kSequences; ++s) {
    batch.push_back(tokens(s));
    lengths.push_back(static_cast<std::int64_t>(batch.back().size()));
  }

  const at::Tensor logits = decoder.forward(padded_tokens(batch), padded_rows(lengths, lengths));

  for (int s = 0; s < kSequences; ++s) {
    expect_close(logits[s].narrow(0, 0, lengths[static_cast<std::size_t>(s)]), expected(s, "logits"), kGolden);
  }
}

TEST_P(Golden, GreedyGenerationAgreesTokenForToken) {
  const auto results = generate(decoder_ending_at({}), requests(), {}, 2);

  for (int s = 0; s < kSequences; ++s) {
    EXPECT_EQ(results[static_cast<std::size_t>(s)].tokens, list_of(expected(s, "generated"))) << "sequence " << s;
  }
}

TEST_P(Golden, GenerationEndsAtTheSameEos) {
  const Decoder decoder = decoder_ending_at(list_of(expected("eos")));

  const auto results = generate(decoder, requests(), {}, 2);

  for (int s = 0; s < kSequences; ++s) {
    auto wanted = list_of(expected(s, "generated_eos"));
    const bool ended = wanted.back() == decoder.arch().eos.front();
    if (ended) wanted.pop_back();
    EXPECT_EQ(results[static_cast<std::size_t>(s)].tokens, wanted) << "sequence " << s;
    EXPECT_EQ(results[static_cast<std::size_t>(s)].ended_by_eos, ended) << "sequence " << s;
  }
}

TEST_P(Golden, LogitsWithAZeroedNeuronAgree) {
  const Decoder decoder = load_decoder(dir());
  for (int s = 0; s < kSequences; ++s) {
    const auto T = static_cast<std::int64_t>(tokens(s).size());
    for (const int edit : {0, 1}) {
      InterventionSet zeroed({{0, edited_neuron(edit), InterventionKind::zero, 0, Span::all}}, decoder.arch());

      const at::Tensor logits = decoder.forward(padded_tokens({tokens(s)}), full_rows(1, T, T), &zeroed);

      expect_close(logits[0], expected(s, "zero." + std::to_string(edit)), kGolden);
    }
  }
}

TEST_P(Golden, GenerationAfterAHalvedPromptNeuronAgrees) {
  const Decoder decoder = decoder_ending_at({});
  std::vector<Intervention> halved;
  for (int s = 0; s < kSequences; ++s) {
    halved.push_back({s, edited_neuron(2), InterventionKind::scale, 0.5F, Span::prompt});
  }
  InterventionSet set(halved, decoder.arch());

  const auto results = generate(decoder, requests(), {}, 2, &set);

  set.check_applied();
  for (int s = 0; s < kSequences; ++s) {
    EXPECT_EQ(results[static_cast<std::size_t>(s)].tokens, list_of(expected(s, "half.generated"))) << "sequence " << s;
  }
}

TEST_P(Golden, LogitsAfterAHalvedPromptNeuronAgree) {
  const Decoder decoder = load_decoder(dir());
  for (int s = 0; s < kSequences; ++s) {
    auto trace = tokens(s);
    const auto prompt_length = static_cast<std::int64_t>(trace.size());
    const auto continuation = list_of(expected(s, "half.generated"));
    trace.insert(trace.end(), continuation.begin(), continuation.end());
    const BatchRows rows = full_rows(1, static_cast<std::int64_t>(trace.size()), prompt_length);
    InterventionSet halved({{0, edited_neuron(2), InterventionKind::scale, 0.5F, Span::prompt}}, decoder.arch());

    const at::Tensor logits = decoder.forward(padded_tokens({trace}), rows, &halved);

    expect_close(logits[0], expected(s, "half.logits"), kGolden);
  }
}

}  // namespace
}  // namespace neurosweep
