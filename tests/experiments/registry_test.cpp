#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/experiment.hpp"
#include "framework/store/database.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHead = R"([study]
name = "t"
[models.small]
path = "m"
[tasks.arith]
file = "a.jsonl"
)";

class RegistryTest : public ::testing::Test {
 protected:
  StudySpec study(const std::string& experiments) {
    testing::write_file(dir_.file("study.toml"), kHead + experiments);
    return read_study(dir_.file("study.toml"));
  }
  void expect_refused(const std::string& experiments, const std::string& message) {
    expect_error(ErrorKind::input, HasSubstr(message), [&] { make_experiments(study(experiments)); });
  }
  testing::TempDir dir_;
};

TEST_F(RegistryTest, MakesEveryKind) {
  const auto made =
      make_experiments(study("[models.large]\npath = \"l\"\n"
                             "[[experiment]]\nkind = \"trace\"\n"
                             "[[experiment]]\nkind = \"identify\"\nfrom = \"trace\"\n"
                             "[[experiment]]\nkind = \"sweep\"\ncandidates = \"identify\"\n"
                             "[[experiment]]\nkind = \"suppress\"\nfrom = \"sweep\"\n"
                             "[[experiment]]\nkind = \"predict\"\n"
                             "[[experiment]]\nkind = \"validate\"\nfrom = \"sweep\"\n"
                             "[[experiment]]\nkind = \"race\"\n"
                             "[[experiment]]\nkind = \"minimize\"\nfrom = \"race\"\n"
                             "[[experiment]]\nkind = \"compare\"\nof = [\"identify\", \"race\"]\ntruth = \"sweep\"\n"
                             "[[experiment]]\nkind = \"gradient\"\n"
                             "[[experiment]]\nkind = \"learn\"\nfrom = \"race\"\n"
                             "[[experiment]]\nkind = \"template\"\nfrom = \"trace\"\nneurons = \"race\"\n"
                             "[[experiment]]\nkind = \"monitor\"\n"
                             "[[experiment]]\nkind = \"envelope\"\nneurons = \"race\"\n"
                             "[[experiment]]\nkind = \"constrain\"\nenvelope = \"envelope\"\nfrom = \"learn\"\n"
                             "[[experiment]]\nkind = \"edit\"\nfrom = \"race\"\nop = \"scale\"\n"
                             "[[experiment]]\nkind = \"transfer\"\ndonor = \"large\"\nreceiver = \"small\"\n"
                             "sources = [\"identify\"]\n"
                             "[[experiment]]\nkind = \"steer\"\n"
                             "[[experiment.variant]]\nname = \"push\"\nfrom = \"transfer/ridge/identify\"\n"));

  EXPECT_EQ(made.size(), experiment_kinds().size());
}

TEST_F(RegistryTest, ListsTheKeysOfEveryKind) {
  for (const ExperimentKind& kind : experiment_kinds()) EXPECT_THAT(kind.keys(), HasSubstr("kind")) << kind.name;
}

TEST_F(RegistryTest, NamesTheNearestKindAndKey) {
  expect_refused("[[experiment]]\nkind = \"sweeps\"\n", "did you mean 'sweep'?");
  expect_refused("[[experiment]]\nkind = \"trace\"\natempts = 3\n", "study.toml:9:1: unknown key 'atempts'");
}

TEST_F(RegistryTest, RefusesReferencesToNoEarlierExperiment) {
  expect_refused("[[experiment]]\nkind = \"identify\"\nfrom = \"trace\"\n[[experiment]]\nkind = \"trace\"\n",
                 "no earlier experiment of kind trace (there is none)");
  expect_refused("[[experiment]]\nkind = \"suppress\"\nfrom = \"nothing\"\n",
                 "no earlier experiment of kind sweep or identify");
}

TEST_F(RegistryTest, RefusesUnknownNamesSplitsOpsAndMetrics) {
  expect_refused("[[experiment]]\nkind = \"trace\"\ntasks = [\"arit\"]\n", "did you mean 'arith'?");
  expect_refused("[[experiment]]\nkind = \"trace\"\nsplit = \"train\"\n", "train");
  expect_refused("[[experiment]]\nkind = \"sweep\"\nop = \"zeroo\"\n", "zero");
  expect_refused("[[experiment]]\nkind = \"sweep\"\nmetric = \"accuracy\"\n", "set accuracy = true");
  expect_refused("[[experiment]]\nkind = \"sweep\"\nop = \"mean\"\n", "mean_from");
  expect_refused("[[experiment]]\nkind = \"race\"\nerror = 0.0\n", "between 0 and 1");
}

TEST_F(RegistryTest, RefusesTransferCandidatesWhoseRowNoStoreTakes) {
  const auto check = [&](const std::string& keys) {
    const auto made = make_experiments(
        study("[models.large]\npath = \"l\"\n[[experiment]]\nkind = \"trace\"\n"
              "[[experiment]]\nkind = \"identify\"\nfrom = \"trace\"\n[[experiment]]\n"
              "kind = \"transfer\"\ndonor = \"large\"\nreceiver = \"small\"\nsources = [\"identify\"]\n" +
              keys));
    StudyIdentity identity;
    identity.models = {{"large", "l", "c", "t", "llama", 2, 28672, 64, 4, 100, "f32"},
                       {"small", "m", "c", "t", "llama", 2, 900, 64, 4, 100, "f32"}};
    made.back()->check(create_or_open_results(dir_.file("store"), identity));
  };

  expect_error(
      ErrorKind::input,
      HasSubstr("candidates = 1024 for each of 28672 neurons of a layer make a row of 309 MB, more than the 268 "
                "MB that a store takes: give at most 780"),
      [&] { check("candidates = 1024"); });  // of 900 neurons at most as many are candidates
  check("candidates = 780");
  check("candidates = 1024\nmaps = [\"ridge\"]");
}

TEST_F(RegistryTest, RefusesToProveByTestItemsASetThatTheyChose) {
  const auto experiment = [](const std::string& keys) { return "[[experiment]]\nkind = " + keys + "\n"; };
  const std::string seen = experiment("\"sweep\"\nsplit = \"test\"");
  const std::string seen_trace = experiment("\"trace\"\nsplit = \"all\"");
  const std::string unseen = experiment("\"sweep\"");
  const std::string mean = "op = \"mean\"\nmean_from = \"trace\"";
  const std::string models = "[models.large]\npath = \"l\"\n";
  const auto mapped = [](const std::string& split) {
    return "\"transfer\"\ndonor = \"large\"\nreceiver = \"small\"\nsources = [\"sweep\"]\nsplit = \"" + split + "\"";
  };

  for (const std::string kind : {"suppress", "validate"}) {
    const auto by = [&](const std::string& source, const std::string& keys = "") {
      return experiment("\"" + kind + "\"\nfrom = \"" + source + "\"\n" + keys);
    };
    const std::string proof = "experiment '" + kind + "' suppresses what comes from ";
    expect_refused(seen + by("sweep"), proof + "'sweep', which uses split = \"test\"");
    expect_refused(seen + by("sweep", "split = \"all\""), proof + "'sweep'");
    expect_refused(seen +
                       experiment("\"minimize\"\nfrom = \"sweep\"\nsplit = \"identify\"\nproof_split = \"validate\"") +
                       by("minimize"),
                   proof + "'sweep'");
    expect_refused(seen_trace + experiment("\"sweep\"\n" + mean) + by("sweep"),
                   proof + "'trace', which uses split = \"all\"");
    expect_refused(models + unseen + experiment(mapped("test")) + by("transfer/ridge/sweep"), proof + "'transfer'");
    expect_refused(models + seen + experiment(mapped("identify")) + by("transfer/ridge/sweep"), proof + "'sweep'");
    expect_refused(unseen + seen_trace + by("sweep", mean), "sets neurons to the means of 'trace'");

    make_experiments(study(seen + by("sweep", "split = \"identify\"")));
    make_experiments(study(unseen + seen_trace + by("sweep")));
    make_experiments(study(models + unseen + experiment(mapped("identify")) + by("transfer/ridge/sweep")));
  }
}

TEST_F(RegistryTest, RefusesWhatATransferDoesNotMake) {
  const auto user = [](const std::string& keys, const std::string& from) {
    return "[models.large]\npath = \"l\"\n[[experiment]]\nkind = \"sweep\"\n[[experiment]]\n"
           "kind = \"transfer\"\ndonor = \"large\"\nreceiver = \"small\"\nsources = [\"sweep\"]\n" +
           keys + "[[experiment]]\nkind = \"suppress\"\nfrom = \"" + from + "\"\n";
  };
  const std::string ridge = "maps = [\"ridge\"]\n";

  expect_refused(user(ridge, "transfer/procrustes/sweep"),
                 "'from' of experiment 'suppress' is 'transfer/procrustes/sweep', but transfer 'transfer' makes "
                 "transfer/MAP/SOURCE with MAP ridge, ridge-shuffled and SOURCE sweep, random sweep");
  expect_refused(user(ridge + "shuffled = false\n", "transfer/ridge-shuffled/sweep"),
                 "with MAP ridge and SOURCE sweep, random sweep");
  expect_refused(user(ridge + "random = false\n", "transfer/ridge/random sweep"),
                 "with MAP ridge, ridge-shuffled and SOURCE sweep");
  EXPECT_NO_THROW(make_experiments(study(user(ridge, "transfer/ridge-shuffled/random sweep"))));
  EXPECT_NO_THROW(make_experiments(study(user("", "transfer/identity/sweep"))));
}

TEST_F(RegistryTest, RefusesIdentityBetweenTwoShapesWhereItIsUsed) {
  const auto check = [&](const std::string& from, std::int64_t layers) {
    const auto made = make_experiments(
        study("[models.large]\npath = \"l\"\n[[experiment]]\nkind = \"gradient\"\n[[experiment]]\nkind = \"transfer\"\n"
              "donor = \"large\"\nreceiver = \"small\"\nsources = [\"gradient\"]\n[[experiment]]\nkind = \"steer\"\n"
              "[[experiment.variant]]\nname = \"v\"\nfrom = \"" +
              from + "\"\n"));
    StudyIdentity identity;
    identity.models = {{"large", "l", "c", "t", "llama", layers, 900, 64, 4, 100, "f32"},
                       {"small", "m", "c", "t", "llama", 2, 900, 64, 4, 100, "f32"}};
    made.at(1)->check(create_or_open_results(dir_.file(fmt::format("store-{}", layers)), identity));
  };

  expect_error(ErrorKind::input,
               HasSubstr("experiment 'steer' uses 'transfer/identity/gradient': no identity between 'large' (3 layers"),
               [&] { check("transfer/identity/gradient", 3); });
  expect_error(ErrorKind::input, HasSubstr("uses 'transfer/identity/random gradient'"),
               [&] { check("transfer/identity/random gradient", 3); });
  EXPECT_NO_THROW(check("transfer/identity/gradient", 2));
  EXPECT_NO_THROW(check("transfer/ridge/gradient", 3));
}

TEST_F(RegistryTest, RefusesLimitsOnMoreNeuronsThanAPlanHoldsBeforeTheyAreMeasured) {
  const auto check = [&](const std::string& tasks, std::int64_t layers) {
    const auto made =
        make_experiments(study("[tasks.words]\nfile = \"w.jsonl\"\n[[experiment]]\nkind = \"envelope\"\n"
                               "neurons = \"all\"\n[[experiment]]\nkind = \"constrain\"\n"
                               "envelope = \"envelope\"\n" +
                               tasks));
    StudyIdentity identity;
    identity.models = {{"small", "m", "c", "t", "qwen3", layers, 9728, 2560, 4, 100, "f32"}};
    const Database store = create_or_open_results(dir_.file(std::to_string(layers)), identity);
    for (const auto& experiment : made) experiment->check(store);
  };

  check("tasks = [\"arith\"]\n", 36);
  expect_error(ErrorKind::input,
               HasSubstr("experiment 'constrain': its plan would have 1400832 rows of neurons, and at most 1000000 are "
                         "possible: limit fewer neurons"),
               [&] { check("", 36); });
  expect_error(ErrorKind::input, HasSubstr("experiment 'envelope': its plan would have 1167360 rows of neurons"),
               [&] { check("tasks = [\"arith\"]\n", 120); });
}

TEST_F(RegistryTest, RefusesAProofOnTheItemsOfTheSearch) {
  const std::string sweep = "[[experiment]]\nkind = \"sweep\"\n[[experiment]]\nkind = \"minimize\"\nfrom = \"sweep\"\n";

  expect_refused(sweep + "split = \"test\"\n", "share items");
  expect_refused(sweep + "proof_split = \"all\"\n", "share items");
  expect_refused(
      "[[experiment]]\nkind = \"sweep\"\nsplit = \"test\"\n[[experiment]]\nkind = \"minimize\"\nfrom = \"sweep\"\n",
      "experiment 'minimize' suppresses what comes from 'sweep', which uses split = \"test\"");
  expect_refused(sweep + "metric = \"accuracy\"\n", "expected reasoning_logprob or answer_logprob");
}

}  // namespace
}  // namespace neurosweep
