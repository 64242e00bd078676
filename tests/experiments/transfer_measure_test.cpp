#include "experiments/transfer_measure.hpp"

#include <gmock/gmock.h>

#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

NeuronId neuron(int layer, int index) {
  return {LayerIndex{layer}, NeuronIndex{index}};
}

std::vector<std::int64_t> donors_of(std::span<const LayerTile> tiles) {
  std::vector<std::int64_t> donors;
  for (const LayerTile& tile : tiles) donors.push_back(tile.donor);
  return donors;
}

// Three donor layers, two of them paired with one layer of the receiver.
class MeasureMapsTest : public ::testing::Test {
 protected:
  MeasureMapsTest() {
    settings_.maps = {kMatchingMap, kRidgeMap, shuffled_map(kRidgeMap), kProcrustesMap};
    for (std::uint64_t i = 0; i < 10; ++i) {
      texts_.donor.push_back({testing::random_tokens(giving_.arch, 12, i), {2, 3, 5, 7, 8, 10, 11}});
      texts_.receiver.push_back({testing::random_tokens(taking_.arch, 12, i + 100), {1, 2, 4, 6, 7, 8, 11}});
    }
  }

  std::vector<TransferBlockRow> measure(const std::vector<DonorSet>& sets) const {
    const Decoder donor = giving_.decoder(), receiver = taking_.decoder();
    const ModelPair models{[&]() -> const Decoder& { return donor; }, [&]() -> const Decoder& { return receiver; }};
    return measure_maps(models, texts_, settings_, tiles_, sets).get<TransferBlockRow>();
  }

  testing::TinyModel giving_ = testing::tiny_llama(), taking_ = testing::tiny_gpt2();
  SharedTexts texts_;
  MapSettings settings_;
  std::vector<LayerTile> tiles_ = {{0, 1, true}, {2, 1, true}, {1, 2, true}};
};

TEST_F(MeasureMapsTest, GivesTheSameRowsHoweverFewDonorLayersAreHeldTogether) {
  const std::vector<DonorSet> sets = {
      {"bare", "*", DonorForm::bare, {{neuron(2, 3)}, {neuron(0, 5)}, {neuron(1, 1)}, {neuron(2, 8)}}},
      {"push", "*", DonorForm::push, {{neuron(2, 3), 3, 0.5}, {neuron(0, 5), 2, -1}, {neuron(1, 1), 1, 0.25}}},
      {"pull", "*", DonorForm::pull, {{neuron(0, 3), 3, 0.5}, {neuron(2, 5), 2, -1}, {neuron(2, 1), 1, 0.25}}}};
  settings_.donor_layers = 3;
  const auto together = measure(sets);

  settings_.donor_layers = 1;
  const auto apart = measure(sets);

  ASSERT_EQ(apart.size(), together.size());
  EXPECT_THAT(together, SizeIs(3 + 3 + 2 + 3 * (3 + 5))) << "candidates, moments, fits and mapped sets";
  for (std::size_t i = 0; i < apart.size(); ++i) {
    EXPECT_EQ(apart[i].quantity, together[i].quantity);
    EXPECT_EQ(apart[i].map, together[i].map);
    EXPECT_EQ(apart[i].source, together[i].source);
    EXPECT_EQ(apart[i].donor_layer, together[i].donor_layer);
    EXPECT_EQ(apart[i].receiver_layer, together[i].receiver_layer);
    EXPECT_EQ(apart[i].block_values, together[i].block_values);
  }
}

TEST_F(MeasureMapsTest, PullsARandomControlAsFarFromItsMeanAsTheTemplate) {
  std::map<std::int64_t, std::vector<float>> means;
  for (const TransferBlockRow& row : measure({})) {
    if (row.quantity == kDonorMoments) means[row.donor_layer] = row.block_values;
  }
  DonorSet control{"random pull", "*", DonorForm::pull, {{neuron(0, 3), 2, 4}, {neuron(1, 5), 1, -3}}};
  control.neurons[0].stands_for = neuron(0, 7);
  control.neurons[1].stands_for = neuron(1, 9);
  DonorSet twin = control;
  twin.form = DonorForm::push;
  twin.neurons[0].value = 4 - means.at(0)[7];
  twin.neurons[1].value = -3 - means.at(1)[9];

  std::vector<std::vector<float>> mapped;
  for (const TransferBlockRow& row : measure({control, twin})) {
    if (row.quantity == kMappedPush) mapped.push_back(row.block_values);
  }

  ASSERT_THAT(mapped, SizeIs(3 * 2 * 2)) << "maps, receiver layers, sets";
  for (std::size_t i = 0; i < mapped.size(); i += 2) {
    EXPECT_THAT(mapped[i], ::testing::Pointwise(::testing::FloatNear(1e-4F), mapped[i + 1]));
  }
}

TEST(DonorSlabs, KeepTheOrderAndAreCutBeforeADonorLayerTooMany) {
  const std::vector<LayerTile> tiles = {{0, 0, true}, {3, 0, true}, {3, 1, false}, {4, 1, true}, {5, 1, true}};

  const auto slabs = donor_slabs(tiles, 2);

  ASSERT_THAT(slabs, SizeIs(2));
  EXPECT_THAT(donors_of(slabs[0]), ElementsAre(0, 3, 3));
  EXPECT_THAT(donors_of(slabs[1]), ElementsAre(4, 5));
  EXPECT_THAT(donor_slabs(tiles, 1), SizeIs(4));
  EXPECT_THAT(donor_slabs(tiles, 9), SizeIs(1));
  EXPECT_THAT(donor_slabs({}, 2), IsEmpty());
}

}  // namespace
}  // namespace neurosweep
