#include "framework/tasks/task_prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

TaskItem item(const std::string& id) {
  return {id, "q" + id, "a" + id, "", {{"id", id}, {"question", "q" + id}, {"answer", "a" + id}}, "file:1"};
}

PromptPlan plan(std::int64_t n_shots) {
  return {PromptTemplate("Q: {question}\nA:", "test"),
          PromptTemplate(" {answer}", "test"),
          "\n\n",
          n_shots,
          {item("1"), item("2"), item("3")},
          std::nullopt,
          ""};
}

TEST(TaskPrompt, IsTheQuestionWithoutExamples) {
  EXPECT_EQ(TaskPrompt(plan(0)).fill(item("9").fields), "Q: q9\nA:");
}

TEST(TaskPrompt, PutsWorkedExamplesFirst) {
  EXPECT_EQ(TaskPrompt(plan(2)).fill(item("9").fields), "Q: q1\nA: a1\n\nQ: q2\nA: a2\n\nQ: q9\nA:");
}

TEST(TaskPrompt, NeverShowsTheItemItself) {
  const TaskPrompt prompt(plan(2));

  EXPECT_EQ(prompt.fill(item("1").fields), "Q: q2\nA: a2\n\nQ: q3\nA: a3\n\nQ: q1\nA:");
  EXPECT_THAT(prompt.fill(item("2").fields), ::testing::Not(HasSubstr("a2")));
}

TEST(TaskPrompt, WantsEnoughExamples) {
  expect_error(ErrorKind::input, HasSubstr("4 worked examples are wanted (shots), but there are only 3"),
               [] { TaskPrompt{plan(4)}; });
  expect_error(ErrorKind::input, HasSubstr("item '3': 3 worked examples are wanted (shots), but only 2 others"),
               [] { TaskPrompt{plan(3)}.fill(item("3").fields); });
}

TEST(TaskPrompt, MakesExamplesTheTurnsOfAChat) {
  PromptPlan chat = plan(1);
  chat.chat = chat_style("chatml");
  chat.system = "Be brief.";

  EXPECT_EQ(TaskPrompt(chat).fill(item("9").fields),
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nQ: q1\nA:<|im_end|>\n<|im_start|>assistant\na1<|im_end|>\n"
            "<|im_start|>user\nQ: q9\nA:<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatStyle, WritesEachFamilysMarks) {
  const std::vector<ChatTurn> none;
  const std::vector<ChatTurn> one = {{" hi\n", " hello "}};

  EXPECT_EQ(chat_prompt(chat_style("llama3"), "S", one, "why?"),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nhello<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nwhy?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(chat_prompt(chat_style("deepseek"), "", none, "why?"), "<｜User｜>why?<｜Assistant｜>");
  EXPECT_EQ(chat_prompt(chat_style("zephyr"), "S", none, "why?"),
            "<|system|>\nS</s>\n<|user|>\nwhy?</s>\n<|assistant|>\n");
  EXPECT_EQ(chat_prompt(chat_style("plain"), "", one, "why?"),
            "User: hi\n\nAssistant:hello\n\nUser: why?\n\nAssistant:");
}

TEST(ChatStyle, IsToldByTheCheckpointsTemplate) {
  const testing::TempDir dir;
  const std::string config = dir.file("tokenizer_config.json");
  const auto style_of = [&](const std::string& text) {
    testing::write_file(config, text);
    return std::string(checkpoint_chat_style(dir.path().string()).name);
  };

  EXPECT_EQ(style_of(R"({"chat_template": "{% for m in messages %}<|im_start|>{{ m.role }}"})"), "chatml");
  EXPECT_EQ(style_of(R"({"chat_template": [{"name": "default", "template": "<|start_header_id|>"}]})"), "llama3");
  expect_error(ErrorKind::input, HasSubstr("of no known style"), [&] { style_of(R"({"chat_template": "[INST]"})"); });
  expect_error(ErrorKind::input, HasSubstr("this is no chat model"), [&] { style_of("{}"); });
  testing::write_file(dir.file("chat_template.jinja"), "<|user|>\n");
  EXPECT_EQ(style_of("{}"), "zephyr");
}

TEST(ChatStyle, NamesTheNearestForAnUnknownOne) {
  expect_error(ErrorKind::input, HasSubstr("no chat style 'chatlm': did you mean 'chatml'?"),
               [] { chat_style("chatlm"); });
}

}  // namespace
}  // namespace neurosweep
