#include "framework/tasks/records.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Records : public ::testing::Test {
 protected:
  std::string written(const std::string& name, const std::string& text) {
    testing::write_file(dir_.file(name), text);
    return dir_.file(name);
  }

  std::vector<std::string> names(const std::string& path, const std::string& list_key = "") {
    std::vector<std::string> found;
    for (const auto& record : read_records(path, list_key)) found.push_back(record.name);
    return found;
  }

  void expect_refusal(const std::string& text, const std::string& what, const std::string& list_key = "") {
    const std::string path = written("bad.json", text);
    expect_error(ErrorKind::input, AllOf(HasSubstr("bad.json"), HasSubstr(what)),
                 [&] { read_records(path, list_key); });
  }

  testing::TempDir dir_;
};

TEST_F(Records, AreTheLinesOfAFile) {
  const auto records = read_records(written("a.jsonl", "{\"x\": 1}\n\n  \r\n{\"x\": \"é\"}"), "");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].object["x"], "é");
  EXPECT_EQ(records[1].name, "4");
  EXPECT_THAT(records[1].place, ::testing::EndsWith("a.jsonl:4"));
}

TEST_F(Records, AreTheElementsOfAnArray) {
  const auto records =
      read_records(written("a.json", "\n[\n {\"x\": \"a]},\\\"\"},\n\n {\"x\": [1, {\"y\": 2}]}\n]\n"), "");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].object["x"], "a]},\"");
  EXPECT_EQ(records[1].object["x"][1]["y"], 2);
  EXPECT_EQ(records[1].name, "2");
  EXPECT_THAT(records[0].place, ::testing::EndsWith("a.json:3"));
  EXPECT_THAT(records[1].place, ::testing::EndsWith("a.json:5"));
}

TEST_F(Records, AreTheElementsUnderAKey) {
  const std::string path = written(
      "a.json", "{\"canary\": \"a, [b\", \"more\": {\"examples\": [1]},\n\"examples\": [{\"x\": 1},\n{\"x\": 2}]}");

  const auto records = read_records(path, "examples");

  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].object["x"], 2);
  EXPECT_THAT(records[1].place, ::testing::EndsWith("a.json:3"));
}

TEST_F(Records, AreUnpackedFromGzip) {
  const std::string path = dir_.file("a.jsonl.gz");
  gzFile file = gzopen(path.c_str(), "wb");
  gzputs(file, "{\"x\": 1}\n{\"x\": 2}\n");
  gzclose(file);

  EXPECT_THAT(names(path), ElementsAre("1", "2"));

  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 6);
  expect_error(ErrorKind::io, HasSubstr("cannot read"), [&] { read_records(path, ""); });
}

TEST_F(Records, OfAFolderOrAPatternAreNamedByTheirFile) {
  written("two.json", "[{\"x\": 1}]");
  written("one.jsonl", "{\"x\": 1}\n{\"x\": 2}\n");
  written("notes.txt", "no JSON");

  EXPECT_THAT(names(dir_.path().string()), ElementsAre("one-1", "one-2", "two-1"));
  EXPECT_THAT(names(dir_.file("*.jsonl")), ElementsAre("1", "2"));
  EXPECT_THAT(names(dir_.file("*o*.json*")), ElementsAre("one-1", "one-2", "two-1"));
  expect_error(ErrorKind::io, HasSubstr("no such file"), [&] { task_files(dir_.file("*.csv")); });
  expect_error(ErrorKind::io, HasSubstr("cannot list"), [&] { task_files(dir_.file("absent/*.json")); });
}

TEST_F(Records, HashesChangeWithAnyOfTheFiles) {
  written("a.json", "[{\"x\": 1}]");
  const std::string one = hash_task_files(dir_.path().string());
  written("b.json", "[{\"x\": 1}]");
  const std::string two = hash_task_files(dir_.path().string());
  written("b.json", "[{\"x\": 2}]");

  EXPECT_NE(one, two);
  EXPECT_NE(hash_task_files(dir_.path().string()), two);
}

TEST_F(Records, APackedFileThatUnpacksToAThousandTimesItsSizeIsRefused) {
  const std::string path = dir_.file("bomb.jsonl.gz");
  const gzFile file = gzopen(path.c_str(), "wb");
  const std::string spaces(1 << 20, ' ');
  for (int megabyte = 0; megabyte < 70; ++megabyte) gzwrite(file, spaces.data(), static_cast<unsigned>(spaces.size()));
  gzclose(file);
  ASSERT_LT(std::filesystem::file_size(path), 100000u);

  expect_error(ErrorKind::input, HasSubstr("bomb.jsonl.gz: unpacks to more than 200 times its size"),
               [&] { read_records(path, ""); });
}

TEST_F(Records, SayWhereAFileIsBroken) {
  expect_refusal("{\"x\": 1}\n{\"x\": 2\n{\"x\": 3}\n", "bad.json:2");
  expect_refusal("{\"x\": 1}\n7\n", "bad.json:2: expected a JSON object, found number");
  expect_refusal("[{\"x\": 1},\n{\"x\" 2},\n{\"x\": 3}]", "bad.json:2");
  expect_refusal("[{\"x\": 1},\n{\"x\": 2}\n{\"x\": 3}]", "bad.json:3: not valid JSON: expected ',' or ']'");
  expect_refusal("[{\"x\": 1},\n{\"x\": \"2}", "bad.json:2");
  expect_refusal("\n[{\"x\": 1},\n", "bad.json:2: the array that begins here has no end");
  expect_refusal("[1, 2]", "expected a JSON object, found number");
  expect_refusal("[]", "no items");
  expect_refusal("\n\n", "no items");
  expect_refusal("{\"others\": [{}]}", "expected a JSON object with an array under \"examples\"", "examples");
  expect_refusal("{\"examples\": []}", "no items", "examples");
  expect_error(ErrorKind::io, HasSubstr("cannot open"), [&] { read_records(dir_.file("absent.json"), ""); });
}

}  // namespace
}  // namespace neurosweep
