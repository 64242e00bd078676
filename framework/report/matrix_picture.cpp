#include "framework/report/matrix_picture.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <set>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"

namespace neurosweep {
namespace {

constexpr int kCell = 62;  ///< width of a cell, units
constexpr int kRow = 26;
constexpr int kLeft = 110;
constexpr int kTop = 44;

std::string color_of(double difference) {
  const int pale = 255 - static_cast<int>(std::lround(195 * std::min(1.0, std::abs(difference))));
  return difference < 0 ? fmt::format("rgb(255,{0},{0})", pale) : fmt::format("rgb({0},{0},255)", pale);
}

int place(const std::set<std::string>& names, const std::string& name) {
  return static_cast<int>(std::distance(names.begin(), names.find(name)));
}

}  // namespace

void draw_matrix(std::ostream& out, const std::string& title, const std::vector<MatrixCell>& cells) {
  std::set<std::string> rows, columns;
  for (const MatrixCell& cell : cells) {
    rows.insert(cell.row);
    columns.insert(cell.column);
  }
  const int width = kLeft + kCell * static_cast<int>(columns.size()) + 8;
  const int height = kTop + kRow * static_cast<int>(rows.size()) + 8;
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"11\" text-anchor=\"middle\" role=\"img\" aria-label=\"{2}\">\n",
      width, height, title);
  out << fmt::format("<text x=\"{}\" y=\"16\" font-size=\"12\">{}</text>\n", width / 2, title);
  for (const auto& column : columns) {
    out << fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kLeft + kCell * place(columns, column) + kCell / 2,
                       kTop - 8, column);
  }
  for (const auto& row : rows) {
    out << fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 8,
                       kTop + kRow * place(rows, row) + kRow / 2 + 4, row == "*" ? "all tasks" : row);
  }
  for (const MatrixCell& cell : cells) {
    const int x = kLeft + kCell * place(columns, cell.column), y = kTop + kRow * place(rows, cell.row);
    out << fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"#999\"/>", x, y, kCell,
                       kRow, color_of(cell.difference));
    out << fmt::format("<text x=\"{}\" y=\"{}\"{}>{}</text>\n", x + kCell / 2, y + kRow / 2 + 4,
                       cell.bold ? " font-weight=\"bold\"" : "", points_text(cell.difference));
  }
  out << "</svg>\n\n";
}

}  // namespace neurosweep
