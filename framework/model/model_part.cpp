#include "framework/model/model_part.hpp"

#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/model/arch.hpp"

namespace neurosweep {
namespace {

bool can_be_cut(const ArchSpec& arch, std::int64_t parts) {
  if (parts < 1 || parts > arch.M || parts > arch.V) return false;
  if (parts <= arch.kv_heads) return true;
  return parts % arch.kv_heads == 0 && parts <= arch.H;
}

}  // namespace

Piece piece_of(std::int64_t total, ModelPart part) {
  const std::int64_t first = total * part.index / part.count;
  return {first, total * (part.index + 1) / part.count - first};
}

HeadPieces heads_of(const ArchSpec& arch) {
  const std::int64_t group = arch.H / arch.kv_heads;
  if (arch.part.count <= arch.kv_heads) {
    const Piece key = piece_of(arch.kv_heads, arch.part);
    return {{key.first * group, key.count * group}, key};
  }
  const int sharers = arch.part.count / static_cast<int>(arch.kv_heads);  // parts that read the same key head
  const std::int64_t key = arch.part.index / sharers;
  const Piece query = piece_of(group, {arch.part.index % sharers, sharers});
  return {{key * group + query.first, query.count}, {key, 1}};
}

Piece neurons_of(const ArchSpec& arch) {
  return piece_of(arch.M, arch.part);
}

ArchSpec sizes_of_part(const ArchSpec& arch) {
  ArchSpec sizes = arch;
  const HeadPieces heads = heads_of(arch);
  sizes.H = heads.query.count;
  sizes.kv_heads = heads.key.count;
  sizes.M = neurons_of(arch).count;
  sizes.V = piece_of(arch.V, arch.part).count;
  return sizes;
}

void check_part(const ArchSpec& arch) {
  if (can_be_cut(arch, arch.part.count)) return;
  std::vector<std::int64_t> possible;
  for (std::int64_t parts = 1; parts <= arch.H; ++parts) {
    if (can_be_cut(arch, parts)) possible.push_back(parts);
  }
  throw input_error("a model with {} query heads and {} key heads cannot be cut into {} parts (possible: {})", arch.H,
                    arch.kv_heads, arch.part.count, fmt::join(possible, ", "));
}

}  // namespace neurosweep
