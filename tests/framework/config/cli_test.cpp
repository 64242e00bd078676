#include "framework/config/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct RunWords {
  std::string study, store;
  std::vector<std::string> settings;
  std::int64_t threads = 1;
  bool json = false;

  CommandLine line() {
    CommandLine command("run STUDY.toml [options]", "Runs a study.");
    command.positional("STUDY.toml", study, "the study file");
    command.option("store", store, "result folder").option("set", settings, "key=value");
    command.option("threads", threads, "threads").flag("json", json, "JSON");
    return command;
  }
};

TEST(CommandLine, BindsWordsOptionsAndFlags) {
  RunWords words;

  words.line().parse({"s.toml", "--store", "dir", "--set", "a.b=1", "--set=c.d=2", "--threads", "3", "--json"});

  EXPECT_EQ(words.study, "s.toml");
  EXPECT_EQ(words.store, "dir");
  EXPECT_THAT(words.settings, ElementsAre("a.b=1", "c.d=2"));
  EXPECT_EQ(words.threads, 3);
  EXPECT_TRUE(words.json);
}

TEST(CommandLine, NamesTheNearestOption) {
  RunWords words;

  expect_error(ErrorKind::input, HasSubstr("did you mean --store?"), [&] {
    words.line().parse({"s.toml", "--stor", "x"});
  });
}

TEST(CommandLine, RefusesAMissingWordAndABadNumber) {
  RunWords words;

  expect_error(ErrorKind::input, HasSubstr("STUDY.toml is missing"), [&] { words.line().parse({}); });
  expect_error(ErrorKind::input, HasSubstr("threads"), [&] { words.line().parse({"s.toml", "--threads", "many"}); });
}

TEST(CommandLine, HelpListsEveryOption) {
  RunWords words;

  const std::string help = words.line().help();

  for (const char* name : {"--store", "--set", "--threads", "--json", "STUDY.toml"}) EXPECT_THAT(help, HasSubstr(name));
}

}  // namespace
}  // namespace neurosweep
