#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "framework/base/error.hpp"
#include "framework/tasks/code_judge.hpp"
#include "framework/tasks/formats.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/tasks/task.hpp"
#include "framework/text/prompt_template.hpp"
#include "tests/framework/tasks/published.hpp"
#include "tests/framework/tasks/sandbox_here.hpp"

namespace neurosweep {
namespace {

/// A published file, and how a model that answers as published would put an item's answer.
struct Benchmark {
  const char* name;
  const char* format;
  const char* path;
  std::size_t items;
  std::vector<const char*>
      completions;  ///< templates over the item's fields; each is graded against other items' answers too
};

std::ostream& operator<<(std::ostream& out, const Benchmark& benchmark) {
  return out << benchmark.name;
}

const std::vector<Benchmark> kBenchmarks = {
    {"gsm8k_test", "gsm8k", "gsm8k/test.jsonl", 1319, {"{solution}", "The answer is ${answer}."}},
    {"gsm8k_train", "gsm8k", "gsm8k/train.jsonl", 7473, {"{solution}", "The answer is ${answer}."}},
    {"math500",
     "math",
     "math500/test.jsonl",
     500,
     {"{solution}", "\\boxed{{{answer}}}", "So $x$ is $\\boxed{{ {answer} }}$."}},
    {"minerva", "math", "qwen_eval/minerva_math/test.jsonl", 272, {"{solution}", "\\boxed{{{answer}}}"}},
    {"aime24", "aime", "aime24/test.jsonl", 30, {"\\boxed{{{answer}}}", "Thus $\\boxed{{\\textbf{{({answer})}}}}$."}},
    {"amc23", "amc", "amc23/test.jsonl", 40, {"\\boxed{{{answer}}}", "\\boxed{{{answer}.0}}"}},
    {"svamp", "svamp", "svamp/SVAMP.json", 1000, {" {answer}", "{solution}", "It is {Answer} in all."}},
    {"asdiv", "asdiv", "qwen_eval/asdiv/test.jsonl", 2215, {"The answer is {answer}.", " {answer}\n"}},
    {"aqua_dev", "aqua", "aqua/dev.json", 254, {" ({answer})", "The answer is {answer}.", "answer: {answer})"}},
    {"aqua_test", "aqua", "aqua/test.json", 254, {" ({answer})", "The answer is {answer}.", "answer: {answer})"}},
    {"mmlu_stem", "mmlu", "qwen_eval/mmlu_stem/test.jsonl", 3018, {" ({answer})", "\\boxed{{\\text{{{answer}}}}}"}},
    {"prontoqa", "logic", "logic_llm/ProntoQA/dev.json", 500, {" ({answer})", "The correct option is: {answer}"}},
    {"proofwriter_dev",
     "logic",
     "logic_llm/ProofWriter/dev.json",
     600,
     {" ({answer})", "The correct option is: {answer}"}},
    {"proofwriter_test",
     "logic",
     "logic_llm/ProofWriter/test.json",
     600,
     {" ({answer})", "The correct option is: {answer}"}},
    {"folio", "logic", "logic_llm/FOLIO/dev.json", 204, {" ({answer})", "The correct option is: {answer}"}},
    {"logical_deduction",
     "logic",
     "logic_llm/LogicalDeduction/dev.json",
     300,
     {" ({answer})", "The correct option is: {answer}"}},
    {"ar_lsat", "logic", "logic_llm/AR-LSAT/test.json", 230, {" ({answer})", "The correct option is: {answer}"}},
    {"bbh",
     "bbh",
     "bbh/*.json",
     6511,
     {"Step by step.\nSo the answer is {answer}.", " {answer}\n\nQ: Another?\nA: (Z)"}},
    {"strategyqa_dev", "strategyqa", "strategyqa/dev.json", 229, {"So the answer is {answer}.", " {answer}\n"}},
    {"strategyqa_train", "strategyqa", "strategyqa/train.json", 2061, {"So the answer is {answer}.", " {answer}\n"}},
    {"prosqa_test", "prosqa", "prosqa/prosqa_test.json", 500, {"{solution}\n{answer}", "So the answer is: {answer}"}},
    {"prosqa_valid", "prosqa", "prosqa/prosqa_valid.json", 300, {"{solution}\n{answer}", "So the answer is: {answer}"}},
};

class Agreement : public ::testing::TestWithParam<Benchmark> {};

INSTANTIATE_TEST_SUITE_P(Published, Agreement, ::testing::ValuesIn(kBenchmarks),
                         [](const auto& each) { return each.param.name; });

TEST_P(Agreement, PublishedAnswersAreRightAndThoseOfOthersWrong) {
  const Benchmark& benchmark = GetParam();
  const auto items = published(benchmark.format, benchmark.path);
  if (items.empty()) GTEST_SKIP() << "no published files here";
  ASSERT_EQ(items.size(), benchmark.items);
  const auto grader = make_grader(format_kind(benchmark.format).grader);

  int number = 1;
  for (const char* form : benchmark.completions) {
    const PromptTemplate completion(form, benchmark.name);
    std::size_t right = 0;
    std::size_t strangers = 0;
    std::size_t fooled = 0;
    std::string example;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string text = completion.fill(items[i].fields);
      const Grade grade = grader->grade(text, items[i].answer);
      right += grade.correct;
      if (!grade.correct) example = items[i].id + ": " + grade.answer.value_or("-") + " | " + items[i].answer;
      for (const std::size_t step : {1, 7, 31}) {
        const TaskItem& other = items[(i + step) % items.size()];
        if (other.fields.at("answer") == items[i].fields.at("answer")) continue;
        ++strangers;
        fooled += grader->grade(text, other.answer).correct;
      }
    }
    const double agreement = static_cast<double>(right) / static_cast<double>(items.size());
    const double rejection = 1 - static_cast<double>(fooled) / static_cast<double>(strangers);
    fmt::print("{:18} form {}: right {} of {} ({:.2f} %), others' answers refused {:.2f} %\n", benchmark.name, number++,
               right, items.size(), 100 * agreement, 100 * rejection);
    EXPECT_GE(agreement, kAgreement) << form << ", last: " << example;
    EXPECT_GE(rejection, kAgreement) << form;
  }
}

/// How many items pass when each is answered by `answer_of`; two at a time.
std::size_t count_passed(const std::vector<TaskItem>& items, const std::function<std::string(std::size_t)>& answer_of) {
  const auto grader = make_grader("code", options_here());
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> passed = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < items.size(); i = next++)
      passed += grader->grade(answer_of(i), items[i].answer).correct;
  };
  std::thread other(work);
  work();
  other.join();
  return passed;
}

struct CodeBenchmark {
  const char* name;
  const char* path;
  std::size_t items;
  std::size_t wrong_sample;  ///< every so many items are also answered by another's solution
};

class CodeAgreement : public ::testing::TestWithParam<CodeBenchmark> {};

INSTANTIATE_TEST_SUITE_P(Published, CodeAgreement,
                         ::testing::Values(CodeBenchmark{"humaneval", "humaneval/HumanEval.jsonl.gz", 164, 1},
                                           CodeBenchmark{"mbpp", "mbpp/mbpp.jsonl", 974, 8}),
                         [](const auto& each) { return each.param.name; });

TEST_P(CodeAgreement, PublishedSolutionsPassTheirTestsAndThoseOfOthersFail) {
  const CodeBenchmark& benchmark = GetParam();
  const auto items = published(benchmark.name, benchmark.path);
  if (items.empty()) GTEST_SKIP() << "no published files here";
  ASSERT_EQ(items.size(), benchmark.items);
  std::vector<TaskItem> sample;
  for (std::size_t i = 0; i < items.size(); i += benchmark.wrong_sample) sample.push_back(items[i]);
  const auto solution = [](const TaskItem& item) { return item.fields.at("solution"); };

  const std::size_t passed = count_passed(items, [&](std::size_t i) { return solution(items[i]); });
  const std::size_t fooled =
      count_passed(sample, [&](std::size_t i) { return solution(sample[(i + 1) % sample.size()]); });

  fmt::print("{:18} solutions: pass {} of {}, another's solution: passes {} of {}\n", benchmark.name, passed,
             items.size(), fooled, sample.size());
  EXPECT_GE(static_cast<double>(passed), kAgreement * static_cast<double>(items.size()));
  EXPECT_EQ(fooled, 0u);
}

TEST(Agreement, WorkedSolutionsOfModelsGradeAsTheirPublishersDid) {
  const auto file = testing::shared_path("data/bench/gsm8k/example_model_solutions.jsonl");
  if (!file) GTEST_SKIP() << "no published files here";
  const auto grader = make_grader("final_number");
  std::size_t same = 0;
  std::size_t all = 0;

  for (const TaskRecord& record : read_records(file->string(), "")) {
    const auto truth = record.object["ground_truth"].get<std::string>();
    for (const char* model : {"6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"}) {
      const Json& attempt = record.object[model];
      const bool correct = grader->grade(attempt["solution"].get<std::string>(), truth).correct;
      same += correct == attempt["is_correct"].get<bool>();
      ++all;
    }
  }

  fmt::print("gsm8k solutions of four models: {} of {} graded as published\n", same, all);
  EXPECT_EQ(all, 5276u);
  EXPECT_EQ(same, all);
}

TEST(Agreement, PublishedContestSolutionsAreRight) {
  const auto items = published("aime", "aime24/test.jsonl");
  if (items.empty()) GTEST_SKIP() << "no published files here";
  const auto grader = make_grader("boxed");
  std::size_t right = 0;
  std::size_t boxed = 0;

  for (const TaskItem& item : items) {
    const Grade grade = grader->grade(item.fields.at("solution"), item.answer);
    boxed += grade.answer.has_value();
    right += grade.correct;
  }

  fmt::print("aime24 solutions: {} of {} that box an answer\n", right, boxed);
  EXPECT_GE(boxed, 29u);
  EXPECT_EQ(right, boxed);
}

}  // namespace
}  // namespace neurosweep
