#include <gtest/gtest.h>

#include <map>
#include <ostream>

#include <fmt/format.h>

#include "framework/tasks/answers.hpp"
#include "framework/tasks/choice.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/text/prompt_template.hpp"
#include "tests/framework/tasks/published.hpp"

namespace neurosweep {
namespace {

struct ChoiceFile {
  const char* name;
  const char* format;
  const char* path;
};

std::ostream& operator<<(std::ostream& out, const ChoiceFile& file) {
  return out << file.name;
}

const std::vector<ChoiceFile> kFiles = {{"aqua_dev", "aqua", "aqua/dev.json"},
                                        {"aqua_test", "aqua", "aqua/test.json"},
                                        {"mmlu_stem", "mmlu", "qwen_eval/mmlu_stem/test.jsonl"},
                                        {"prontoqa", "logic", "logic_llm/ProntoQA/dev.json"},
                                        {"proofwriter_dev", "logic", "logic_llm/ProofWriter/dev.json"},
                                        {"proofwriter_test", "logic", "logic_llm/ProofWriter/test.json"},
                                        {"folio", "logic", "logic_llm/FOLIO/dev.json"},
                                        {"logical_deduction", "logic", "logic_llm/LogicalDeduction/dev.json"},
                                        {"ar_lsat", "logic", "logic_llm/AR-LSAT/test.json"}};

const std::vector<const char*> kLetterForms = {"{letter}",
                                               "({letter})",
                                               "The answer is {letter}.",
                                               "The answer is ({letter}) {text}",
                                               "{letter}.",
                                               "**Answer: {letter}**",
                                               "$\\boxed{{\\text{{{letter}}}}}$",
                                               "The correct option is {letter}: {text}",
                                               "Therefore, {letter}.",
                                               "\\boxed{{{letter}}}",
                                               "{letter}. {text}",
                                               "({letter}) is the correct answer."};
const std::vector<const char*> kTextForms = {"{text}", "The answer is {text}.", "\\boxed{{{text}}}",
                                             "**Answer:** {text}", "7 cases.\nSo x = {text}"};

/// Counts over one form of reply.
struct Tally {
  std::size_t right = 0;
  std::size_t right_read = 0;
  std::size_t wrong = 0;
  std::size_t wrong_passed = 0;
};

// Options that say the same are no choice, and one whose text is an option's letter reads as the letter.
bool is_unclear(const std::vector<std::string>& options, std::size_t option) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (i != option && (same_text(options[i], options[option]) || same_latex(options[i], options[option]))) return true;
  }
  return options[option].size() == 1 && options[option][0] >= 'A' && options[option][0] <= 'J';
}

class ChoiceAgreement : public ::testing::TestWithParam<ChoiceFile> {
 protected:
  void SetUp() override {
    items_ = published(GetParam().format, GetParam().path);
    if (items_.empty()) GTEST_SKIP() << "no published files here";
  }

  Tally tally(const char* form, bool (*is_skipped)(const std::vector<std::string>&, std::size_t)) const {
    const auto grader = make_grader("choice");
    const PromptTemplate reply(form, form);
    Tally tally;
    for (const TaskItem& item : items_) {
      const ChoiceAnswer answer = *parse_choice(item.answer);
      for (std::size_t i = 0; i < answer.options.size(); ++i) {
        if (is_skipped(answer.options, i)) continue;
        const std::string letter(1, static_cast<char>('A' + i));
        const std::string text = reply.fill({{"letter", letter}, {"text", answer.options[i]}});
        const bool passed = grader->grade(text, item.answer).correct;
        const bool is_right = letter[0] == answer.letter;
        (is_right ? tally.right : tally.wrong) += 1;
        (is_right ? tally.right_read : tally.wrong_passed) += passed;
        if (passed && !is_right) ADD_FAILURE() << item.place << " took " << text << " for " << answer.letter;
      }
    }
    fmt::print("{:18} {:40} right read {} of {}, wrong passed {} of {}\n", GetParam().name,
               reply.fill({{"letter", "B"}, {"text", "..."}}), tally.right_read, tally.right, tally.wrong_passed,
               tally.wrong);
    return tally;
  }

  std::vector<TaskItem> items_;
};

INSTANTIATE_TEST_SUITE_P(Published, ChoiceAgreement, ::testing::ValuesIn(kFiles),
                         [](const auto& each) { return each.param.name; });

TEST_P(ChoiceAgreement, OnlyTheRightLetterPasses) {
  for (const char* form : kLetterForms) {
    const Tally counts = tally(form, [](const auto& options, std::size_t i) { return options[i].empty(); });

    EXPECT_EQ(counts.right_read, counts.right) << form;
    EXPECT_EQ(counts.wrong_passed, 0u) << form;
  }
}

TEST_P(ChoiceAgreement, OnlyTheTextOfTheRightOptionPasses) {
  for (const char* form : kTextForms) {
    const Tally counts = tally(form, is_unclear);

    EXPECT_GE(static_cast<double>(counts.right_read), kAgreement * static_cast<double>(counts.right)) << form;
    EXPECT_EQ(counts.wrong_passed, 0u) << form;
  }
}

/// Rationales whose published text cannot give the published answer.
const std::map<std::string, const char*> kFaults = {
    {"aqua/test.json:104", "it ends on 'ANSWER: 3', which is neither a letter nor an option"},
    {"aqua/test.json:197", "it states a rule and no answer"}};

TEST(Rationales, OfAquaAreRight) {
  const auto grader = make_grader("choice");
  std::size_t right = 0;
  std::size_t all = 0;
  std::size_t faults = 0;

  for (const std::string path : {"aqua/dev.json", "aqua/test.json"}) {
    const auto items = published("aqua", path);
    if (items.empty()) GTEST_SKIP() << "no published files here";
    for (const TaskItem& item : items) {
      const bool correct = grader->grade(item.fields.at("solution"), item.answer).correct;
      const std::string line = path + item.place.substr(item.place.rfind(':'));
      if (kFaults.contains(line)) {
        EXPECT_FALSE(correct) << line << ": " << kFaults.at(line);
        ++faults;
        continue;
      }
      ++all;
      right += correct;
      if (!correct) fmt::print("{} is not read as {}\n", line, item.answer[1]);
    }
  }

  fmt::print("aqua rationales: {} of {}\n", right, all);
  EXPECT_EQ(faults, kFaults.size());
  EXPECT_EQ(all, 506u);
  EXPECT_GE(static_cast<double>(right), kAgreement * static_cast<double>(all));
}

TEST(Rationales, OfAquaDoNotPassForOtherOptions) {
  const auto grader = make_grader("choice");
  std::size_t passed = 0;
  std::size_t all = 0;

  for (const char* path : {"aqua/dev.json", "aqua/test.json"}) {
    const auto items = published("aqua", path);
    if (items.empty()) GTEST_SKIP() << "no published files here";
    for (const TaskItem& item : items) {
      ChoiceAnswer other = *parse_choice(item.answer);
      const char right = other.letter;
      for (std::size_t i = 0; i < other.options.size(); ++i) {
        other.letter = static_cast<char>('A' + i);
        if (other.letter == right) continue;
        ++all;
        passed += grader->grade(item.fields.at("solution"), choice_text(other)).correct;
      }
    }
  }

  fmt::print("aqua rationales for another option: {} of {} pass\n", passed, all);
  EXPECT_EQ(all, 2032u);
  EXPECT_EQ(passed, 0u);
}

}  // namespace
}  // namespace neurosweep
