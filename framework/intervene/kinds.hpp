#pragma once

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
};

/// All kinds, in the order of the enum.
std::span<const KindInfo> intervention_kinds();

const KindInfo& kind_info(InterventionKind kind);

/// The kind of this name. Throws Error{input} with the known names and the nearest one.
InterventionKind intervention_kind(std::string_view name);

std::string_view span_name(Span span);

/// The span of this name. Throws Error{input} with the known names and the nearest one.
Span span_of(std::string_view name);

}  // namespace neurosweep
