#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <vector>

#include "results_schema/rows.hpp"

namespace neurosweep {

/// Appends the canonical bytes of row fields: a tag, then 8 little-endian bytes or a length and bytes.
/// What SQLite gives back has the same bytes: -0.0, which it stores as 0.0, is written as 0.0.
class RowEncoder {
 public:
  explicit RowEncoder(std::vector<std::byte>& out) : out_(out) {}

  template <class Row>
  void row(const Row& row) {
    Row::fields(row, [this](const char*, const auto& value) { field(value); });
  }
  void field(std::int64_t value) { word('i', static_cast<std::uint64_t>(value)); }
  void field(double value) { word('r', std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value)); }
  void field(std::string_view value) { block('t', value.data(), value.size()); }
  void field(const std::string& value) { field(std::string_view(value)); }
  void field(const std::vector<float>& value) { block('b', value.data(), value.size() * sizeof(float)); }
  template <class T>
  void field(const std::optional<T>& value) {
    if (value)
      field(*value);
    else
      out_.push_back(std::byte{'n'});
  }

 private:
  void word(char tag, std::uint64_t value) {
    out_.push_back(static_cast<std::byte>(tag));
    for (int shift = 0; shift < 64; shift += 8) out_.push_back(static_cast<std::byte>(value >> shift));
  }
  void block(char tag, const void* data, std::size_t size) {
    word(tag, size);
    const std::size_t start = out_.size();
    out_.resize(start + size);
    if (size > 0) std::memcpy(out_.data() + start, data, size);
  }

  std::vector<std::byte>& out_;
};

}  // namespace neurosweep
