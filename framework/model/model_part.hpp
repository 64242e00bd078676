#pragma once

#include <cstdint>

namespace neurosweep {

struct ArchSpec;

/// Which of `count` ranks holds a decoder's part number `index`: each has some of the heads, of every layer's neurons
/// and of the vocabulary. The default is the whole decoder.
struct ModelPart {
  int index = 0;
  int count = 1;
};

/// Numbers [first, first + count) of a whole.
struct Piece {
  std::int64_t first, count;
  bool holds(std::int64_t number) const { return first <= number && number < first + count; }
};

/// The piece of `total` that a part holds; pieces differ by one at most.
Piece piece_of(std::int64_t total, ModelPart part);

/// Query heads of a part and the key heads that they read. A key head is on several parts where there are more parts
/// than key heads.
struct HeadPieces {
  Piece query, key;
};
HeadPieces heads_of(const ArchSpec& arch);

/// The neurons of every layer that arch.part holds.
Piece neurons_of(const ArchSpec& arch);

/// The sizes of arch.part alone: its H, kv_heads, M and V.
ArchSpec sizes_of_part(const ArchSpec& arch);

/// Throws Error{input} where arch.part.count is no number of parts into which this decoder can be cut.
void check_part(const ArchSpec& arch);

}  // namespace neurosweep
