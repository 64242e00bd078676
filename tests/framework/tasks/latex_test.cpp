#include <gtest/gtest.h>

#include "framework/tasks/answers.hpp"
#include "framework/tasks/latex_value.hpp"

namespace neurosweep {
namespace {

struct Pair {
  const char* a;
  const char* b;
};

std::ostream& operator<<(std::ostream& out, const Pair& pair) {
  return out << pair.a << " and " << pair.b;
}

class EqualLatex : public ::testing::TestWithParam<Pair> {};
class UnequalLatex : public ::testing::TestWithParam<Pair> {};

TEST_P(EqualLatex, IsTheSameAnswer) {
  EXPECT_TRUE(same_latex(GetParam().a, GetParam().b))
      << plain_latex(GetParam().a) << " | " << plain_latex(GetParam().b);
  EXPECT_TRUE(same_latex(GetParam().b, GetParam().a));
}

TEST_P(UnequalLatex, IsAnotherAnswer) {
  EXPECT_FALSE(same_latex(GetParam().a, GetParam().b))
      << plain_latex(GetParam().a) << " | " << plain_latex(GetParam().b);
  EXPECT_FALSE(same_latex(GetParam().b, GetParam().a));
}

INSTANTIATE_TEST_SUITE_P(Numbers, EqualLatex,
                         ::testing::Values(Pair{R"(\frac{1}{2})", "0.5"}, Pair{R"(\dfrac12)", R"(\tfrac{2}{4})"},
                                           Pair{R"(-\frac{3}{4})", "-0.75"}, Pair{R"(\frac{-3}{4})", R"(-\frac34)"},
                                           Pair{"1,000", "1000"}, Pair{R"(10,\!080)", "10080"},
                                           Pair{"10{,}080", "10080"}, Pair{R"(1\frac{4}{5})", R"(\frac{9}{5})"},
                                           Pair{"1 4/5", "1.8"}, Pair{R"(137 \frac{1}{2})", "137.5"}, Pair{".5", "0.5"},
                                           Pair{"+2", "2"}, Pair{"042", "42"}, Pair{R"(2^{10})", "1024"},
                                           Pair{"5!", "120"}, Pair{"-1./3", R"(-\frac{1}{3})"},
                                           Pair{R"(6 \times 10^{3})", "6000"}, Pair{"4e33", R"(4 \times 10^{33})"}));
INSTANTIATE_TEST_SUITE_P(Units, EqualLatex,
                         ::testing::Values(Pair{R"(864 \mbox{ inches}^2)", "864"}, Pair{R"(5.4 \text{ cents})", "5.4"},
                                           Pair{"5 cm", "5"}, Pair{"12 square feet", R"(12\text{ ft}^2)"},
                                           Pair{R"(90^\circ)", "90"}, Pair{R"(90^{\circ})", "90 degrees"},
                                           Pair{R"(50\%)", "50"}, Pair{R"(\$18.90)", "18.9"},
                                           Pair{R"(\frac{270}7\text{ degrees})", "270/7"},
                                           Pair{R"(\mathbf{127} )", "127"}, Pair{R"(\textbf{(113) })", "113"},
                                           Pair{"104.", "104"}));
INSTANTIATE_TEST_SUITE_P(Expressions, EqualLatex,
                         ::testing::Values(Pair{R"(\frac{\sqrt{2}}{2})", R"(\frac{1}{\sqrt2})"},
                                           Pair{R"(\sqrt{8})", R"(2\sqrt2)"},
                                           Pair{R"(11\sqrt{5}+11)", R"(11 + 11 \sqrt 5)"}, Pair{R"(\sqrt[3]{8})", "2"},
                                           Pair{"x^2+1", "1+x^{2}"}, Pair{"2(x+1)", "2x+2"}, Pair{"6-5i", "-5i+6"},
                                           Pair{R"(\frac{11+9a}{20})", R"(\frac{9a}{20} + \frac{11}{20})"},
                                           Pair{R"(\frac{\pi}{2})", R"(\pi/2)"},
                                           Pair{R"(\cot x)", R"(\frac{\cos x}{\sin x})"}, Pair{"a*b", "ba"},
                                           Pair{R"(e^{-t}/3)", R"(\frac{e^{-t}}{3})"},
                                           Pair{R"(\sin^2 x + \cos^2 x)", "1"}, Pair{R"(m_1 g)", R"(g m_{1})"}));
INSTANTIATE_TEST_SUITE_P(Parts, EqualLatex,
                         ::testing::Values(Pair{R"(\left( 3, \frac{\pi}{2} \right))", R"((3,\pi/2))"},
                                           Pair{R"(\{1,2\})", R"(\left\{2, 1\right\})"}, Pair{"1,-2", "-2, 1"},
                                           Pair{R"(1 \pm \sqrt{19})", R"(1-\sqrt{19}, 1+\sqrt{19})"},
                                           Pair{R"(\{1\pm\sqrt{5},-2\})", R"(\{-2, 1+\sqrt5, 1-\sqrt5\})"},
                                           Pair{R"((0,9) \cup (9,36))", R"((9,36)\cup(0,9))"},
                                           Pair{R"((-\infty, 0])", R"(\left(-\infty,0\right])"},
                                           Pair{R"(\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix})",
                                                R"(\begin{pmatrix}-\frac13\\ \frac23\end{pmatrix})"},
                                           Pair{R"(\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix})",
                                                R"(\begin{bmatrix}1&0\\0&1\end{bmatrix})"},
                                           Pair{R"(6 \text{ or } 7)", "7, 6"}));
INSTANTIATE_TEST_SUITE_P(Named, EqualLatex,
                         ::testing::Values(Pair{"x=5", "5"}, Pair{"f(x) = x+1", "x+1"},
                                           Pair{R"(x \in [-2,7])", "[-2,7]"}, Pair{"y = 2x + 3", "2x+3=y"},
                                           Pair{"5x - 7y + 4 = 0", "7y = 5x + 4"}, Pair{R"(\text{(C)})", "C"},
                                           Pair{R"(\text{Evelyn})", "Evelyn"}, Pair{R"(\text{even})", "Even"},
                                           Pair{R"(4210_{5})", "4210_5"}));

INSTANTIATE_TEST_SUITE_P(
    Different, UnequalLatex,
    ::testing::Values(Pair{R"(\frac{1}{3})", "0.333"}, Pair{"5", "-5"}, Pair{"1000", "10000"}, Pair{"(1,2)", "(2,1)"},
                      Pair{"(1,2)", "[1,2]"}, Pair{"(1,2]", "(1,2)"}, Pair{R"(\{1,2\})", R"(\{1,2,3\})"},
                      Pair{"1,2", "1,3"}, Pair{"x^2", "x^3"}, Pair{"x", "y"}, Pair{"x+1", "x+2"},
                      Pair{R"(\sqrt{5})", "5"}, Pair{"east", "seat"}, Pair{R"(\text{even})", R"(\text{odd})"},
                      Pair{"52_8", "52_9"}, Pair{"52_8", "52"}, Pair{R"(10\text{ a.m.})", R"(10\text{ p.m.})"},
                      Pair{"y = 2x + 3", "y = 2x + 4"}, Pair{"x=5", "y=6"}, Pair{"x=5", "y=5"},
                      Pair{R"(\begin{pmatrix}1\\2\end{pmatrix})", R"(\begin{pmatrix}1&2\end{pmatrix})"},
                      Pair{R"((0,9) \cup (9,36))", R"((0,36))"}, Pair{R"(1\pm2)", "3"}, Pair{"", "0"}, Pair{"", "x"},
                      Pair{R"(\frac{x}{0})", R"(\frac{y}{0})"}, Pair{R"(2\frac{1}{3})", R"(\frac{2}{3})"},
                      Pair{"C", "D"}, Pair{R"(\infty)", R"(-\infty)"}, Pair{"((((", "))))"}));

TEST(LatexValue, IsNothingForWordsEquationsAndLists) {
  for (const char* text : {"Evelyn", "x=5", "1,2", "52_8", "(1", "1+", "", R"(\frac{1})", "3..4"}) {
    EXPECT_FALSE(latex_value(text, 0)) << text;
  }
}

TEST(LatexValue, EndsOnDeepNesting) {
  EXPECT_FALSE(latex_value(std::string(100000, '('), 0));
  EXPECT_FALSE(latex_value(std::string(100000, '{') + "1" + std::string(100000, '}'), 0));
}

}  // namespace
}  // namespace neurosweep
