#include "framework/tasks/task.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/base/error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TaskFile : public ::testing::Test {
 protected:
  std::vector<TaskItem> read(const std::string& text, const TaskFormat& format = {}) {
    testing::write_file(path_, text);
    return read_task(path_, format);
  }

  std::string refusal(const std::string& text, const TaskFormat& format = {}) {
    try {
      read(text, format);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      return error.what();
    }
    return "no error";
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.file("task.jsonl");
};

std::vector<TaskItem> make_items(int n) {
  std::vector<TaskItem> items;
  for (int i = 0; i < n; ++i) items.push_back({fmt::format("item-{}", i), "q", "a", "", {}});
  return items;
}

std::vector<std::string> ids_of(const std::vector<TaskItem>& items) {
  std::vector<std::string> ids;
  for (const TaskItem& item : items) ids.push_back(item.id);
  return ids;
}

TEST_F(TaskFile, GivesItemsWithAllTheirScalarFieldsAsText) {
  const auto items = read(
      "{\"id\": 7, \"question\": \"1+1?\", \"answer\": 2.5, \"hard\": true, \"steps\": [1], \"split\": \"test\"}\n"
      "\n"
      "{\"id\": \"b\", \"question\": \"é?\", \"answer\": \"x\", \"split\": \"identify\"}\r\n");

  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].id, "7");
  EXPECT_EQ(items[0].answer, "2.5");
  EXPECT_EQ(items[0].split, "test");
  EXPECT_EQ(items[0].fields,
            (std::map<std::string, std::string>{
                {"id", "7"}, {"question", "1+1?"}, {"answer", "2.5"}, {"hard", "true"}, {"split", "test"}}));
  EXPECT_EQ(items[1].question, "é?");
}

TEST_F(TaskFile, ReadsOtherFieldNamesAndNamesItemsByLine) {
  const TaskFormat format = {"", "problem", "solution", ""};

  const auto items = read("\n{\"problem\": \"p\", \"solution\": \"s\", \"split\": \"train\"}", format);

  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].id, "2");
  EXPECT_EQ(items[0].fields.at("question"), "p");
  EXPECT_EQ(items[0].fields.at("solution"), "s");
  EXPECT_EQ(items[0].split, "");
}

TEST_F(TaskFile, SaysWhereAndWhyALineIsWrong) {
  const std::string good = "{\"id\": 1, \"question\": \"q\", \"answer\": \"a\"}\n";

  EXPECT_THAT(refusal(good + "{\"id\": 2,"), AllOf(HasSubstr("task.jsonl:2"), HasSubstr("not valid JSON")));
  EXPECT_THAT(refusal(good + "[1]"),
              AllOf(HasSubstr("task.jsonl:2"), HasSubstr("expected a JSON object, found array")));
  EXPECT_THAT(refusal("{\"id\": 1, \"problem\": \"q\"}"),
              AllOf(HasSubstr("task.jsonl:1"), HasSubstr("no field 'question'"), HasSubstr("id, problem")));
  EXPECT_THAT(refusal("{\"id\": 1, \"question\": [\"q\"], \"answer\": 1}"),
              HasSubstr("field 'question' must be text, a number or a boolean, found array"));
  EXPECT_THAT(refusal(good + "\n" + good),
              AllOf(HasSubstr("task.jsonl:3"), HasSubstr("first at"), HasSubstr("task.jsonl:1")));
  EXPECT_THAT(refusal(" \n\n"), HasSubstr("no items"));
}

TEST_F(TaskFile, RefusesSplitsThatAreUnknownOrGivenOnSomeLinesOnly) {
  const std::string with = "{\"id\": 1, \"question\": \"q\", \"answer\": \"a\", \"split\": \"test\"}\n";
  const std::string without = "{\"id\": 2, \"question\": \"q\", \"answer\": \"a\"}\n";

  EXPECT_THAT(refusal(with + without), AllOf(HasSubstr("task.jsonl:2"), HasSubstr("no field 'split'")));
  EXPECT_THAT(refusal(without + with), AllOf(HasSubstr("task.jsonl:1"), HasSubstr("no field 'split'")));
  EXPECT_THAT(refusal("{\"id\": 1, \"question\": \"q\", \"answer\": \"a\", \"split\": \"train\"}"),
              AllOf(HasSubstr("split 'train'"), HasSubstr("identify, validate, test")));
}

TEST_F(TaskFile, RefusesSplitsThatOverlap) {
  const std::string one = "{\"id\": 1, \"question\": \"q\", \"answer\": \"a\", \"split\": \"identify\"}\n";
  const std::string same = "{\"id\": 2, \"question\": \"q\", \"answer\": \"a\", \"split\": \"identify\"}\n";
  const std::string other = "{\"id\": 3, \"question\": \"q\", \"answer\": \"a\", \"split\": \"test\"}\n";

  EXPECT_EQ(read(one + same).size(), 2u);
  EXPECT_THAT(refusal(one + other),
              AllOf(HasSubstr("task.jsonl:2: the splits overlap"), HasSubstr("item '1' (identify)")));
}

TEST_F(TaskFile, ReadsPublishedFormatsWithTheirFieldsAndPlaces) {
  TaskFormat format;
  format.format = "aqua";

  const auto items =
      read("{\"question\": \"How far?\", \"options\": [\"A)5\", \"B)6\"], \"rationale\": \"r\", \"correct\": \"B\"}\n",
           format);

  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].answer, "(B)\n(A) 5\n(B) 6");
  EXPECT_EQ(items[0].fields.at("answer"), "B");
  EXPECT_EQ(items[0].fields.at("choices"), "(A) 5\n(B) 6");
  EXPECT_THAT(items[0].place, ::testing::EndsWith("task.jsonl:1"));
}

TEST_F(TaskFile, IsAnIoErrorWhereAbsent) {
  try {
    read_task(dir_.file("none.jsonl"));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

TEST(SelectSplit, FollowsTheItemsWhereTheyNameOne) {
  std::vector<TaskItem> items = make_items(4);
  for (std::size_t i = 0; i < items.size(); ++i) items[i].split = i == 2 ? "test" : "identify";

  EXPECT_EQ(ids_of(select_split(items, TaskSplit::test)), (std::vector<std::string>{"item-2"}));
  EXPECT_TRUE(select_split(items, TaskSplit::validate).empty());
  EXPECT_EQ(select_split(items, TaskSplit::all).size(), 4u);
}

TEST(SelectSplit, PartsUnsplitItemsIntoTheStatedShares) {
  const auto items = make_items(4000);

  const auto identify = ids_of(select_split(items, TaskSplit::identify));
  const auto validate = ids_of(select_split(items, TaskSplit::validate));
  const auto test = ids_of(select_split(items, TaskSplit::test));

  EXPECT_NEAR(static_cast<double>(identify.size()) / 4000, kIdentifyShare, 0.03);
  EXPECT_NEAR(static_cast<double>(validate.size()) / 4000, kValidateShare, 0.03);
  std::set<std::string> all(identify.begin(), identify.end());
  all.insert(validate.begin(), validate.end());
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all.size(), identify.size() + validate.size() + test.size());
  EXPECT_EQ(all.size(), items.size());
}

TEST(SelectSplit, KeepsAnItemInItsSplitWhenOthersAreAdded) {
  const auto few = ids_of(select_split(make_items(50), TaskSplit::test));
  const auto many = ids_of(select_split(make_items(500), TaskSplit::test));

  ASSERT_FALSE(few.empty());
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
}

TEST(SelectSplit, RefusesAnUnknownName) {
  EXPECT_EQ(parse_split("validate"), TaskSplit::validate);
  EXPECT_THROW(parse_split("train"), Error);
}

TEST(Take, GivesTheSameFirstItemsForALargerNumber) {
  const auto items = make_items(100);
  auto reversed = items;
  std::reverse(reversed.begin(), reversed.end());

  const auto ten = ids_of(take(items, 10, 1));
  const auto thirty = ids_of(take(items, 30, 1));

  EXPECT_EQ(ten.size(), 10u);
  EXPECT_TRUE(std::equal(ten.begin(), ten.end(), thirty.begin()));
  EXPECT_EQ(ids_of(take(reversed, 10, 1)), ten);
  EXPECT_NE(ids_of(take(items, 10, 2)), ten);
  EXPECT_EQ(take(items, 1000, 1).size(), 100u);
  EXPECT_TRUE(take(items, 0, 1).empty());
}

}  // namespace
}  // namespace neurosweep
