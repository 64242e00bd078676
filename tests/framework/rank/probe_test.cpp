#include "framework/rank/probe.hpp"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include "framework/rank/counter_rng.hpp"
#include "framework/rank/reduce_probe.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PlantedTrace;
using testing::SyntheticStore;

TEST(AnovaF, AgreesWithAHandCalculation) {
  // Classes {1, 3} and {5, 7}: between 16, within 2 + 2 over 2 degrees of freedom.
  const FeatureMatrix x{4, {1, 3, 5, 7, 2, 2, 2, 2, 0, 0, 1, 1}};

  const auto f = anova_f(x, std::vector<std::int64_t>{0, 0, 1, 1});

  EXPECT_THAT(f, ElementsAre(8, 0, std::numeric_limits<double>::infinity()));
}

TEST(AreaUnderRoc, CountsOrderedPairsAndTiesHalf) {
  EXPECT_EQ(area_under_roc(std::vector<double>{1, 2, 3, 3}, std::vector<std::int64_t>{0, 1, 0, 1}), 0.625);
  EXPECT_EQ(area_under_roc(std::vector<double>{1, 2}, std::vector<std::int64_t>{1, 1}), std::nullopt);
}

/// 40 items with 4 attempts each; neuron 3 tells correct from incorrect attempts when `signal` is large. Neuron 5 is an
/// item's own number: it gives items away, not outcomes.
ProbeData planted_data(double signal, double item_effect) {
  CounterRng rng(9);
  ProbeData data{{160, std::vector<float>(160 * 8)}, {}, {}};
  for (std::int64_t i = 0; i < 160; ++i) {
    const std::int64_t item = i / 4;
    const double rate = item % 2 == 0 ? 0.5 + item_effect : 0.5 - item_effect;
    data.correct.push_back(rng.uniform() < rate ? 1 : 0);
    data.item.push_back(std::to_string(item));
    for (std::int64_t j = 0; j < 8; ++j) {
      double a = rng.uniform() - 0.5;
      if (j == 3) a += signal * static_cast<double>(data.correct.back());
      if (j == 5) a = static_cast<double>(item % 2);
      data.last.values[static_cast<std::size_t>(j * 160 + i)] = static_cast<float>(a);
    }
  }
  return data;
}

TEST(StratifiedFolds, KeepItemsWholeAndBalanceOutcomes) {
  const ProbeData data = planted_data(0, 0.4);

  const auto fold = stratified_folds(data, 5, 1);

  std::map<std::string, std::set<std::int64_t>> folds_of_item;
  std::vector<double> correct(5), traces(5);
  for (std::size_t i = 0; i < fold.size(); ++i) {
    folds_of_item[data.item[i]].insert(fold[i]);
    correct[fold[i]] += static_cast<double>(data.correct[i]);
    ++traces[fold[i]];
  }
  for (const auto& [item, folds] : folds_of_item) EXPECT_EQ(folds.size(), 1u) << item;
  for (int f = 0; f < 5; ++f) {
    EXPECT_EQ(traces[f], 32);
    EXPECT_NEAR(correct[f] / traces[f], 0.5, 0.1);
  }
}

TEST(Probe, FindsThePlantedNeuron) {
  const auto probe = fit_probe(planted_data(2, 0), {});

  ASSERT_TRUE(probe);
  EXPECT_GT(probe->auroc, 0.98);
  EXPECT_GT(*probe->within_item, 0.98);
  EXPECT_LE(probe->interval->low, probe->auroc);
  EXPECT_GE(probe->interval->high, probe->auroc);
  EXPECT_GT(probe->weights[3], 0);
  for (std::size_t j = 0; j < 8; ++j) EXPECT_LE(std::abs(probe->weights[j]), probe->weights[3]);
  EXPECT_LE(probe->kkt, 1e-4);
}

TEST(Probe, OfNoiseIsNoBetterThanChance) {
  const auto probe = fit_probe(planted_data(0, 0), {});

  ASSERT_TRUE(probe);
  EXPECT_NEAR(probe->auroc, 0.5, 0.12);
}

TEST(Probe, ThatKnowsTheItemOnlyIsAtChanceWithinItems) {
  const auto probe = fit_probe(planted_data(0, 0.4), {});

  ASSERT_TRUE(probe);
  EXPECT_GT(probe->auroc, 0.8);
  EXPECT_NEAR(*probe->within_item, 0.5, 0.12);
}

TEST(Probe, SelectsFeaturesAnewInEveryFold) {
  ProbeSpec one;
  one.features = 1;

  const auto probe = fit_probe(planted_data(2, 0), one);

  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->n_features, 1);
  EXPECT_EQ(probe->folds.size(), 5u * one.grid.size());
  for (std::size_t j = 0; j < 8; ++j) EXPECT_EQ(probe->weights[j] != 0, j == 3);
}

TEST(Probe, NeedsBothOutcomesInEveryTrainingPart) {
  ProbeData data = planted_data(1, 0);
  std::fill(data.correct.begin(), data.correct.end(), 1);
  EXPECT_EQ(fit_probe(data, {}), std::nullopt);

  data.correct[0] = 0;
  EXPECT_EQ(fit_probe(data, {}), std::nullopt);
}

/// Items of "add" with a correct and an incorrect trace; neuron 6 tells them apart.
SyntheticStore& add_probe_traces(SyntheticStore& store) {
  CounterRng rng(2);
  std::vector<PlantedTrace> traces;
  std::vector<ActivationLastRow> last;
  for (int i = 0; i < 60; ++i) {
    std::vector<float> values(8);
    for (float& value : values) value = static_cast<float>(rng.uniform());
    values[6] += i % 2 == 0 ? 3 : 0;
    traces.push_back({"add", std::to_string(i / 2), i % 2, i % 2 == 0, values});
    last.push_back({0, i, 0, 8, 0, values});
  }
  store.add_traces("traces", traces);
  store.db().insert(last);
  return store;
}

TEST(ReduceProbe, WritesAFitScoresASetAndADirectionOfTheContrastsNorm) {
  SyntheticStore store;
  const ContrastSpec spec{"probe", "traces", {"tiny"}, {"add"}, 1, Polarity::any};
  ContrastSpec contrast = spec;
  contrast.experiment = "contrast";

  reduce_probe(add_probe_traces(store).db(), spec, 1);

  reduce_contrast(store.db(), contrast);
  const auto fits = store.db().select<ProbeFitRow>("WHERE task = 'add'");
  ASSERT_EQ(fits.size(), 1u);
  EXPECT_EQ(fits[0].n_traces, 60);
  EXPECT_EQ(fits[0].n_items, 30);
  EXPECT_EQ(fits[0].auroc, 1);
  EXPECT_EQ(store.db().select<NeuronScoreRow>("WHERE task = 'add'").size(), 8u);
  const auto direction = store.db().select<DirectionRow>("WHERE experiment = 'probe' AND task = 'add'");
  const auto reference = store.db().select<DirectionRow>("WHERE experiment = 'contrast' AND task = 'add'");
  ASSERT_EQ(direction.size(), 1u);
  EXPECT_EQ(direction[0].layer * 4 + direction[0].neuron, 6);
  EXPECT_DOUBLE_EQ(direction[0].value, reference.at(0).value);
  EXPECT_EQ(direction[0].source, "probe");
}

TEST(ReduceProbe, SaysHowToKeepLastActivations) {
  SyntheticStore store;
  store.add_traces("traces",
                   {{"add", "0", 0, true, std::vector<float>(8, 1)}, {"add", "0", 1, false, std::vector<float>(8, 0)}});

  try {
    reduce_probe(store.db(), {"probe", "traces", {"tiny"}, {"add"}, 1, Polarity::any}, 1);
    FAIL() << "a probe without activations";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::input);
    EXPECT_THAT(failure.what(), HasSubstr("keep_last = true"));
  }
}

}  // namespace
}  // namespace neurosweep
