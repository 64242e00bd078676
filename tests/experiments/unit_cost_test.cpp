#include "experiments/unit_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "experiments/identity.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SmallCatalogTest : public ::testing::Test {
 protected:
  /// A study of the bundled small reasoner with these keys of [study].
  Catalog catalog(const std::string& keys = "") const {
    const std::string models = std::string(NS_SOURCE_DIR) + "/experiments/models/";
    testing::write_file(dir_.file("study.toml"), "[study]\nname = \"t\"\n" + keys + "\n[models.small]\npath = \"" +
                                                     models + "reasoner-small\"\n[tasks.arith]\nfile = \"" + models +
                                                     "tasks/arith.jsonl\"\ntarget = \"{reasoning}\\nA: {answer}\"\n" +
                                                     "[[experiment]]\nkind = \"sweep\"\n");
    return Catalog(read_study(dir_.file("study.toml")));
  }

  /// A study of a copy of the small reasoner with a chat template.
  Catalog chat_catalog(const std::string& chat, const std::string& chat_template) const {
    const std::string models = std::string(NS_SOURCE_DIR) + "/experiments/models/";
    fs::copy(models + "reasoner-small", dir_.file("model"),
             fs::copy_options::recursive | fs::copy_options::skip_existing);
    testing::write_file(dir_.file("model") + "/chat_template.jinja", chat_template);
    testing::write_file(dir_.file("chat.toml"),
                        "[study]\nname = \"t\"\n[models.small]\npath = \"model\"\n[tasks.arith]\n" +
                            ("file = \"" + models) + "tasks/arith.jsonl\"\nprompt = \"{question}\\n\"\nchat = \"" +
                            chat + "\"\n[[experiment]]\nkind = \"trace\"\n");
    return Catalog(read_study(dir_.file("chat.toml")));
  }

  testing::TempDir dir_;
};

using UnitCost = SmallCatalogTest;
using Identity = SmallCatalogTest;

TEST_F(UnitCost, UnitsWhoseArmsSitInDifferentLayersAreDifferentKinds) {
  Plan plan;
  for (const std::int64_t layer : {0, 0, 3}) {
    plan.arms.push_back({});
    plan.arms.back().layer = layer;
  }
  for (const std::int64_t arm : {0, 1, 2}) plan.units.push_back({"small", "arith", {"arith-identify-000"}, arm, 1});

  const auto queued = queue_units(catalog(), plan, {0, 1, 2}, {});

  EXPECT_EQ(queued[0].kind, queued[1].kind);
  EXPECT_NE(queued[0].kind, queued[2].kind);
  EXPECT_EQ(queued[0].weight, queued[2].weight);
}

TEST_F(UnitCost, WeightIsTextTimesArmsAndFailedUnitsComeLast) {
  Plan plan;
  plan.units = {{"small", "arith", {"arith-identify-000"}, 0, 4},
                {"small", "arith", {"arith-identify-007"}, 0, 4},
                {"small", "arith", {"arith-identify-007"}, 0, 8}};

  const auto queued = queue_units(catalog(), plan, {0, 1, 2}, {{1, 1}});

  EXPECT_LT(queued[0].weight, queued[1].weight);
  EXPECT_EQ(queued[2].weight, 2 * queued[1].weight);
  EXPECT_GT(queued[1].group, queued[0].group);
}

TEST_F(Identity, WhatChangesNoRowIsNoPartOfIt) {
  const auto hash_with = [&](const std::string& keys) { return make_identity(catalog(keys)).study.toml_hash; };

  EXPECT_EQ(hash_with("share_devices = true\nmemory = \"8GiB\"\nunit_deadline = 9"), hash_with(""));
  EXPECT_NE(hash_with("seed = 4"), hash_with(""));
}

TEST_F(Identity, HoldsTheChatStyleThatTheCheckpointSaysAndNothingElseOfItsTemplate) {
  const auto identity = [&](const std::string& chat, const std::string& chat_template) {
    return make_identity(chat_catalog(chat, chat_template));
  };
  const auto id = [&](const std::string& chat, const std::string& chat_template) {
    return make_study_id(identity(chat, chat_template));
  };

  EXPECT_NE(id("model", "<|im_start|>"), id("model", "<|user|>"));
  EXPECT_EQ(id("model", "<|im_start|>"), id("model", "{{ messages }}<|im_start|>"));
  EXPECT_EQ(id("chatml", "<|im_start|>"), id("chatml", "<|user|>"));
  EXPECT_EQ(id("", "<|im_start|>"), id("", "<|user|>"));
  EXPECT_EQ(identity("", "<|im_start|>").tasks.at(0).prompt_template, "{question}\n");
  create_or_open_results(dir_.file("store"), identity("model", "<|im_start|>"));
  expect_error(
      ErrorKind::store,
      HasSubstr("(task arith: template is [chat chatml] {question}\\n there, [chat zephyr] {question}\\n now)"),
      [&] { create_or_open_results(dir_.file("store"), identity("model", "<|user|>")); });
}

}  // namespace
}  // namespace neurosweep
