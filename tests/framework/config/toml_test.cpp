#include "framework/config/toml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

TEST(ParseToml, KeepsValuesAndPlaces) {
  const ConfigNode root = parse_toml_text("[study]\nname = \"a\"\n  seed = 3\n", "s.toml");

  const ConfigNode* seed = root.find("study")->find("seed");
  ASSERT_NE(seed, nullptr);
  EXPECT_EQ(std::get<std::int64_t>(seed->value), 3);
  EXPECT_EQ(to_text(seed->place), "s.toml:3:3");
}

TEST(ParseToml, NamesLineAndColumnOfASyntaxError) {
  expect_error(ErrorKind::input, HasSubstr("s.toml:2:"), [] { parse_toml_text("[a]\nb = = 1\n", "s.toml"); });
}

TEST(ParseToml, RefusesDates) {
  expect_error(ErrorKind::input, HasSubstr("dates"), [] { parse_toml_text("d = 1979-05-27\n", "s.toml"); });
}

TEST(ParseToml, SaysWhenAFileIsAbsent) {
  expect_error(ErrorKind::io, HasSubstr("/nonexistent/x.toml"), [] { parse_toml("/nonexistent/x.toml"); });
}

TEST(CanonicalText, IgnoresOrderAndLayout) {
  const auto a = parse_toml_text("[t]\na = 1\nb = [1, 2]\n", "a");
  const auto b = parse_toml_text("# note\nt = { b = [ 1,2 ], a = 1 }\n", "b");
  const auto c = parse_toml_text("t = { b = [ 2, 1 ], a = 1 }\n", "c");

  EXPECT_EQ(canonical_text(a), canonical_text(b));
  EXPECT_NE(canonical_text(a), canonical_text(c));
}

TEST(ApplySettings, SetsNestedValuesAndArrayElementsByName) {
  auto root = parse_toml_text("[study]\nseed = 1\n[[experiment]]\nname = \"x\"\nitems = 1\n", "s.toml");

  apply_settings(root, {"study.seed=9", "experiment.x.items=4", "models.small.path=some/dir"});

  EXPECT_EQ(std::get<std::int64_t>(root.find("study")->find("seed")->value), 9);
  const auto& array = std::get<ConfigArray>(root.find("experiment")->value);
  EXPECT_EQ(std::get<std::int64_t>(array[0].find("items")->value), 4);
  EXPECT_EQ(std::get<std::string>(root.find("models")->find("small")->find("path")->value), "some/dir");
}

TEST(ApplySettings, RefusesAMalformedAssignmentAndAnUnknownElement) {
  auto root = parse_toml_text("[[experiment]]\nname = \"x\"\n", "s.toml");

  expect_error(ErrorKind::input, HasSubstr("table.key=value"), [&] { apply_settings(root, {"nonsense"}); });
  expect_error(ErrorKind::input, HasSubstr("there are: x"), [&] { apply_settings(root, {"experiment.y.items=1"}); });
}

}  // namespace
}  // namespace neurosweep
