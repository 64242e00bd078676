#include "framework/tasks/latex_value.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>

#include "framework/base/hash.hpp"

namespace neurosweep {
namespace {

using Value = std::complex<double>;

constexpr int kSamples = 4;
constexpr double kTolerance = 1e-9;
constexpr int kMaxDepth = 64;
constexpr std::size_t kLongestFactors = 2;  ///< letters side by side that count as factors; more are a word

struct NotAnExpression {};

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

struct Function {
  std::string_view name;
  Value (*apply)(Value);
};

Value cotangent(Value x) {
  return 1.0 / std::tan(x);
}
Value secant(Value x) {
  return 1.0 / std::cos(x);
}
Value cosecant(Value x) {
  return 1.0 / std::sin(x);
}

constexpr std::array<Function, 13> kFunctions = {{{"\\sin", [](Value x) { return std::sin(x); }},
                                                  {"\\cos", [](Value x) { return std::cos(x); }},
                                                  {"\\tan", [](Value x) { return std::tan(x); }},
                                                  {"\\cot", cotangent},
                                                  {"\\sec", secant},
                                                  {"\\csc", cosecant},
                                                  {"\\arcsin", [](Value x) { return std::asin(x); }},
                                                  {"\\arccos", [](Value x) { return std::acos(x); }},
                                                  {"\\arctan", [](Value x) { return std::atan(x); }},
                                                  {"\\ln", [](Value x) { return std::log(x); }},
                                                  {"\\log", [](Value x) { return std::log10(x); }},
                                                  {"\\exp", [](Value x) { return std::exp(x); }},
                                                  {"\\sinh", [](Value x) { return std::sinh(x); }}}};

/// A recursive descent over the characters of one expression.
class Evaluator {
 public:
  Evaluator(std::string_view text, int sample) : text_(text), sample_(sample) {}

  Value run() {
    const Value value = sum();
    if (at_ != text_.size()) throw NotAnExpression();
    return value;
  }

 private:
  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    if (word[0] == '\\' && is_letter(word.back()) && is_letter(look(word.size()))) return false;
    at_ += word.size();
    while (look() == ' ') ++at_;
    return true;
  }
  void need(std::string_view word) {
    if (!take(word)) throw NotAnExpression();
  }

  Value sum() {
    if (++depth_ > kMaxDepth) throw NotAnExpression();
    const bool negative = look() == '-';
    if (look() == '-' || look() == '+') ++at_;
    Value total = negative ? -product() : product();
    while (look() == '+' || look() == '-') total += text_[at_++] == '-' ? -product() : product();
    --depth_;
    return total;
  }

  Value product() {
    Value total = power();
    while (true) {
      if (take("*") || take("\\cdot") || take("\\times")) {
        total *= signed_power();
      } else if (take("/") || take("\\div")) {
        total /= signed_power();
      } else if (starts_factor()) {
        total *= power();
      } else {
        return total;
      }
    }
  }

  Value signed_power() { return take("-") ? -power() : power(); }

  bool starts_factor() const {
    if (is_digit(look()) || look() == '.') return at_ > 0 && !is_digit(text_[at_ - 1]) && text_[at_ - 1] != '.';
    for (const char* word : {"\\cdot", "\\times", "\\div"}) {
      if (text_.substr(at_).starts_with(word)) return false;
    }
    return is_letter(look()) || look() == '(' || look() == '[' || look() == '{' || look() == '\\';
  }

  Value power() {
    Value base = atom();
    if (take("!")) base = std::tgamma(base.real() + 1);
    while (take("^")) base = std::pow(base, argument());
    if (look() == '_') throw NotAnExpression();
    return base;
  }

  // A group, a command, or one character.
  Value argument() {
    if (is_digit(look())) return static_cast<double>(text_[at_++] - '0');
    return atom();
  }

  Value group(std::string_view close) {
    const Value value = sum();
    need(close);
    return value;
  }

  Value atom() {
    if (is_digit(look()) || (look() == '.' && is_digit(look(1)))) return number();
    if (take("(")) return group(")");
    if (take("[")) return group("]");
    if (take("{")) return group("}");
    if (take("|")) return std::abs(group("|"));
    if (take("\\frac")) {
      const Value above = argument();
      return above / argument();
    }
    if (take("\\sqrt")) return root();
    if (take("\\pi")) return std::numbers::pi;
    for (const Function& function : kFunctions) {
      if (take(function.name)) return applied(function);
    }
    if (is_letter(look()) || look() == '\\') return symbol();
    throw NotAnExpression();
  }

  Value number() {
    const std::size_t begin = at_;
    while (is_digit(look())) ++at_;
    if (look() == '.') ++at_;
    while (is_digit(look())) ++at_;
    const bool is_integer = text_.substr(begin, at_ - begin).find('.') == std::string_view::npos;
    skip_exponent();
    const Value value = std::strtod(std::string(text_.substr(begin, at_ - begin)).c_str(), nullptr);
    return is_integer && is_mixed() ? value + atom() : value;
  }

  // "e33" or "e-5"
  void skip_exponent() {
    if (look() != 'e') return;
    const std::size_t sign = look(1) == '-' || look(1) == '+' ? 1 : 0;
    if (!is_digit(look(1 + sign))) return;
    at_ += 1 + sign;
    while (is_digit(look())) ++at_;
  }

  // Behind an integer: \frac of plain integers, the smaller above; "2\frac{x}{3}" is a product.
  bool is_mixed() const {
    std::string_view rest = text_.substr(at_);
    if (!rest.starts_with("\\frac")) return false;
    rest.remove_prefix(5);
    std::array<double, 2> parts{};
    for (double& part : parts) {
      const bool braced = rest.starts_with('{');
      std::size_t n = 0;
      while (braced + n < rest.size() && is_digit(rest[braced + n]) && (braced || n == 0)) ++n;
      if (n == 0 || (braced && (n + 1 >= rest.size() || rest[n + 1] != '}'))) return false;
      part = std::strtod(std::string(rest.substr(braced, n)).c_str(), nullptr);
      rest.remove_prefix(n + 2 * static_cast<std::size_t>(braced));
    }
    return parts[0] < parts[1];
  }

  Value root() {
    if (!take("[")) return std::sqrt(argument());
    const Value degree = group("]");
    return std::pow(argument(), 1.0 / degree);
  }

  // \sin x, \sin{x}, \sin^2 x, \sin 2x
  Value applied(const Function& function) {
    std::optional<Value> exponent;
    if (take("^")) exponent = argument();
    Value inner = power();
    if (look() != '(' && look() != '\\') {
      while (starts_factor() && look() != '(' && look() != '\\') inner *= power();
    }
    const Value value = function.apply(inner);
    return exponent ? std::pow(value, *exponent) : value;
  }

  Value symbol() {
    const std::size_t begin = at_;
    ++at_;
    if (text_[begin] == '\\') {
      while (is_letter(look())) ++at_;
      if (at_ == begin + 1) throw NotAnExpression();
      while (look() == ' ') ++at_;
    } else {
      std::size_t letters = begin;
      while (letters < text_.size() && is_letter(text_[letters])) ++letters;
      if (letters - begin > kLongestFactors) throw NotAnExpression();
    }
    if (take("_")) subscript();
    std::string_view name = text_.substr(begin, at_ - begin);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name == "i") return {0, 1};
    if (name == "e") return std::numbers::e;
    return variable(name);
  }

  void subscript() {
    if (!take("{")) {
      ++at_;
      return;
    }
    while (at_ < text_.size() && look() != '}') ++at_;
    need("}");
  }

  Value variable(std::string_view name) const {
    constexpr double kRange = 18446744073709551616.0;  // 2^64
    return 0.5 + 2 * (static_cast<double>(derive_seed(static_cast<std::uint64_t>(sample_), name)) / kRange);
  }

  std::string_view text_;
  int sample_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<std::complex<double>> latex_value(std::string_view latex, int sample) {
  try {
    const Value value = Evaluator(latex, sample).run();
    if (!std::isfinite(value.real()) || !std::isfinite(value.imag())) return std::nullopt;
    return value;
  } catch (const NotAnExpression&) {
    return std::nullopt;
  }
}

bool same_latex_value(std::string_view a, std::string_view b) {
  for (int sample = 0; sample < kSamples; ++sample) {
    const auto x = latex_value(a, sample);
    const auto y = latex_value(b, sample);
    if (!x || !y || std::abs(*x - *y) > kTolerance * std::max(std::abs(*x), std::abs(*y))) return false;
  }
  return true;
}

}  // namespace neurosweep
