#include "framework/tasks/option_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "framework/tasks/answers.hpp"
#include "framework/tasks/number.hpp"

namespace neurosweep {
namespace {

constexpr std::array<std::string_view, 7> kCurrencies = {"$", "\\$", "\u20ac", "\u00a3", "\u20b9", "rs.", "rs"};
constexpr std::array<std::string_view, 6> kMoney = {"dollar", "cent", "rupee", "euro", "pound", "usd"};
constexpr std::size_t kMostUnitWords = 3;
constexpr std::size_t kLongestValue = 256;  ///< bytes that are compared as LaTeX
constexpr std::string_view kSpace = " \t\r\n";

/// What stands around a number: a currency sign, and what follows without spaces, in lower case.
struct Marks {
  bool currency = false;
  bool attached = false;  ///< no space before the unit
  std::string unit;
};

struct Quantity {
  Number number;
  Marks marks;
};

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return low;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

template <class Same>
std::optional<std::size_t> only_option(std::span<const std::string> options, Same same) {
  std::optional<std::size_t> only;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (!same(options[i])) continue;
    if (only) return std::nullopt;
    only = i;
  }
  return only;
}

bool is_percent(const Marks& marks) {
  return marks.unit.starts_with('%') || marks.unit.starts_with("percent");
}
bool is_money(const Marks& marks) {
  return marks.currency ||
         std::any_of(kMoney.begin(), kMoney.end(), [&](std::string_view word) { return marks.unit.starts_with(word); });
}
// "p" of "12p" is a factor, no unit.
bool has_factor(const Marks& marks) {
  return marks.attached && marks.unit.size() == 1 && is_letter(marks.unit[0]);
}

// Words of a unit: letters, "%", "/", "^2".
std::optional<std::string> unit_of(std::string_view text) {
  std::string unit;
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space && !is_letter(c) && std::string_view("%/.^23\\").find(c) == std::string_view::npos &&
        static_cast<unsigned char>(c) < 0x80) {
      return std::nullopt;
    }
    if (!space && !inside) ++words;
    inside = !space;
    if (!space && c != '\\') unit += c;
  }
  if (words > kMostUnitWords) return std::nullopt;
  return lower(unit);
}

// The quantity that an option consists of.
std::optional<Quantity> option_quantity(std::string_view option) {
  const auto numbers = numbers_in(option);
  if (numbers.empty()) return std::nullopt;
  const NumberInText& first = numbers.front();
  std::string before = lower(trimmed(option.substr(0, first.begin)));
  std::erase(before, '-');
  const std::string currency(trimmed(before));
  const auto unit = unit_of(option.substr(first.end));
  if (!unit) return std::nullopt;
  const bool known = std::find(kCurrencies.begin(), kCurrencies.end(), currency) != kCurrencies.end();
  if (!currency.empty() && !known) return std::nullopt;
  const bool attached = first.end < option.size() && is_letter(option[first.end]);
  return Quantity{first.number, {known, attached, *unit}};
}

// What visibly belongs to a number in running text: the words behind it may not.
Marks visible_marks(std::string_view text, const NumberInText& found) {
  Marks marks;
  std::string before = lower(text.substr(found.begin < 8 ? 0 : found.begin - 8, std::min<std::size_t>(found.begin, 8)));
  while (before.ends_with('-') || before.ends_with(' ')) before.pop_back();
  marks.currency = std::any_of(kCurrencies.begin(), kCurrencies.end(),
                               [&](std::string_view sign) { return before.ends_with(sign); });
  std::size_t end = found.end;
  while (end < text.size() && is_letter(text[end])) ++end;
  marks.attached = end > found.end;
  marks.unit = lower(text.substr(found.end, end - found.end));
  if (marks.attached) return marks;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\\')) ++end;
  if (end < text.size() && text[end] == '%') marks.unit = "%";
  return marks;
}

bool may_be(const Marks& seen, const Marks& option) {
  if (has_factor(option)) return seen.attached && seen.unit == option.unit;
  if (is_percent(seen)) return option.unit.empty() ? !option.currency : is_percent(option);
  if (seen.attached) return option.unit.empty() ? seen.unit.size() > 1 : option.unit.starts_with(seen.unit);
  if (seen.currency) return option.unit.empty() || is_money(option);
  return true;
}

// Part of an exponent, a subscript, a LaTeX argument or a ratio: no quantity of its own.
enum class Context { plain, passed_over, part };

Context context_of(std::string_view text, const NumberInText& found) {
  std::string_view before = text.substr(0, found.begin);
  const bool braced = before.ends_with('{');
  if (braced) before.remove_suffix(1);
  if (before.ends_with('^') || before.ends_with('_')) return Context::passed_over;
  if (braced && !before.ends_with("\\boxed") && !before.ends_with("\\text")) return Context::part;
  const bool ratio = before.size() > 1 && before.back() == ':' &&
                     std::isdigit(static_cast<unsigned char>(before[before.size() - 2])) != 0;
  return ratio || (!before.empty() && is_letter(before.back())) ? Context::part : Context::plain;
}

bool has_mark(const Quantity& option) {
  return option.marks.currency || !option.marks.unit.empty();
}

std::string_view token_at(std::string_view text, const NumberInText& found) {
  const auto space = text.find_last_of(kSpace, found.begin);
  const std::size_t begin = space == std::string_view::npos ? 0 : space + 1;
  return text.substr(begin, std::min(text.find_first_of(kSpace, found.end), text.size()) - begin);
}

}  // namespace

std::optional<std::size_t> option_of_text(std::span<const std::string> options, std::string_view text) {
  const std::string_view bare = trimmed(text);
  if (bare.empty()) return std::nullopt;
  const auto full_stop = [&](const std::string& option) {
    return bare.size() == option.size() + 1 && bare.starts_with(option) && bare.back() == '.';
  };
  if (const auto exact = only_option(options, [&](const std::string& option) { return option == bare; })) return exact;
  if (const auto exact = only_option(options, full_stop)) return exact;
  return only_option(options, [&](const std::string& option) { return same_text(option, text); });
}

std::optional<std::size_t> option_of_value(std::span<const std::string> options, std::string_view text) {
  if (text.size() > kLongestValue) return std::nullopt;
  return only_option(
      options, [&](const std::string& option) { return option.size() <= kLongestValue && same_latex(option, text); });
}

Conclusion last_quantity(std::span<const std::string> options, std::string_view text) {
  std::vector<std::optional<Quantity>> quantities;
  for (const std::string& option : options) quantities.push_back(option_quantity(option));
  const bool all_marked =
      std::all_of(quantities.begin(), quantities.end(), [](const auto& each) { return !each || has_mark(*each); });
  const auto numbers = numbers_in(text);
  for (auto found = numbers.rbegin(); found != numbers.rend(); ++found) {
    const Context context = context_of(text, *found);
    if (context == Context::passed_over || is_denied(text, found->begin)) continue;
    const std::string_view token = token_at(text, *found);
    if (const auto option = option_of_text(options, token)) return {option, std::string(token)};
    if (context == Context::part) return {std::nullopt, std::string(token)};
    const Marks seen = visible_marks(text, *found);
    const auto fits = [&](const std::optional<Quantity>& each) { return each && may_be(seen, each->marks); };
    const bool is_marked = seen.currency || !seen.unit.empty();
    if (is_marked && all_marked && std::none_of(quantities.begin(), quantities.end(), fits)) continue;
    std::optional<std::size_t> only;
    for (std::size_t i = 0; i < quantities.size(); ++i) {
      if (!fits(quantities[i]) || !same_number(quantities[i]->number, found->number)) continue;
      if (only) return {std::nullopt, to_text(found->number)};
      only = i;
    }
    return {only, to_text(found->number)};
  }
  return {};
}

}  // namespace neurosweep
