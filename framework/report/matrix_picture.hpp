#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace neurosweep {

/// A cell of a matrix picture.
struct MatrixCell {
  std::string row;
  std::string column;
  double difference = 0;  ///< share in [-1, 1], written in points
  bool bold = false;
};

/// Draws a matrix as SVG: white for no difference, red for a loss, blue for a gain; rows and columns by name, '*' is
/// called all tasks.
void draw_matrix(std::ostream& out, const std::string& title, const std::vector<MatrixCell>& cells);

}  // namespace neurosweep
