#include "framework/text/prompt_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "no error";
}

std::string refusal(const std::string& text) {
  return message_of([&] { PromptTemplate(text, "study.toml:7:3"); });
}

TEST(PromptTemplate, ReplacesFieldsAndKeepsTheRest) {
  const PromptTemplate prompt("Q: {question}\n{hint}{hint}A:", "here");

  EXPECT_EQ(prompt.fill({{"question", "1 + 1?"}, {"hint", "é "}, {"other", "x"}}), "Q: 1 + 1?\né é A:");
  EXPECT_THAT(prompt.field_names(), ElementsAre("question", "hint", "hint"));
}

TEST(PromptTemplate, WritesDoubledBracesAsBraces) {
  EXPECT_EQ(PromptTemplate("\\boxed{{{x}}} {{}}", "here").fill({{"x", "5"}}), "\\boxed{5} {}");
}

TEST(PromptTemplate, LeavesBracesInAFieldAlone) {
  EXPECT_EQ(PromptTemplate("{x}", "here").fill({{"x", "{y} {{"}}), "{y} {{");
}

TEST(PromptTemplate, NamesTheUnknownFieldAndTheNearestOne) {
  const PromptTemplate prompt("{qestion}", "study.toml:7:3");

  const auto message = message_of([&] { prompt.fill({{"question", ""}, {"id", ""}}); });

  EXPECT_THAT(message, AllOf(HasSubstr("study.toml:7:3"), HasSubstr("no field 'qestion'"),
                             HasSubstr("did you mean 'question'?"), HasSubstr("id, question")));
}

TEST(PromptTemplate, RefusesBracesWithoutPartner) {
  EXPECT_THAT(refusal("a {b"), AllOf(HasSubstr("study.toml:7:3"), HasSubstr("'{' at character 3"), HasSubstr("'{{'")));
  EXPECT_THAT(refusal("a} b"), AllOf(HasSubstr("'}' at character 2"), HasSubstr("'}}'")));
  EXPECT_THAT(refusal("{a{b}"), HasSubstr("'{' at character 1"));
  EXPECT_THAT(refusal("x{}"), HasSubstr("names no field"));
}

}  // namespace
}  // namespace neurosweep
