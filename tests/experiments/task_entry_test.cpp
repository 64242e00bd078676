#include "experiments/task_entry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TaskEntryTest : public ::testing::Test {
 protected:
  TaskEntryTest() {
    spec_.name = "sums";
    spec_.file = dir_.file("sums.jsonl");
    spec_.format = "gsm8k";
    testing::write_file(spec_.file,
                        "{\"question\": \"1+1?\", \"answer\": \"1+1 = <<1+1=2>>2\\n#### 2\", \"split\": \"identify\"}\n"
                        "{\"question\": \"2+2?\", \"answer\": \"2+2 = 4\\n#### 4\", \"split\": \"identify\"}\n"
                        "{\"question\": \"3+3?\", \"answer\": \"3+3 = 6\\n#### 6\", \"split\": \"test\"}\n");
  }

  TaskEntry read() const { return read_task_entry(spec_, {dir_.path().string()}); }

  void expect_refused(const std::string& what) const {
    expect_error(ErrorKind::input, AllOf(HasSubstr("task 'sums': "), HasSubstr(what)), [&] { read(); });
  }

  testing::TempDir dir_;
  TaskSpec spec_;
};

TEST_F(TaskEntryTest, TakesWhatItDoesNotNameFromItsFormat) {
  const TaskEntry task = read();

  EXPECT_EQ(task.spec.grader, "final_number");
  EXPECT_EQ(task.prompt.fill(task.items[0].fields), "Question: 1+1?\nAnswer:");
  EXPECT_EQ(task.target.fill(task.items[0].fields), " 1+1 = 2\n#### 2");
  EXPECT_TRUE(task.grader->grade("so it is 2", task.items[0].answer).correct);
}

TEST_F(TaskEntryTest, KeepsWhatItNames) {
  spec_.prompt = "{question} ";
  spec_.grader = "exact";

  const TaskEntry task = read();

  EXPECT_EQ(task.prompt.fill(task.items[0].fields), "1+1? ");
  EXPECT_FALSE(task.grader->grade("so it is 2", task.items[0].answer).correct);
}

TEST_F(TaskEntryTest, TakesExamplesFromTheIdentifySplitAndNeverTheItem) {
  spec_.shots = 1;

  const TaskEntry task = read();

  EXPECT_THAT(task.prompt.fill(task.items[0].fields), AllOf(HasSubstr("2+2 = 4"), Not(HasSubstr("1+1 = 2"))));
  EXPECT_THAT(task.prompt.fill(task.items[1].fields), AllOf(HasSubstr("1+1 = 2"), Not(HasSubstr("2+2 = 4"))));
  EXPECT_THAT(task.prompt.fill(task.items[2].fields), Not(HasSubstr("3+3 = 6")));
}

TEST_F(TaskEntryTest, TakesExamplesFromAnotherFileInItsOrder) {
  testing::write_file(dir_.file("shots.jsonl"), "{\"question\": \"9+9?\", \"answer\": \"9+9 = 18\\n#### 18\"}\n");
  const std::string without = hash_task(spec_);
  spec_.shots = 1;
  spec_.shots_file = dir_.file("shots.jsonl");

  EXPECT_THAT(read().prompt.fill(read().items[0].fields), ::testing::StartsWith("Question: 9+9?\nAnswer: 9+9 = 18\n"));
  EXPECT_NE(hash_task(spec_), without);
}

TEST_F(TaskEntryTest, SpeaksAsTheCheckpointsChatTemplate) {
  testing::write_file(dir_.file("tokenizer_config.json"), R"({"chat_template": "<|im_start|>"})");
  spec_.chat = "model";

  EXPECT_EQ(read().prompt.fill(read().items[0].fields),
            "<|im_start|>user\nQuestion: 1+1?\nAnswer:<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(TaskEntryTest, NamesAnAnswerThatItsGraderCannotReadByItsLine) {
  spec_.grader = "choice";

  expect_refused("sums.jsonl:1: grader choice: the expected answer '2' has no letter");
}

TEST_F(TaskEntryTest, RefusesKeysThatDoNotGoTogether) {
  spec_.id_field = "name";
  expect_refused("are for format = \"jsonl\", not for 'gsm8k'");

  spec_.id_field = "id";
  spec_.shots_file = spec_.file;
  expect_refused("shots is 0");

  spec_.shots_file = "";
  spec_.shots = 3;
  expect_refused("3 worked examples are wanted (shots), but there are only 2");
}

}  // namespace
}  // namespace neurosweep
