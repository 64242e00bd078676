#include "experiments/verbs/transfer_text.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// A map of one donor layer, to all layers of the receiver together.
struct LayerQuality {
  std::int64_t n = 0;  ///< neurons, or residual streams
  double fit = 0, held_out = 0;
};

LayerQuality layer_quality(const TransferRows& rows, const std::string& map, std::int64_t donor_layer) {
  LayerQuality sum;
  for (const TransferMapRow& row : rows.quality) {
    if (row.map != map || row.donor_layer != donor_layer) continue;
    const std::int64_t n = row.n_matched.value_or(1);
    sum.n += n;
    sum.fit += static_cast<double>(n) * row.fit;
    sum.held_out += static_cast<double>(n) * row.held_out;
  }
  const double n = std::max(1.0, static_cast<double>(sum.n));
  return {sum.n, sum.fit / n, sum.held_out / n};
}

std::string quality_text(const TransferRows& rows, const std::string& map, std::int64_t layer) {
  if (map == kIdentityMap) {
    const auto stay = std::ranges::count_if(rows.matches, [&](const NeuronMatchRow& row) {
      return row.donor_layer == layer && row.receiver_layer == layer && row.donor_neuron == row.receiver_neuron;
    });
    return fmt::format("{} of {} neurons match their namesake best", stay, layer_quality(rows, kMatchingMap, layer).n);
  }
  const LayerQuality own = layer_quality(rows, map, layer), null = layer_quality(rows, shuffled_map(map), layer);
  const std::string numbers = fmt::format("{:.3f} fitted, {:.3f} held out (shuffled {:.3f}, {:.3f})", own.fit,
                                          own.held_out, null.fit, null.held_out);
  if (map == kMatchingMap) return fmt::format("{} neurons matched, mean correlation {}", own.n, numbers);
  return fmt::format("share of the variance explained {}", numbers);
}

}  // namespace

std::string map_quality_text(const TransferRows& rows, const std::string& map) {
  std::string text;
  if (!rows.quality.empty()) {
    text = fmt::format("{} samples to fit on, {} held out\n", rows.quality.front().n_samples,
                       rows.quality.front().n_held_out);
  }
  for (const LayerSimilarityRow& row : rows.similarity) {
    if (row.paired == 0) continue;
    text += fmt::format("layer {} -> {}: CKA {:.3f}; {}\n", row.donor_layer, row.receiver_layer, row.cka,
                        quality_text(rows, map, row.donor_layer));
  }
  return text;
}

std::string made_file_text(const TransferRows& rows, const std::string& path, const SteeringFile& file,
                           std::size_t of) {
  const std::size_t n = file.pattern.neurons.size();
  std::string text = fmt::format("{}: {} of {} neurons for {} of the donor's ('{}')", path,
                                 form_name(file.pattern.form), n, of, file.experiment);
  double similarity = 0;
  const TransferredNeuronRow* made = nullptr;
  for (const TransferredNeuronRow& row : rows.neurons) {
    if (transfer_product(row.experiment, row.map, row.source) != file.experiment) continue;
    similarity += std::abs(row.similarity) / static_cast<double>(n);
    made = &row;
  }
  ensure(made != nullptr, "a file is made of transferred neurons");
  if (made->map == kIdentityMap) return text + '\n';
  return text + fmt::format(", mean {} {:.3f}\n",
                            made->donor_neuron ? "correlation held out" : "cosine with what was mapped", similarity);
}

}  // namespace neurosweep
