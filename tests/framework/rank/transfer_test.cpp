#include "framework/rank/transfer.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "framework/rank/steering_pattern.hpp"
#include "tests/framework/rank/synthetic_store.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTransfer = "import";

// Donor "tiny" (2 layers of 4 neurons), receiver "wide" (2 layers of 3), and what a transfer's units would measure.
class TransferTest : public ::testing::Test {
 protected:
  TransferTest() {
    ModelRow wide = db().select<ModelRow>().front();
    wide.name = "wide";
    wide.n_neurons_per_layer = 3;
    db().insert(std::vector<ModelRow>{wide});
    RoundRow round;
    round.experiment = kTransfer;
    round.kind = "transfer";
    round.plan_hash = "planned";
    round.n_units = 1;
    round.params = "{}";
    write_round(db(), round);
    db().insert(std::vector<UnitRow>{{0, 0, "unit", 1, 0, 0.1, "2000-01-01T00:00:00Z", 0}});
  }

  Database& db() { return store_.db(); }

  TransferSpec spec(std::vector<std::string> maps) const {
    return {kTransfer, "tiny", "wide", {"found"}, {"add"}, std::move(maps), 0, std::nullopt};
  }

  void add_block(const std::string& quantity, const std::string& map, int donor_layer, int receiver_layer,
                 std::vector<float> values, const std::string& task = "") {
    TransferBlockRow row;
    row.seq = seq_++;
    row.quantity = quantity;
    row.map = map;
    row.source = task.empty() ? "" : "found";
    row.task = task;
    row.donor_layer = donor_layer;
    row.receiver_layer = receiver_layer;
    row.n_samples = 50;
    row.n_held_out = 10;
    row.n = std::ssize(values);
    row.block_values = std::move(values);
    db().insert(std::vector<TransferBlockRow>{row});
  }

  // Layer 0 of the donor is like layer 1 of the receiver, and layer 1 like layer 0. Everything has mean 1 or 2 and
  // standard deviation 2 (donor) or 4 (receiver).
  void add_layers() {
    add_block(kHsicQuantity, "", -1, -1, {0.1F, 1, 0.9F, 0.2F, 1, 1, 1, 1});
    add_block(kHsicQuantity, "", -1, -1, {0.1F, 1, 0.9F, 0.2F, 1, 1, 1, 1});
    for (const int layer : {0, 1}) {
      add_block(kDonorMoments, "", layer, -1, {1, 1, 1, 1, 2, 2, 2, 2});
      add_block(kReceiverMoments, "", -1, layer, {2, 2, 2, 4, 4, 4});
    }
  }

  // Two candidates for each neuron of a donor layer: neuron, fit, held out.
  void add_candidates(const std::string& map = kMatchingMap) {
    add_block(kCandidates, map, 0, 1, {0, 0.9F,  0.8F,  1, 0.8F, 0.1F,    // 0.0: to 0 or nearly as well to 1
                                       0, 0.85F, 0.7F,  2, 0.1F, 0,       // 0.1: to 0
                                       2, -0.5F, -0.5F, 1, 0.2F, 0,       // 0.2: to 2, turned around
                                       2, 0.4F,  0.4F,  0, 0.3F, 0.3F});  // 0.3: nothing is left for it
    add_block(kCandidates, map, 1, 0, {1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0});
  }

  void add_donor(std::vector<std::pair<int, double>> pushes, const std::string& task = "add") {
    std::vector<CriticalSetRow> set;
    std::vector<DirectionRow> directions;
    for (const auto& [neuron, value] : pushes) {
      set.push_back({"found", "tiny", task, std::ssize(set) + 1, 0, neuron, 10.0 - neuron, "planted"});
      if (value != 0) directions.push_back({"found", "tiny", task, 0, neuron, value, "planted"});
    }
    db().insert(set);
    db().insert(directions);
  }

  // Neurons 0.2 and 0.1 with targets 3 above their mean and at it.
  void add_template() {
    add_donor({{2, 0.0}, {1, 0.0}});
    db().insert(std::vector<SuccessTemplateRow>{{"found", "tiny", "add", 0, 2, 7, 4.0, 0.5},
                                                {"found", "tiny", "add", 0, 1, 7, 1.0, 0.5}});
  }

  SteeringPattern made(const std::string& map, const std::string& task = "add", const std::string& source = "found") {
    return read_steering_pattern(db(), transfer_product(kTransfer, map, source), "wide", task);
  }

  testing::SyntheticStore store_;
  std::int64_t seq_ = 0;
};

TEST_F(TransferTest, PairsEachDonorLayerWithTheOneMostLikeIt) {
  add_layers();

  const auto rows = make_layer_similarity(stored_transfer(db(), spec({})));

  ASSERT_THAT(rows, SizeIs(4));
  EXPECT_NEAR(rows[1].cka, 1, 1e-6);
  EXPECT_EQ(rows[1].n_samples, 100);
  EXPECT_EQ(rows[0].paired + rows[3].paired, 0);
  EXPECT_EQ(rows[1].paired + rows[2].paired, 2);
}

TEST_F(TransferTest, MatchesOneToOneForTheBestSumOfCorrelations) {
  add_layers();
  add_candidates();
  std::vector<TransferMapRow> quality;

  const auto rows = match_neurons(stored_transfer(db(), spec({})), kMatchingMap, quality);

  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_EQ(rows[0].receiver_neuron, 1);
  EXPECT_EQ(rows[1].receiver_neuron, 0);
  EXPECT_EQ(rows[2].receiver_neuron, 2);
  EXPECT_EQ(rows[3].donor_layer, 1);
  EXPECT_THAT(rows[2].slope, DoubleNear(-0.5 * 4 / 2, 1e-9));
  ASSERT_THAT(quality, SizeIs(2));
  EXPECT_EQ(quality[0].n_matched, 3);
  EXPECT_NEAR(quality[0].fit, (0.8 + 0.85 + 0.5) / 3, 1e-6);
  EXPECT_NEAR(quality[0].held_out, (0.1 + 0.7 + 0.5) / 3, 1e-6);
}

TEST_F(TransferTest, MovesADirectionToMatchedNeuronsInTheReceiversUnits) {
  add_layers();
  add_candidates();
  add_donor({{2, 3.0}, {1, -1.0}, {3, 5.0}});

  reduce_transfer(db(), spec({kMatchingMap}));

  const SteeringPattern pattern = made(kMatchingMap);
  EXPECT_EQ(pattern.form, SteeringForm::push);
  ASSERT_THAT(pattern.neurons, SizeIs(2)) << "neuron 0.3 has no partner";
  EXPECT_EQ(pattern.neurons[0].id, (NeuronId{LayerIndex{1}, NeuronIndex{2}}));
  EXPECT_NEAR(pattern.neurons[0].value, -3, 1e-6);
  EXPECT_NEAR(pattern.neurons[1].value, -0.85 * 2, 1e-6);
  const auto origin = db().select<TransferredNeuronRow>("ORDER BY rank_no");
  ASSERT_THAT(origin, SizeIs(2));
  EXPECT_EQ(origin[0].donor_neuron, 2);
  EXPECT_NEAR(origin[0].similarity, -0.5, 1e-6);
}

TEST_F(TransferTest, MovesATemplateAboutTheMeansOfBothNeurons) {
  add_layers();
  add_candidates();
  add_template();

  reduce_transfer(db(), spec({kMatchingMap}));

  const SteeringPattern pattern = made(kMatchingMap);
  EXPECT_EQ(pattern.form, SteeringForm::pull);
  ASSERT_THAT(pattern.neurons, SizeIs(2));
  EXPECT_NEAR(pattern.neurons[0].value, 2 - 1 * (4 - 1), 1e-6);
  EXPECT_NEAR(pattern.neurons[0].sd, 0.5, 1e-6);
  EXPECT_NEAR(pattern.neurons[1].value, 2, 1e-6);
}

TEST_F(TransferTest, GivesAShuffledMapTheNormOfTheRealOne) {
  add_layers();
  add_candidates();
  add_candidates(shuffled_map(kMatchingMap));
  add_block(kMappedPush, kRidgeMap, -1, 1, {0.7F, 2, 3, 6, 0, -4, 9}, "add");
  add_block(kMappedPush, shuffled_map(kRidgeMap), -1, 1, {0.1F, 1, 30, 1, 2, 40, 2}, "add");
  add_donor({{2, 3.0}, {1, -1.0}});

  reduce_transfer(db(), spec({kMatchingMap, shuffled_map(kMatchingMap), kRidgeMap, shuffled_map(kRidgeMap)}));

  const auto real = made(kRidgeMap).neurons, control = made(shuffled_map(kRidgeMap)).neurons;
  ASSERT_THAT(real, SizeIs(2));
  EXPECT_NEAR(real[0].value, -4, 1e-6) << "what writes most comes first";
  EXPECT_NEAR(real[1].value, 3, 1e-6);
  ASSERT_THAT(control, SizeIs(2));
  EXPECT_NEAR(std::hypot(control[0].value, control[1].value), 5, 1e-6);
  EXPECT_THAT(db().select<NeuronMatchRow>(), SizeIs(6)) << "the control's partners are not kept";
}

TEST_F(TransferTest, MovesAShuffledTemplateAsFarFromTheMeansAsTheRealOne) {
  add_layers();
  add_candidates();
  add_block(kCandidates, shuffled_map(kMatchingMap), 0, 1,
            {0, 0, 0, 1, 0, 0, 0, 0.1F, 0, 1, 0, 0, 2, 0.2F, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0});
  add_block(kMappedPush, kRidgeMap, -1, 1, {0.7F, 2, 3, 6, 0, -4, 9}, "add");
  add_block(kMappedPush, shuffled_map(kRidgeMap), -1, 1, {0.1F, 1, 30, 1, 2, 40, 2}, "add");
  add_template();

  reduce_transfer(db(), spec({kMatchingMap, shuffled_map(kMatchingMap), kRidgeMap, shuffled_map(kRidgeMap)}));

  const auto matched = made(shuffled_map(kMatchingMap)).neurons, mapped = made(shuffled_map(kRidgeMap)).neurons;
  ASSERT_THAT(matched, SizeIs(2));
  EXPECT_NEAR(matched[0].value, 2 + 3, 1e-6) << "the real one moves it by -3, and this one by 3 times 0.4";
  EXPECT_NEAR(matched[1].value, 2, 1e-6);
  ASSERT_THAT(mapped, SizeIs(2));
  EXPECT_NEAR(mapped[0].value, 2 + 4, 1e-6);
  EXPECT_NEAR(mapped[1].value, 2 + 3, 1e-6);
}

TEST_F(TransferTest, PullsARandomControlAsFarFromItsMeanAsTheTemplate) {
  add_block(kHsicQuantity, "", -1, -1, {0.1F, 1, 0.9F, 0.2F, 1, 1, 1, 1});
  add_block(kDonorMoments, "", 0, -1, {10, 1, 1, 20, 2, 2, 2, 2});
  add_block(kDonorMoments, "", 1, -1, {1, 1, 1, 1, 2, 2, 2, 2});
  add_block(kReceiverMoments, "", -1, 0, {2, 2, 2, 4, 4, 4});
  add_block(kReceiverMoments, "", -1, 1, {5, 6, 7, 4, 4, 4});
  add_block(kCandidates, kMatchingMap, 0, 1,
            {0, 0.5F, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 2, 1, 1, 2, 0, 0, 1, 0.5F, 0, 1, 0, 0});
  add_block(kCandidates, kMatchingMap, 1, 0, std::vector<float>(24, 0));
  add_template();
  TransferSpec wanted = spec({kMatchingMap, kIdentityMap});
  wanted.random_seed = 4;

  reduce_transfer(db(), wanted);

  const auto drawn = made(kIdentityMap, "add", "random found").neurons;
  ASSERT_THAT(drawn, SizeIs(2));
  const auto mean = [](const PatternNeuron& neuron) { return neuron.id.neuron == NeuronIndex{0} ? 10 : 20; };
  EXPECT_NEAR(drawn[0].value, mean(drawn[0]) + 3, 1e-6);
  EXPECT_NEAR(drawn[1].value, mean(drawn[1]), 1e-6);
  const auto matched = made(kMatchingMap, "add", "random found").neurons;
  ASSERT_THAT(matched, SizeIs(2));
  EXPECT_NEAR(matched[0].value, (matched[0].id.neuron == NeuronIndex{0} ? 5 : 6) + 3, 1e-6) << "slope 1 everywhere";
  EXPECT_NEAR(made(kIdentityMap).neurons[0].value, 4, 1e-6);
}

TEST_F(TransferTest, MapsABareSetToNeuronsThatWriteAlike) {
  add_layers();
  add_donor({{0, 0.0}, {1, 0.0}});
  add_block(kCosines, kProcrustesMap, -1, 1, {0, 0, 2, 0.9F, 0, 0, 1, 0.8F, 0, 1, 2, -0.95F, 0, 1, 0, 0.1F}, "add");

  reduce_transfer(db(), spec({kProcrustesMap}));

  const auto rows = db().select<CriticalSetRow>("WHERE model = 'wide' ORDER BY rank_no");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].neuron, 1);
  EXPECT_EQ(rows[1].neuron, 2);
  EXPECT_EQ(rows[0].experiment, "import/procrustes/found");
  EXPECT_THAT(made(kProcrustesMap).neurons, IsEmpty()) << "a bare set has no direction";
}

TEST_F(TransferTest, LeavesOutTheNeuronsBeyondTop) {
  add_donor({{2, 3.0}, {1, -1.0}, {3, 5.0}}, "*");
  add_donor({{1, 1.0}}, "sort");
  TransferSpec wanted = spec({});
  wanted.top = 2;

  const auto sets = read_donor_sets(db(), wanted);

  ASSERT_THAT(sets, SizeIs(1)) << "sort is no task of the transfer";
  ASSERT_THAT(sets[0].neurons, SizeIs(2));
  EXPECT_EQ(sets[0].neurons[1].value, -1);
}

TEST_F(TransferTest, DrawsControlsFromTheSameLayersWithTheSameValues) {
  add_donor({{2, 3.0}, {1, -1.0}});
  TransferSpec wanted = spec({});
  wanted.random_seed = 4;

  const auto sets = read_donor_sets(db(), wanted);

  ASSERT_THAT(sets, SizeIs(2));
  EXPECT_EQ(sets[1].source, "random found");
  ASSERT_THAT(sets[1].neurons, SizeIs(2));
  EXPECT_EQ(sets[1].neurons[0].value, 3);
  EXPECT_EQ(sets[1].neurons[1].value, -1);
  EXPECT_EQ(sets[1].neurons[0].stands_for, sets[0].neurons[0].id);
  EXPECT_EQ(sets[1].neurons[1].stands_for, sets[0].neurons[1].id);
  std::set<int> drawn;
  for (const DonorNeuron& neuron : sets[1].neurons) {
    EXPECT_EQ(neuron.id.layer, LayerIndex{0});
    drawn.insert(to_int(neuron.id.neuron));
  }
  EXPECT_THAT(drawn, ElementsAre(0, 3));
}

TEST_F(TransferTest, RefusesSourcesThatFoundNothingOnTheDonor) {
  expect_error(ErrorKind::input, HasSubstr("no source found a neuron on the donor 'tiny' (found)"),
               [&] { read_donor_sets(db(), spec({})); });
}

}  // namespace
}  // namespace neurosweep
