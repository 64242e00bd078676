#include "framework/config/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;

TEST(ParseJson, KeepsTheOrderOfKeys) {
  const Json value = parse_json(R"({"z": 1, "a": [2, {"m": null}], "k": "x"})", "text");

  EXPECT_EQ(json_text(value), R"({"z":1,"a":[2,{"m":null}],"k":"x"})");
}

TEST(ParseJson, SaysLineAndColumnOfASyntaxError) {
  expect_error(ErrorKind::input, HasSubstr("study.json:2:6: not valid JSON (syntax error"),
               [] { parse_json("{\"a\": 1,\n \"b\" = 2}", "study.json"); });
}

TEST(ParseJson, RefusesAKeyThatIsThereTwice) {
  expect_error(ErrorKind::input, Eq("text: key 'a' is there twice"),
               [] { parse_json(R"({"a": 1, "b": {"a": 2}, "a": 3})", "text"); });
}

TEST(ParseJson, AllowsEqualKeysInDifferentObjects) {
  const Json value = parse_json(R"([{"a": 1}, {"a": 2, "b": {"a": 3}}])", "text");

  EXPECT_EQ(value[1]["b"]["a"], 3);
}

TEST(ParseJson, RefusesTextAfterTheValue) {
  expect_error(ErrorKind::input, HasSubstr("line:1:3: not valid JSON"), [] { parse_json("1 2", "line"); });
}

TEST(ReadJson, NamesTheFileThatCannotBeOpened) {
  expect_error(ErrorKind::io, AllOf(HasSubstr("/nowhere/config.json"), HasSubstr("No such file")),
               [] { read_json("/nowhere/config.json"); });
}

TEST(ReadJson, ReadsAFile) {
  testing::TempDir dir;
  testing::write_file(dir.file("a.json"), "{\"a\": 1.5}\n");

  EXPECT_EQ(require<double>(read_json(dir.file("a.json")), "a", "a.json"), 1.5);
}

TEST(Require, GivesTypedValues) {
  const Json value = parse_json(R"({"n": 3, "x": 2, "t": "s", "b": true, "l": [1, 2], "w": ["u"]})", "text");

  EXPECT_EQ(require<std::int64_t>(value, "n", "text"), 3);
  EXPECT_EQ(require<double>(value, "x", "text"), 2.0);
  EXPECT_EQ(require<std::string>(value, "t", "text"), "s");
  EXPECT_TRUE(require<bool>(value, "b", "text"));
  EXPECT_THAT(require<std::vector<std::int64_t>>(value, "l", "text"), ElementsAre(1, 2));
  EXPECT_THAT(require<std::vector<std::string>>(value, "w", "text"), ElementsAre("u"));
}

TEST(Require, NamesAMissingKey) {
  const Json value = parse_json(R"({"a": 1, "empty": null})", "text");

  expect_error(ErrorKind::input, Eq("f.json: missing key 'n'"), [&] { require<bool>(value, "n", "f.json"); });
  expect_error(ErrorKind::input, Eq("f.json: missing key 'empty'"), [&] { require<bool>(value, "empty", "f.json"); });
}

TEST(Require, SaysExpectedAndFoundType) {
  const Json value = parse_json(R"({"n": "12", "x": 1.5, "l": [1, "two"], "big": 18446744073709551615})", "text");

  expect_error(ErrorKind::input, Eq("f.json: key 'n' must be an integer of 64 bits, found string \"12\""),
               [&] { require<std::int64_t>(value, "n", "f.json"); });
  expect_error(ErrorKind::input, Eq("f.json: key 'x' must be an integer of 64 bits, found number 1.5"),
               [&] { require<std::int64_t>(value, "x", "f.json"); });
  expect_error(ErrorKind::input, Eq("f.json: key 'l[1]' must be an integer of 64 bits, found string \"two\""),
               [&] { require<std::vector<std::int64_t>>(value, "l", "f.json"); });
  expect_error(ErrorKind::input, HasSubstr("key 'big' must be an integer of 64 bits"),
               [&] { require<std::int64_t>(value, "big", "f.json"); });
}

TEST(Require, NeedsAnObject) {
  expect_error(ErrorKind::input, Eq("f.json: expected a JSON object, found array of 2"),
               [] { require<bool>(parse_json("[1, 2]", "f.json"), "a", "f.json"); });
}

TEST(OptionalOr, FallsBackOnlyWhereTheKeyIsAbsentOrNull) {
  const Json value = parse_json(R"({"a": 1, "empty": null})", "text");

  EXPECT_EQ(optional_or<std::int64_t>(value, "a", 7, "f.json"), 1);
  EXPECT_EQ(optional_or<std::int64_t>(value, "b", 7, "f.json"), 7);
  EXPECT_EQ(optional_or<std::int64_t>(value, "empty", 7, "f.json"), 7);
  expect_error(ErrorKind::input, HasSubstr("key 'a' must be a string"),
               [&] { optional_or<std::string>(value, "a", "x", "f.json"); });
}

TEST(JsonText, ReplacesInvalidUtf8) {
  const Json value = std::string("a\xff");

  EXPECT_EQ(json_text(value), "\"a\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace neurosweep
