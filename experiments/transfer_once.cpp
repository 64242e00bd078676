#include "experiments/transfer_once.hpp"

#include "experiments/transfer.hpp"

namespace neurosweep {

TransferRows measure_transfer(const OneTransfer& transfer, const ModelPair& models, const SharedTexts& texts) {
  const TransferKeys defaults;
  std::vector<TransferBlockRow> blocks;
  const auto keep = [&](const UnitRows& rows) {
    const auto& measured = rows.get<TransferBlockRow>();
    blocks.insert(blocks.end(), measured.begin(), measured.end());
  };
  const MeasuredTransfer measured{transfer.spec, transfer.donor, transfer.receiver,
                                  [&](const std::string& quantity, const MeasuredTransfer::Visit& visit) {
                                    for (const TransferBlockRow& row : blocks) {
                                      if (row.quantity == quantity) visit(row);
                                    }
                                  }};
  std::ptrdiff_t first = 0;
  for (const std::int64_t n : comparison_batches(std::ssize(texts.donor), defaults.items_per_unit)) {
    const auto batch = [&](const std::vector<ObservedText>& all) -> std::vector<ObservedText> {
      return {all.begin() + first, all.begin() + first + n};
    };
    keep(measure_similarity(models, {batch(texts.donor), batch(texts.receiver)}, transfer.settings.kind));
    first += n;
  }
  for (const auto& tiles : group_tiles(make_layer_similarity(measured), defaults.layers_per_unit, transfer.layers)) {
    keep(measure_maps(models, texts, transfer.settings, tiles, transfer.sets));
  }
  return make_transfer_rows(measured, transfer.sets);
}

}  // namespace neurosweep
