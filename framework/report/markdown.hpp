#pragma once

#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// A Markdown table, written when it is complete.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::vector<std::string> header) : rows_{std::move(header)} {}

  /// Adds a row; Error{internal} when it has another number of cells than the header.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  void write(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "52.3 %" of a share.
std::string percent_text(double share);

/// "-12.0" of a difference of shares, in percentage points.
std::string points_text(double difference);

/// Three significant digits; "-" for none.
std::string number_text(std::optional<double> value);

/// "0.0123", "< 0.0001" or "-" for none.
std::string p_text(std::optional<double> p);

/// "low to high", each through `text_of`; "-" when a bound is missing.
std::string interval_text(std::optional<double> low, std::optional<double> high, std::string (*text_of)(double));

/// number_text() of a value that is there.
std::string plain_number(double value);

}  // namespace neurosweep
