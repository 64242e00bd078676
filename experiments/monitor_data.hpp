#pragma once

#include <span>
#include <string>
#include <vector>

#include "experiments/monitor.hpp"
#include "framework/rank/alarm_quality.hpp"

namespace neurosweep {

/// A reply with what was read of it.
struct ReadReply {
  std::string task, item, split;
  MonitoredReply outcome;       ///< its readings are filled by a predictor
  std::vector<float> readings;  ///< n_rows times n_signals
  std::size_t n_rows = 0;

  std::span<const float> signals(std::size_t row) const {
    const std::size_t n = readings.size() / n_rows;
    return {readings.data() + row * n, n};
  }
};

/// The stored replies of a model by split, task and draw; those of which nothing could be read are left out.
std::vector<ReadReply> read_replies(const MonitorSpec& keys, const Catalog& catalog, const Database& db,
                                    const std::string& model);

/// Neurons of greatest F between failed and right replies of the first round, by layer. Empty when all failed or none.
std::vector<NeuronId> choose_monitored(const MonitorSpec& keys, const Database& db, const ArchSpec& arch,
                                       const std::string& model);

/// The neurons that the reading round's plan has for a model, by layer.
std::vector<NeuronId> stored_monitored(const MonitorSpec& keys, const Database& db, const std::string& model);

}  // namespace neurosweep
