#include "framework/tasks/completion_code.hpp"

#include <gtest/gtest.h>

namespace neurosweep {
namespace {

TEST(CompletionCode, StopsWhereAFunctionsBodyEnds) {
  EXPECT_EQ(completion_code("    return 1\n\ndef g():\n    pass\n"), "    return 1\n\n");
  EXPECT_EQ(completion_code("    return 1\n# done\n"), "    return 1\n");
  EXPECT_EQ(completion_code("    x = 2\n    if x:\n        return 1\nif __name__ == '__main__':\n    f()\n"),
            "    x = 2\n    if x:\n        return 1\n");
  EXPECT_EQ(completion_code("\n\tprint(1)\nprint(f(1))\n"), "\n\tprint(1)\n");
  EXPECT_EQ(completion_code("    return 1\nclass A:\n    pass"), "    return 1\n");
  EXPECT_EQ(completion_code("    return 1"), "    return 1");
}

TEST(CompletionCode, KeepsAWholeProgram) {
  EXPECT_EQ(completion_code("import re\ndef g(x):\n    return x\ndef f(x):\n    return g(x)\n[DONE]\nmore"),
            "import re\ndef g(x):\n    return x\ndef f(x):\n    return g(x)\n");
}

TEST(CompletionCode, TakesTheFenceThatDefinesAFunction) {
  EXPECT_EQ(completion_code("First:\n```python\ndef f(x):\n    return x\n```\nUse:\n```\nprint(f(1))\n```\n"),
            "def f(x):\n    return x\n");
  EXPECT_EQ(completion_code("```py\ndef f(x):\n    return 0\n```\nBetter:\n```py\ndef f(x):\n    return x\n```"),
            "def f(x):\n    return x\n");
  EXPECT_EQ(completion_code("```python\ndef f(x):\n    return x"), "def f(x):\n    return x");
  EXPECT_EQ(completion_code("  ```\n    return 7\n  ```"), "    return 7\n");
}

TEST(CompletionCode, MayBeBlank) {
  EXPECT_EQ(completion_code(""), "");
  EXPECT_EQ(completion_code("\n \n"), "\n \n");
  EXPECT_EQ(completion_code("```\n```"), "");
}

TEST(CodeTests, KeepTheirPartsAsOneText) {
  const CodeTests goes_on = parse_code_tests(code_tests({"def f():\n", "assert f()\n"}));
  const CodeTests whole = parse_code_tests(code_tests({"", "assert f()\n"}));

  EXPECT_EQ(goes_on.before, "def f():\n");
  EXPECT_EQ(goes_on.tests, "assert f()\n");
  EXPECT_EQ(whole.before, "");
  EXPECT_EQ(whole.tests, "assert f()\n");
}

}  // namespace
}  // namespace neurosweep
