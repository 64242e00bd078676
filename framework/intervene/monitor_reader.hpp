#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "framework/intervene/chosen_neurons.hpp"
#include "framework/intervene/monitor_signals.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// Reads chosen neurons and the model's own confidence while sequences are generated: after the prompt, and after every
/// n generated tokens as soon as the n-th has been fed back, which is before the token behind it is chosen. It keeps
/// sums only: memory grows with the readings, not with the tokens, and nothing of it touches the generation.
class MonitorReader final : public ActivationHook {
 public:
  ///   every   n, tokens between two readings
  ///   throws  Error{input}: every < 1, or as ChosenNeurons
  MonitorReader(std::span<const NeuronId> neurons, std::int64_t every, const ArchSpec& arch,
                ModelGroup* group = nullptr);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override {
    for (const std::int64_t sequence : sequences) states_.erase(sequence);
    return true;
  }
  bool wants_predictions() const override { return true; }
  void predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) override;

  /// Readings of a sequence so far, each a row of signals (monitor_signals.hpp); none before its prompt was fed.
  std::vector<std::vector<float>> readings(std::int64_t sequence) const;

 private:
  /// Sums over the tokens of a sequence that were fed, and over its predictions.
  struct State {
    std::int64_t prompt_tokens = 0, generated = 0, recent_tokens = 0, predictions = 0;
    std::vector<double> prompt;   ///< [K]
    std::vector<double> running;  ///< [K] up to the last reading
    std::vector<double> recent;   ///< [K] since then
    std::vector<float> last;      ///< [K] at the last token of the prompt
    double logprob = 0, entropy = 0;
    double lowest_logprob = 0, highest_entropy = 0;
    std::int64_t next_reading = 0;  ///< generated tokens at which the next one is due
    std::vector<std::vector<float>> readings;
  };
  State& state_of(std::int64_t sequence);
  void read(State& state) const;

  ChosenNeurons neurons_;
  std::int64_t every_;
  std::unordered_map<std::int64_t, State> states_;
};

}  // namespace neurosweep
