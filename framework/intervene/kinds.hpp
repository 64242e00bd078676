#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace neurosweep {

enum class InterventionKind { zero, mean, scale, add, set };

/// Positions of a sequence that an intervention covers.
enum class Span { prompt, generated, all, last };  ///< last: the last prompt token only

/// One row of the table of intervention kinds.
struct KindInfo {
  InterventionKind kind;
  std::string_view name;
  std::string_view help;
  bool needs_value;
  /// Changes the touched activations in place: a [E], value [E] f32.
  void (*apply)(at::Tensor& a, const at::Tensor& value);
  /// The same for one activation.
  float (*apply_to)(float a, float value);
};

/// All kinds, in the order of the enum.
std::span<const KindInfo> intervention_kinds();

const KindInfo& kind_info(InterventionKind kind);

/// The kind of this name. Throws Error{input} with the known names and the nearest one.
InterventionKind intervention_kind(std::string_view name);

std::string_view span_name(Span span);

/// Positions [begin, end) of a sequence.
struct PositionRange {
  std::int64_t begin, end;
};

/// What a span covers in a sequence of `tokens` tokens; may be empty.
PositionRange positions_of(Span span, std::int64_t prompt_length, std::int64_t tokens);

/// The span of this name. Throws Error{input} with the known names and the nearest one.
Span span_of(std::string_view name);

}  // namespace neurosweep
