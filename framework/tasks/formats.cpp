#include "framework/tasks/formats.hpp"

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/tasks/answers.hpp"
#include "framework/tasks/choice.hpp"
#include "framework/tasks/completion_code.hpp"
#include "framework/tasks/record_fields.hpp"

namespace neurosweep {
namespace {

constexpr std::string_view kWorkedMarker = "####";

std::string name_of(const TaskRecord& record, std::initializer_list<std::string_view> keys) {
  return find_text(record, keys).value_or(record.name);
}

// "<<16-3-4=9>>" in worked solutions is for a calculator.
std::string without_calculations(std::string text) {
  for (auto at = text.find("<<"); at != std::string::npos; at = text.find("<<", at)) {
    const auto end = text.find(">>", at);
    if (end == std::string::npos) break;
    text.erase(at, end + 2 - at);
  }
  return text;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

FormattedItem map_jsonl(const TaskRecord& record, const FieldNames& names) {
  FormattedItem item;
  item.id = names.id.empty() ? record.name : need_text(record, {names.id});
  item.question = need_text(record, {names.question});
  item.answer = need_text(record, {names.answer});
  return item;
}

FormattedItem map_gsm8k(const TaskRecord& record, const FieldNames&) {
  const std::string worked = need_text(record, {"answer"});
  const auto marker = worked.rfind(kWorkedMarker);
  if (marker == std::string::npos) {
    throw input_error("{}: field 'answer' has no '{}' in front of its number", record.place, kWorkedMarker);
  }
  FormattedItem item{name_of(record, {"id"}), need_text(record, {"question"}), "", "", {}};
  item.answer = number_text(record, worked.substr(marker + kWorkedMarker.size()));
  item.fields["solution"] = without_calculations(worked);
  return item;
}

FormattedItem map_math(const TaskRecord& record, const FieldNames&) {
  FormattedItem item{name_of(record, {"unique_id", "id"}), need_text(record, {"problem"}), "", "", {}};
  const auto answer = find_text(record, {"answer"});
  const std::string solution = answer ? find_text(record, {"solution"}).value_or("") : need_text(record, {"solution"});
  const auto boxed = answer ? answer : last_boxed(solution);
  if (!boxed || boxed->empty()) {
    throw input_error("{}: neither a field 'answer' nor a \\boxed{{}} in the solution", record.place);
  }
  item.answer = trimmed(*boxed);
  item.fields["solution"] = solution;
  return item;
}

FormattedItem map_contest(const TaskRecord& record, const FieldNames&) {
  FormattedItem item{name_of(record, {"id", "ID"}), need_text(record, {"problem", "Problem", "question"}), "", "", {}};
  item.answer = number_text(record, need_text(record, {"answer", "Answer"}));
  if (const auto solution = find_text(record, {"solution", "Solution"})) item.fields["solution"] = *solution;
  return item;
}

FormattedItem map_svamp(const TaskRecord& record, const FieldNames&) {
  std::string body = trimmed(need_text(record, {"Body"}));
  if (!body.empty() && std::string_view(".?!").find(body.back()) == std::string_view::npos) body += '.';
  FormattedItem item{name_of(record, {"ID"}), body + " " + trimmed(need_text(record, {"Question"})), "", "", {}};
  item.answer = number_text(record, need_text(record, {"Answer"}));
  item.fields["solution"] = find_text(record, {"Equation"}).value_or("") + " = " + item.answer;
  return item;
}

FormattedItem map_asdiv(const TaskRecord& record, const FieldNames&) {
  const std::string question = need_text(record, {"body"}) + " " + need_text(record, {"question"});
  std::string answer = trimmed(need_text(record, {"answer"}));
  const auto unit = answer.rfind(" (");
  if (unit != std::string::npos && answer.back() == ')') answer = trimmed(answer.substr(0, unit));
  if (answer.empty()) throw input_error("{}: field 'answer' is empty", record.place);
  return {name_of(record, {"idx"}), question, answer, "", {}};
}

// The options as "(A) one\n(B) two", for the grader behind the right letter.
FormattedItem choice_item(const TaskRecord& record, std::string question, std::vector<std::string> options,
                          std::size_t right) {
  if (right >= options.size()) {
    throw input_error("{}: the answer is option {}, but there are {}", record.place, right + 1, options.size());
  }
  for (std::string& option : options) option = trimmed(option);
  const char letter = static_cast<char>('A' + right);
  const std::string expected = choice_text({letter, std::move(options)});
  FormattedItem item{name_of(record, {"id"}), std::move(question), std::string(1, letter), expected, {}};
  item.fields["choices"] = expected.substr(expected.find('\n') + 1);
  return item;
}

std::size_t option_number(const TaskRecord& record, const std::string& letter) {
  if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'Z') {
    throw input_error("{}: the answer '{}' is not an option's letter", record.place, letter);
  }
  return static_cast<std::size_t>(letter[0] - 'A');
}

// Options published as "A)text".
std::vector<std::string> lettered_options(const TaskRecord& record) {
  auto options = need_list(record, "options");
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string letter = fmt::format("{})", static_cast<char>('A' + i));
    if (!options[i].starts_with(letter)) {
      throw input_error("{}: option '{}' does not begin with '{}'", record.place, options[i], letter);
    }
    options[i].erase(0, letter.size());
  }
  return options;
}

FormattedItem map_aqua(const TaskRecord& record, const FieldNames&) {
  const std::size_t right = option_number(record, need_text(record, {"correct"}));
  auto item = choice_item(record, need_text(record, {"question"}), lettered_options(record), right);
  item.fields["solution"] = find_text(record, {"rationale"}).value_or("");
  return item;
}

FormattedItem map_logic(const TaskRecord& record, const FieldNames&) {
  const std::size_t right = option_number(record, need_text(record, {"answer"}));
  const std::string question = need_text(record, {"context"}) + "\n" + need_text(record, {"question"});
  return choice_item(record, question, lettered_options(record), right);
}

FormattedItem map_mmlu(const TaskRecord& record, const FieldNames&) {
  const auto right = require<std::int64_t>(record.object, "answer", record.place);
  if (right < 0) throw input_error("{}: the answer is option {}, expected 0 for the first", record.place, right);
  return choice_item(record, need_text(record, {"question"}), need_list(record, "choices"),
                     static_cast<std::size_t>(right));
}

FormattedItem map_bbh(const TaskRecord& record, const FieldNames&) {
  return {record.name, need_text(record, {"input"}), need_text(record, {"target"}), "", {}};
}

FormattedItem map_strategyqa(const TaskRecord& record, const FieldNames&) {
  const bool answer = require<bool>(record.object, "answer", record.place);
  FormattedItem item{name_of(record, {"qid"}), need_text(record, {"question"}), answer ? "yes" : "no", "", {}};
  if (record.object.contains("facts"))
    item.fields["solution"] = fmt::format("{}", fmt::join(need_list(record, "facts"), " "));
  return item;
}

FormattedItem map_prosqa(const TaskRecord& record, const FieldNames&) {
  FormattedItem item{record.name, need_text(record, {"question"}), need_text(record, {"answer"}), "", {}};
  item.fields["solution"] = fmt::format("{}", fmt::join(need_list(record, "steps"), " "));
  return item;
}

FormattedItem map_humaneval(const TaskRecord& record, const FieldNames&) {
  FormattedItem item{need_text(record, {"task_id"}),
                     need_text(record, {"prompt"}),
                     find_text(record, {"canonical_solution"}).value_or(""),
                     "",
                     {}};
  const std::string check = fmt::format("check({})", need_text(record, {"entry_point"}));
  item.expected = code_tests({item.question, need_text(record, {"test"}) + "\n" + check + "\n"});
  item.fields["solution"] = item.answer;
  return item;
}

FormattedItem map_mbpp(const TaskRecord& record, const FieldNames&) {
  FormattedItem item{need_text(record, {"task_id"}),
                     need_text(record, {"text", "prompt"}),
                     find_text(record, {"code"}).value_or(""),
                     "",
                     {}};
  const std::string tests = fmt::format("{}", fmt::join(need_list(record, "test_list"), "\n"));
  if (tests.empty()) throw input_error("{}: field 'test_list' is empty", record.place);
  std::string setup = find_text(record, {"test_setup_code"}).value_or("");
  if (record.object.contains("test_imports"))
    setup = fmt::format("{}", fmt::join(need_list(record, "test_imports"), "\n"));
  item.expected = code_tests({"", setup + "\n" + tests + "\n"});
  item.fields["tests"] = tests;
  item.fields["solution"] = item.answer;
  return item;
}

constexpr const char* kQuestion = "Question: {question}\nAnswer:";
constexpr const char* kChoices = "Question: {question}\n{choices}\nAnswer:";
constexpr const char* kProblem = "Problem:\n{question}\n\nSolution:\n";

constexpr TaskFormatKind kFormats[] = {
    {"jsonl", "any JSON objects; id_field, question_field and answer_field name their keys", "", "{question}\n",
     "{answer}", "exact", map_jsonl},
    {"gsm8k", "question, answer (worked, '#### 42')", "", kQuestion, " {solution}", "final_number", map_gsm8k},
    {"math", "MATH, MATH-500, Minerva: problem, solution, answer or \\boxed{} in the solution", "", kProblem,
     "{solution}", "boxed", map_math},
    {"aime", "id, problem, answer (an integer), solution", "", kProblem, "\\boxed{{{answer}}}", "boxed", map_contest},
    {"amc", "as aime", "", kProblem, "\\boxed{{{answer}}}", "boxed", map_contest},
    {"svamp", "ID, Body, Question, Equation, Answer", "", kQuestion, " {answer}", "final_number", map_svamp},
    {"asdiv", "body, question, answer ('9 (apples)')", "", kQuestion, " {answer}", "stated", map_asdiv},
    {"aqua", "question, options ('A)...'), rationale, correct", "", kChoices, " ({answer})", "choice", map_aqua},
    {"mmlu", "question, choices, answer (0 for the first)", "", kChoices, " ({answer})", "choice", map_mmlu},
    {"logic", "ProntoQA, ProofWriter, FOLIO, LogicalDeduction, AR-LSAT: id, context, question, options, answer", "",
     kChoices, " ({answer})", "choice", map_logic},
    {"bbh", "BIG-Bench Hard: examples of input, target; a folder or bbh/*.json for all tasks", "examples",
     "Q: {question}\nA:", " {answer}", "stated", map_bbh},
    {"strategyqa", "qid, question, answer (a boolean), facts", "", kQuestion, " {answer}", "stated", map_strategyqa},
    {"prosqa", "question, steps, answer", "", kQuestion, " {answer}", "stated", map_prosqa},
    {"humaneval", "task_id, prompt, entry_point, canonical_solution, test", "", "{question}", "{solution}", "code",
     map_humaneval},
    {"mbpp", "task_id, text, code, test_list, test_setup_code", "",
     "You are an expert Python programmer, and here is your task: {question} Your code should pass these "
     "tests:\n\n{tests}\n[BEGIN]\n",
     "{solution}\n[DONE]", "code", map_mbpp},
};

}  // namespace

std::span<const TaskFormatKind> format_kinds() {
  return kFormats;
}

const TaskFormatKind& format_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const TaskFormatKind& kind : kFormats) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  const std::string near = nearest(name, names);
  throw input_error("no task format '{}'{} (formats: {})", name,
                    near.empty() ? "" : fmt::format(": did you mean '{}'?", near), fmt::join(names, ", "));
}

}  // namespace neurosweep
