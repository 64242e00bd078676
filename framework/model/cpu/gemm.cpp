#include "framework/model/cpu/gemm.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>
#include <utility>

#include "framework/model/cpu/simd.hpp"

namespace neurosweep::cpu {

namespace {

constexpr std::int64_t kPanel = PackedWeight::kPanel;
constexpr std::int64_t kTileRows = 14;       // AVX-512: 28 of 32 registers hold sums
constexpr std::int64_t kNarrowTileRows = 6;  // AVX2: 12 of 16
constexpr std::int64_t kCacheLine = 64;
constexpr std::int64_t kInputBytes = 256 << 10;  // of x, kept in the second-level cache
constexpr std::int64_t kParallelWork = 1 << 20;  // multiplications that are worth a second thread

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

using Half [[gnu::vector_size(32)]] = float;
using LooseHalf [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = float;
using Words16 [[gnu::vector_size(32), gnu::aligned(2), gnu::may_alias]] = std::uint16_t;
using Words8 [[gnu::vector_size(16), gnu::aligned(2), gnu::may_alias]] = std::uint16_t;
using UintLanes [[gnu::vector_size(64)]] = std::uint32_t;
using UintHalf [[gnu::vector_size(32)]] = std::uint32_t;

NS_INLINE void load(const float* p, Lanes& to) {
  to = *reinterpret_cast<const Loose*>(p);
}
NS_INLINE void load(const float* p, Half& to) {
  to = *reinterpret_cast<const LooseHalf*>(p);
}
NS_INLINE void load(const Bfloat16* p, Lanes& to) {
  to = __builtin_bit_cast(Lanes, __builtin_convertvector(*reinterpret_cast<const Words16*>(p), UintLanes) << 16);
}
NS_INLINE void load(const Bfloat16* p, Half& to) {
  to = __builtin_bit_cast(Half, __builtin_convertvector(*reinterpret_cast<const Words8*>(p), UintHalf) << 16);
}
NS_INLINE void keep(const Lanes& x, float* p) {
  *reinterpret_cast<Loose*>(p) = x;
}
NS_INLINE void keep(const Half& x, float* p) {
  *reinterpret_cast<LooseHalf*>(p) = x;
}

/// Memory that is fetched while a tile computes: `stride` bytes for every step of the inner loop, one or two lines.
struct Ahead {
  const char* from;
  std::int64_t stride;
};

/// Two vectors of columns of `Rows` rows, with all sums in registers.
template <int Rows, class Vector, class Number>
NS_INLINE void tile_body(const float* x, std::int64_t x_stride, const Number* w, std::int64_t w_stride,
                         std::int64_t inner, float* out, std::int64_t out_stride, Into into, Ahead ahead) {
  constexpr std::int64_t kWidth = sizeof(Vector) / sizeof(float);
  Vector sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    if (into == Into::add) {
      load(out + r * out_stride, sums[r][0]);
      load(out + r * out_stride + kWidth, sums[r][1]);
    } else {
      sums[r][0] = sums[r][1] = Vector{};
    }
  }
  for (std::int64_t k = 0; k < inner; ++k, w += w_stride) {
    Vector left, right;
    load(w, left);
    load(w + kWidth, right);
    __builtin_prefetch(ahead.from + k * ahead.stride, 0, 2);
    __builtin_prefetch(ahead.from + k * ahead.stride + ahead.stride / 2, 0, 2);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const float factor = x[r * x_stride + k];
      sums[r][0] += factor * left;
      sums[r][1] += factor * right;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    keep(sums[r][0], out + r * out_stride);
    keep(sums[r][1], out + r * out_stride + kWidth);
  }
}

template <class Number>
using Tile = void (*)(const float*, std::int64_t, const Number*, std::int64_t, std::int64_t, float*, std::int64_t, Into,
                      Ahead);

#define NS_TILE_PARAMETERS                                                                                       \
  const float *x, std::int64_t x_stride, const Number *w, std::int64_t w_stride, std::int64_t inner, float *out, \
      std::int64_t out_stride, Into into, Ahead ahead

/// A tile for AVX2 or less: 32 columns as twice two narrow vectors.
template <int Rows, class Number>
NS_INLINE void narrow_tile_body(NS_TILE_PARAMETERS) {
  tile_body<Rows, Half>(x, x_stride, w, w_stride, inner, out, out_stride, into, ahead);
  tile_body<Rows, Half>(x, x_stride, w + 16, w_stride, inner, out + 16, out_stride, into, ahead);
}

#if defined(__x86_64__)
template <int Rows, class Number>
NS_V4 void tile_v4(NS_TILE_PARAMETERS) {
  tile_body<Rows, Lanes>(x, x_stride, w, w_stride, inner, out, out_stride, into, ahead);
}
template <int Rows, class Number>
NS_V3 void tile_v3(NS_TILE_PARAMETERS) {
  narrow_tile_body<Rows>(x, x_stride, w, w_stride, inner, out, out_stride, into, ahead);
}
#endif
template <int Rows, class Number>
void tile_plain(NS_TILE_PARAMETERS) {
  narrow_tile_body<Rows>(x, x_stride, w, w_stride, inner, out, out_stride, into, ahead);
}

/// Tiles of 1, 2, ... rows.
template <class Number>
struct TileSet {
  std::array<Tile<Number>, kTileRows> of_rows{};
  std::int64_t most_rows = 0;
};

template <class Number, int... I>
TileSet<Number> make_tiles(InstructionSet set, std::integer_sequence<int, I...> /*rows*/) {
#if defined(__x86_64__)
  if (set == InstructionSet::v4) return {{tile_v4<I + 1, Number>...}, kTileRows};
  if (set == InstructionSet::v3) {
    return {{(I < kNarrowTileRows ? tile_v3<std::min<int>(I, kNarrowTileRows - 1) + 1, Number> : nullptr)...},
            kNarrowTileRows};
  }
#endif
  return {{(I < kNarrowTileRows ? tile_plain<std::min<int>(I, kNarrowTileRows - 1) + 1, Number> : nullptr)...},
          kNarrowTileRows};
}

template <class Number>
const TileSet<Number>& tiles() {
  constexpr auto kRows = std::make_integer_sequence<int, kTileRows>();
  static const std::array<TileSet<Number>, 3> sets = {make_tiles<Number>(InstructionSet::plain, kRows),
                                                      make_tiles<Number>(InstructionSet::v3, kRows),
                                                      make_tiles<Number>(InstructionSet::v4, kRows)};
  return sets[static_cast<std::size_t>(instruction_set())];
}

/// Runs `tile(first_row, n)` over rows cut into nearly equal runs of at most `most`.
template <class Run>
void for_each_tile(std::int64_t rows, std::int64_t most, Run&& run) {
  const std::int64_t count = divide_up(rows, most);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = rows * i / count, end = rows * (i + 1) / count;
    run(begin, end - begin);
  }
}

NS_INLINE void apply_activation(Lanes& x, ActivationKind kind) {
  if (kind == ActivationKind::relu) {
    x = x > 0.0F ? x : Lanes{};
    return;
  }
  if (kind == ActivationKind::gelu) {
    for (int lane = 0; lane < kLanes; ++lane) x[lane] = 0.5F * x[lane] * (1.0F + std::erf(x[lane] * 0.70710678F));
    return;
  }
  // silu(x) = x / (1 + e^-x); gelu's tanh form is x / (1 + e^-2u) with u its argument of tanh
  Lanes power = kind == ActivationKind::silu ? -x : x * (x * x * -0.071354816F - 1.5957691F);
  exponential(power);
  x = x / (1.0F + power);
}

/// One finished tile's sums [rows, 32] into the product's output.
struct TileOut {
  const float* sums;
  const float* bias;  ///< [32], or null
  float* out;         ///< first column of the panel
  std::int64_t rows, out_stride, columns;
  Finish finish;
  PanelOrder order;
  ActivationKind activation;
};

NS_INLINE void write_lanes(const Lanes& x, float* out, std::int64_t columns, Finish finish) {
  if (columns >= kLanes) {
    lanes_at(out) = finish == Finish::add ? lanes_at(out) + x : x;
    return;
  }
  for (std::int64_t lane = 0; lane < columns; ++lane) out[lane] = finish == Finish::add ? out[lane] + x[lane] : x[lane];
}

NS_INLINE void finish_tile_body(const TileOut& tile) {
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    Lanes left = lanes_at(tile.sums + r * kPanel), right = lanes_at(tile.sums + r * kPanel + kLanes);
    float* out = tile.out + r * tile.out_stride;
    if (tile.bias != nullptr) {
      left += lanes_at(tile.bias);
      right += lanes_at(tile.bias + kLanes);
    }
    if (tile.finish == Finish::activate) apply_activation(left, tile.activation);
    if (tile.order == PanelOrder::gated) {
      left *= right;
      write_lanes(left, out, tile.columns, tile.finish);
      continue;
    }
    if (tile.finish == Finish::activate) apply_activation(right, tile.activation);
    write_lanes(left, out, tile.columns, tile.finish);
    if (tile.columns > kLanes) write_lanes(right, out + kLanes, tile.columns - kLanes, tile.finish);
  }
}

NS_FOR_EACH_SET(finish_tile, (const TileOut& tile), (tile))

void finish_tile(const TileOut& tile) {
  NS_RUN_BEST(finish_tile(tile))
}

}  // namespace

/// One product's blocks of rows and panels.
struct ProductRun {
  const Product& job;

  template <class Number>
  void block(const AlignedBuffer<Number>& numbers, std::int64_t first_row, std::int64_t rows, std::int64_t first_panel,
             std::int64_t end_panel) const {
    const PackedWeight& weight = job.weight;
    const std::int64_t panel_width = weight.order_ == PanelOrder::gated ? kLanes : kPanel;
    alignas(64) float sums[kTileRows * kPanel];
    for (std::int64_t panel = first_panel; panel < end_panel; ++panel) {
      const Number* w = numbers.data() + panel * weight.in_ * kPanel;
      const Number* next = panel + 1 < weight.panels_ ? w + weight.in_ * kPanel : w;
      const std::int64_t column = panel * panel_width;
      for_each_tile(rows, tiles<Number>().most_rows, [&](std::int64_t begin, std::int64_t n) {
        const std::int64_t row = first_row + begin;
        tiles<Number>().of_rows[static_cast<std::size_t>(n - 1)](job.x + row * job.x_stride, job.x_stride, w, kPanel,
                                                                 weight.in_, sums, kPanel, Into::store,
                                                                 share_of_panel(next, begin, rows));
        finish_tile({sums, weight.bias_.empty() ? nullptr : weight.bias_.data() + panel * kPanel,
                     job.out + row * job.out_stride + column, n, job.out_stride,
                     std::min(panel_width, weight.width() - column), job.finish, weight.order_, job.activation});
      });
    }
  }

  /// The part of the next panel that is fetched during the tile that begins at row `begin` of `rows`: with few rows
  /// the weights' way from memory takes as long as the arithmetic, and should take place beside it.
  template <class Number>
  Ahead share_of_panel(const Number* next, std::int64_t begin, std::int64_t rows) const {
    const auto line_bytes = static_cast<std::int64_t>(kPanel * sizeof(Number));  // of one step
    const auto* from = reinterpret_cast<const char*>(next);
    if (rows <= tiles<Number>().most_rows) return {from, line_bytes};
    if (begin == 0) return {from, kCacheLine};
    const bool second = begin <= tiles<Number>().most_rows && line_bytes > kCacheLine;
    return second ? Ahead{from + job.weight.in_ * kCacheLine, kCacheLine} : Ahead{from, 0};
  }

  void run(int threads) const {
    const std::int64_t tile_rows = tiles<float>().most_rows;
    const std::int64_t in_bytes = job.weight.in_ * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t block_rows = std::max<std::int64_t>(1, kInputBytes / (in_bytes * tile_rows)) * tile_rows;
    const std::int64_t row_blocks = divide_up(job.rows, block_rows);
    const bool is_large = job.rows * job.weight.in_ * job.weight.out_ > kParallelWork;
    const std::int64_t panel_blocks = is_large ? std::min<std::int64_t>(threads, job.weight.panels_) : 1;
    const std::int64_t tasks = row_blocks * panel_blocks;
#pragma omp parallel for num_threads(threads) schedule(static) if (is_large && threads > 1)
    for (std::int64_t task = 0; task < tasks; ++task) {
      const std::int64_t row_block = task % row_blocks, panel_block = task / row_blocks;
      const std::int64_t first = job.rows * row_block / row_blocks, end = job.rows * (row_block + 1) / row_blocks;
      std::visit(
          [&](const auto& numbers) {
            block(numbers, first, end - first, job.weight.panels_ * panel_block / panel_blocks,
                  job.weight.panels_ * (panel_block + 1) / panel_blocks);
          },
          job.weight.numbers_);
    }
  }
};

PackedWeight::PackedWeight(std::int64_t out, std::int64_t in, const RowOf<float>& row, const RowOf<float>& bias,
                           PanelOrder order)
    : out_(out),
      in_(in),
      panels_(order == PanelOrder::gated ? divide_up(out / 2, kLanes) : divide_up(out, kPanel)),
      order_(order) {
  numbers_ = AlignedBuffer<float>(panels_ * in * kPanel);
  fill(row, bias);
}

PackedWeight::PackedWeight(std::int64_t out, std::int64_t in, const RowOf<Bfloat16>& row, const RowOf<float>& bias,
                           PanelOrder order)
    : out_(out),
      in_(in),
      panels_(order == PanelOrder::gated ? divide_up(out / 2, kLanes) : divide_up(out, kPanel)),
      order_(order) {
  numbers_ = AlignedBuffer<Bfloat16>(panels_ * in * kPanel);
  fill(row, bias);
}

template <class Number>
void PackedWeight::fill(const RowOf<Number>& row, const RowOf<float>& bias) {
  Number* to = std::get<AlignedBuffer<Number>>(numbers_).data();
  if (bias) bias_.assign(static_cast<std::size_t>(panels_ * kPanel), 0.0F);
  const std::int64_t half = out_ / 2;
  for (std::int64_t panel = 0; panel < panels_; ++panel, to += in_ * kPanel) {
    for (std::int64_t c = 0; c < kPanel; ++c) {
      std::int64_t o = panel * kPanel + c;
      bool exists = o < out_;
      if (order_ == PanelOrder::gated) {
        const std::int64_t neuron = panel * kLanes + c % kLanes;
        exists = neuron < half;
        o = c < kLanes ? neuron : half + neuron;
      }
      const Number* from = exists ? row(o) : nullptr;
      for (std::int64_t k = 0; k < in_; ++k) to[k * kPanel + c] = from == nullptr ? Number{} : from[k];
      if (bias && exists) bias_[static_cast<std::size_t>(panel * kPanel + c)] = *bias(o);
    }
  }
}

std::int64_t PackedWeight::bytes() const {
  return std::visit(
      [](const auto& numbers) { return numbers.size() * static_cast<std::int64_t>(sizeof(*numbers.data())); },
      numbers_);
}

void PackedWeight::copy_column(std::int64_t k, float* out) const {
  const auto as_float = [](auto number) {
    if constexpr (std::is_same_v<decltype(number), float>)
      return number;
    else
      return std::bit_cast<float>(static_cast<std::uint32_t>(number) << 16);
  };
  std::visit(
      [&](const auto& numbers) {
        for (std::int64_t o = 0; o < out_; ++o) {
          out[o] = as_float(numbers.data()[(o / kPanel * in_ + k) * kPanel + o % kPanel]);
        }
      },
      numbers_);
}

void multiply(const Product& product, int threads) {
  ProductRun{product}.run(threads);
}

void multiply_small(const SmallProduct& product, Into into) {
  const TileSet<float>& set = tiles<float>();
  for (std::int64_t column = 0; column < product.columns; column += kPanel) {
    for_each_tile(product.rows, set.most_rows, [&](std::int64_t row, std::int64_t n) {
      set.of_rows[static_cast<std::size_t>(n - 1)](product.a + row * product.a_stride, product.a_stride,
                                                   product.b + column, product.b_stride, product.inner,
                                                   product.c + row * product.c_stride + column, product.c_stride, into,
                                                   {reinterpret_cast<const char*>(product.b), 0});
    });
  }
}

}  // namespace neurosweep::cpu
