#include "framework/store/query_format.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace neurosweep {

namespace {

constexpr std::size_t kWidestCell = 60;  // letters of a table cell; longer text is cut with an ellipsis

std::string plain_text(const SqlValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>)
          return "";
        else if constexpr (std::is_same_v<Held, std::string>)
          return held;
        else if constexpr (std::is_same_v<Held, std::vector<float>>)
          return fmt::format("<{} floats>", held.size());
        else
          return fmt::format("{}", held);
      },
      value);
}

std::size_t count_letters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// Bytes of the first `letters` letters of UTF-8 text.
std::size_t prefix_bytes(std::string_view text, std::size_t letters) {
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
    if ((text[bytes] & 0xC0) != 0x80 && seen++ == letters) break;
  }
  return bytes;
}

std::string table_cell(const SqlValue& value) {
  if (const double* number = std::get_if<double>(&value)) return fmt::format("{:.6g}", *number);
  std::string text;
  for (char letter : plain_text(value)) {
    if (letter == '\n')
      text += "\\n";
    else if (letter == '\t')
      text += "\\t";
    else if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F)
      text += '?';
    else
      text += letter;
  }
  if (count_letters(text) > kWidestCell) text = text.substr(0, prefix_bytes(text, kWidestCell - 1)) + "…";
  return text;
}

bool is_number_column(const QueryResult& result, std::size_t column) {
  return std::none_of(result.rows.begin(), result.rows.end(),
                      [&](const auto& row) { return std::holds_alternative<std::string>(row[column]); });
}

void print_aligned(std::ostream& out, const QueryResult& result) {
  std::vector<std::vector<std::string>> lines{result.columns};
  for (const auto& row : result.rows) {
    auto& line = lines.emplace_back();
    for (const SqlValue& value : row) line.push_back(table_cell(value));
  }
  std::vector<std::size_t> widths(result.columns.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], count_letters(line[i]));
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - count_letters(line[i]), ' ');
      text += (i == 0 ? "" : "  ") + (is_number_column(result, i) ? padding + line[i] : line[i] + padding);
    }
    out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  }
  out << fmt::format("({} row{})\n", result.rows.size(), result.rows.size() == 1 ? "" : "s");
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + '"';
}

void print_csv(std::ostream& out, const QueryResult& result) {
  const auto print_line = [&](const auto& fields, auto&& to_text) {
    for (std::size_t i = 0; i < fields.size(); ++i) out << (i == 0 ? "" : ",") << csv_field(to_text(fields[i]));
    out << "\n";
  };
  print_line(result.columns, [](const std::string& name) { return name; });
  for (const auto& row : result.rows) print_line(row, plain_text);
}

// Length of the valid UTF-8 sequence at `at`, 0 when there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : (first & 0xF0) == 0xE0        ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  if (length < 3) return length;
  const unsigned char second = byte(at + 1);
  const bool overlong_or_surrogate = (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ||
                                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
  return overlong_or_surrogate ? 0 : length;
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char letter = text[at];
    if (length == 0)
      json += "\\ufffd";
    else if (letter == '"' || letter == '\\')
      json += fmt::format("\\{}", letter);
    else if (letter == '\n')
      json += "\\n";
    else if (length == 1 && static_cast<unsigned char>(letter) < 0x20)
      json += fmt::format("\\u{:04x}", int{letter});
    else
      json += text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return json + '"';
}

std::string json_value(const SqlValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (const double* number = std::get_if<double>(&value); number && !std::isfinite(*number)) return "null";
  if (std::holds_alternative<double>(value) || std::holds_alternative<std::int64_t>(value)) return plain_text(value);
  return json_string(plain_text(value));
}

void print_json(std::ostream& out, const QueryResult& result) {
  out << "[";
  for (std::size_t row = 0; row < result.rows.size(); ++row) {
    out << (row == 0 ? "\n  {" : ",\n  {");
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      out << (i == 0 ? "" : ", ") << json_string(result.columns[i]) << ": " << json_value(result.rows[row][i]);
    }
    out << "}";
  }
  out << (result.rows.empty() ? "]\n" : "\n]\n");
}

}  // namespace

TableFormat table_format(const std::string& name) {
  if (name == "table") return TableFormat::table;
  if (name == "csv") return TableFormat::csv;
  if (name == "json") return TableFormat::json;
  throw input_error("format '{}' is not known: give table, csv or json", name);
}

void print_table(std::ostream& out, const QueryResult& result, TableFormat format) {
  switch (format) {
    case TableFormat::table:
      return print_aligned(out, result);
    case TableFormat::csv:
      return print_csv(out, result);
    case TableFormat::json:
      return print_json(out, result);
  }
}

}  // namespace neurosweep
