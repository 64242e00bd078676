#include "framework/report/markdown.hpp"

#include <ostream>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

std::string escape(const std::string& cell) {
  std::string text;
  for (const char letter : cell) {
    if (letter == '|') text += '\\';
    text += letter == '\n' || letter == '\r' ? ' ' : letter;
  }
  return text;
}

}  // namespace

void MarkdownTable::add(std::vector<std::string> cells) {
  ensure(cells.size() == rows_.front().size(), "a table row with as many cells as the header");
  rows_.push_back(std::move(cells));
}

void MarkdownTable::write(std::ostream& out) const {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    for (const std::string& cell : rows_[row]) out << "| " << escape(cell) << ' ';
    out << "|\n";
    if (row > 0) continue;
    for (std::size_t column = 0; column < rows_[0].size(); ++column) out << "|---";
    out << "|\n";
  }
  out << '\n';
}

std::string percent_text(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string points_text(double difference) {
  return fmt::format("{:+.1f}", 100 * difference);
}

std::string plain_number(double value) {
  return fmt::format("{:.3g}", value);
}

std::string number_text(std::optional<double> value) {
  return value ? plain_number(*value) : "-";
}

std::string p_text(std::optional<double> p) {
  if (!p) return "-";
  return *p < 0.0001 ? "< 0.0001" : fmt::format("{:.4f}", *p);
}

std::string interval_text(std::optional<double> low, std::optional<double> high, std::string (*text_of)(double)) {
  if (!low || !high) return "-";
  return fmt::format("{} to {}", text_of(*low), text_of(*high));
}

}  // namespace neurosweep
