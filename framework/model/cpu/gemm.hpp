#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "framework/model/arch.hpp"

namespace neurosweep::cpu {

/// A memory block of floats or bf16 numbers that starts at a cache line and has room for one vector behind its end.
template <class Number>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::int64_t size)
      : data_(static_cast<Number*>(::operator new(bytes_of(size), kAlignment))), size_(size) {}

  Number* data() { return data_.get(); }
  const Number* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

  /// Makes room for `size` numbers; the old ones are lost when it grows.
  Number* reserve(std::int64_t size) {
    if (size > size_) *this = AlignedBuffer(size);
    return data();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  static std::size_t bytes_of(std::int64_t size) { return (static_cast<std::size_t>(size) + 64) * sizeof(Number); }
  struct Free {
    void operator()(Number* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<Number, Free> data_;
  std::int64_t size_ = 0;
};

using Bfloat16 = std::uint16_t;  ///< the upper half of an f32

/// How the outputs of a packed weight stand beside each other.
enum class PanelOrder {
  plain,
  gated  ///< the weight holds gates above ups; a panel holds 16 gates and the 16 ups that they multiply
};

/// A linear map's weight [out, in], kept in panels of 32 outputs so that a product reads it in order.
class PackedWeight {
 public:
  static constexpr std::int64_t kPanel = 32;

  /// Row `o` of the weight, [in].
  template <class Number>
  using RowOf = std::function<const Number*(std::int64_t o)>;

  ///   bias  [out], or null
  PackedWeight(std::int64_t out, std::int64_t in, const RowOf<float>& row, const RowOf<float>& bias, PanelOrder order);
  PackedWeight(std::int64_t out, std::int64_t in, const RowOf<Bfloat16>& row, const RowOf<float>& bias,
               PanelOrder order);

  std::int64_t in() const { return in_; }
  /// Width of a product's row: `out`, or half of it when gated.
  std::int64_t width() const { return order_ == PanelOrder::gated ? out_ / 2 : out_; }
  std::int64_t panels() const { return panels_; }
  PanelOrder order() const { return order_; }
  std::int64_t bytes() const;

  /// What one unit of input k adds to every output of a plain weight: its column, [out].
  void copy_column(std::int64_t k, float* out) const;

 private:
  friend struct ProductRun;
  template <class Number>
  void fill(const RowOf<Number>& row, const RowOf<float>& bias);

  std::int64_t out_, in_, panels_;
  PanelOrder order_;
  std::variant<AlignedBuffer<float>, AlignedBuffer<Bfloat16>> numbers_;  ///< [panels, in, 32]
  std::vector<float> bias_;                                              ///< [panels, 32], or empty
};

/// What a product does with x @ weight^T + bias.
enum class Finish {
  store,     ///< writes it
  add,       ///< adds it to what stands there
  activate,  ///< writes activation(it); of a gated weight: activation(gates) * ups
};

/// rows of x times a packed weight. Every output is one chain of multiply-adds over the inputs in order: on one kind of
/// processor it depends on nothing but its row of x and the weight.
struct Product {
  const float* x;  ///< [rows, in], row stride x_stride
  std::int64_t x_stride;
  std::int64_t rows;
  const PackedWeight& weight;
  float* out;  ///< [rows, width], row stride out_stride
  std::int64_t out_stride;
  Finish finish = Finish::store;
  ActivationKind activation = ActivationKind::silu;
};

void multiply(const Product& product, int threads);

/// c (+)= a @ b of plain f32 matrices, b read 32 columns at a time: rows of b need 31 readable numbers behind
/// `columns`.
struct SmallProduct {
  const float* a;  ///< [rows, inner]
  std::int64_t a_stride, rows, inner;
  const float* b;  ///< [inner, columns]
  std::int64_t b_stride, columns;
  float* c;  ///< [rows, columns rounded up to 32]
  std::int64_t c_stride;
};
enum class Into { store, add };

void multiply_small(const SmallProduct& product, Into into);

}  // namespace neurosweep::cpu
