#include "framework/intervene/monitor_reader.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

MonitorReader::MonitorReader(std::span<const NeuronId> neurons, std::int64_t every, const ArchSpec& arch,
                             ModelGroup* group)
    : neurons_(neurons, arch, group), every_(every) {
  if (every < 1) throw input_error("a monitor that reads every {} tokens: expected at least 1", every);
}

bool MonitorReader::wants(Site site, LayerIndex layer) const {
  return site == Site::neuron && !neurons_.places(layer).empty();
}

void MonitorReader::visit(Site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  const auto read = neurons_.read(layer, x);
  const auto places = neurons_.places(layer);
  for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
    if (rows.n_tokens[b] == 0 || rows.sequence[b] < 0) continue;
    State& state = state_of(rows.sequence[b]);
    const std::int64_t prompt =
        std::clamp<std::int64_t>(rows.prompt_length[b] - rows.first_position[b], 0, rows.n_tokens[b]);
    if (layer == neurons_.first_layer()) {
      state.prompt_tokens += prompt;
      state.generated += rows.n_tokens[b] - prompt;
      state.recent_tokens += rows.n_tokens[b] - prompt;
    }
    const auto row = static_cast<std::int64_t>(b);
    for (std::int64_t t = 0; t < rows.n_tokens[b]; ++t) {
      double* const sums = t < prompt ? state.prompt.data() : state.recent.data();
      for (std::size_t k = 0; k < places.size(); ++k) sums[places[k]] += read.at(row, t, k);
    }
    if (prompt == 0) continue;
    for (std::size_t k = 0; k < places.size(); ++k) state.last[places[k]] = read.at(row, prompt - 1, k);
  }
}

void MonitorReader::predicted(const at::Tensor& logits, const std::vector<std::int64_t>& sequences) {
  const at::Tensor logp = at::log_softmax(logits, -1);
  const at::Tensor best = logp.amax(-1).to(at::kFloat).cpu().contiguous();
  const at::Tensor entropy = (logp.exp() * logp).sum(-1).neg().to(at::kFloat).cpu().contiguous();
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const double logprob = best.const_data_ptr<float>()[i], doubt = entropy.const_data_ptr<float>()[i];
    State& state = state_of(sequences[i]);
    state.lowest_logprob = state.predictions == 0 ? logprob : std::min(state.lowest_logprob, logprob);
    state.highest_entropy = state.predictions == 0 ? doubt : std::max(state.highest_entropy, doubt);
    state.logprob += logprob;
    state.entropy += doubt;
    ++state.predictions;
    if (state.generated == state.next_reading) read(state);
  }
}

std::vector<std::vector<float>> MonitorReader::readings(std::int64_t sequence) const {
  const auto found = states_.find(sequence);
  return found == states_.end() ? std::vector<std::vector<float>>{} : found->second.readings;
}

MonitorReader::State& MonitorReader::state_of(std::int64_t sequence) {
  const auto [found, is_new] = states_.try_emplace(sequence);
  if (is_new) {
    const std::size_t K = neurons_.size();
    found->second.prompt.resize(K);
    found->second.running.resize(K);
    found->second.recent.resize(K);
    found->second.last.resize(K);
  }
  return found->second;
}

void MonitorReader::read(State& state) const {
  const auto n = static_cast<double>(state.predictions);
  std::vector<float> signals = {static_cast<float>(state.generated), static_cast<float>(state.logprob / n),
                                static_cast<float>(state.lowest_logprob), static_cast<float>(state.entropy / n),
                                static_cast<float>(state.highest_entropy)};
  const auto append_means = [&](const std::vector<double>& sums, std::int64_t tokens) {
    const double over = static_cast<double>(std::max<std::int64_t>(1, tokens));
    for (const double sum : sums) signals.push_back(static_cast<float>(sum / over));
  };
  for (std::size_t k = 0; k < state.recent.size(); ++k) state.running[k] += state.recent[k];
  append_means(state.prompt, state.prompt_tokens);
  append_means(state.running, state.generated);
  if (state.generated == 0) {
    signals.insert(signals.end(), state.last.begin(), state.last.end());
  } else {
    append_means(state.recent, state.recent_tokens);
  }
  ensure(signals.size() == n_signals(neurons_.size()), "a reading has all signals");
  state.readings.push_back(std::move(signals));
  std::fill(state.recent.begin(), state.recent.end(), 0.0);
  state.recent_tokens = 0;
  state.next_reading = state.generated + every_;
}

}  // namespace neurosweep
