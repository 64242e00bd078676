#include "framework/intervene/kinds.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

void apply_zero(at::Tensor& a, const at::Tensor&) {
  a.zero_();
}
void apply_copy(at::Tensor& a, const at::Tensor& value) {
  a.copy_(value);
}
void apply_scale(at::Tensor& a, const at::Tensor& value) {
  a.mul_(value);
}
void apply_add(at::Tensor& a, const at::Tensor& value) {
  a.add_(value);
}

float zero_one(float, float) {
  return 0;
}
float copy_one(float, float value) {
  return value;
}
float scale_one(float a, float value) {
  return a * value;
}
float add_one(float a, float value) {
  return a + value;
}

constexpr std::array kKinds = {
    KindInfo{InterventionKind::zero, "zero", "set the activation to 0", false, apply_zero, zero_one},
    KindInfo{InterventionKind::mean, "mean", "set the activation to the neuron's mean over reference tokens", true,
             apply_copy, copy_one},
    KindInfo{InterventionKind::scale, "scale", "multiply the activation by the value", true, apply_scale, scale_one},
    KindInfo{InterventionKind::add, "add", "add the value to the activation", true, apply_add, add_one},
    KindInfo{InterventionKind::set, "set", "set the activation to the value", true, apply_copy, copy_one},
};

constexpr std::array kSpans = {std::pair{Span::prompt, "prompt"}, std::pair{Span::generated, "generated"},
                               std::pair{Span::all, "all"}, std::pair{Span::last, "last"}};

template <class Result>
Result look_up(const std::vector<std::pair<std::string, Result>>& table, std::string_view name, const char* what) {
  std::vector<std::string> names;
  for (const auto& [known, value] : table) {
    if (known == name) return value;
    names.push_back(known);
  }
  const std::string near = nearest(std::string(name), names);
  throw input_error("unknown {} '{}': expected one of {}{}", what, name, fmt::join(names, ", "),
                    near.empty() ? "" : "; did you mean '" + near + "'?");
}

}  // namespace

std::span<const KindInfo> intervention_kinds() {
  return kKinds;
}

const KindInfo& kind_info(InterventionKind kind) {
  const auto* row = std::find_if(kKinds.begin(), kKinds.end(), [kind](const auto& info) { return info.kind == kind; });
  ensure(row != kKinds.end(), "an intervention kind is missing in its table");
  return *row;
}

InterventionKind intervention_kind(std::string_view name) {
  std::vector<std::pair<std::string, InterventionKind>> table;
  for (const auto& info : kKinds) table.emplace_back(info.name, info.kind);
  return look_up(table, name, "intervention");
}

std::string_view span_name(Span span) {
  const auto* row =
      std::find_if(kSpans.begin(), kSpans.end(), [span](const auto& known) { return known.first == span; });
  ensure(row != kSpans.end(), "a span is missing in its table");
  return row->second;
}

Span span_of(std::string_view name) {
  std::vector<std::pair<std::string, Span>> table;
  for (const auto& [span, known] : kSpans) table.emplace_back(known, span);
  return look_up(table, name, "token span");
}

PositionRange positions_of(Span span, std::int64_t prompt_length, std::int64_t tokens) {
  const auto clip = [tokens](std::int64_t position) { return std::clamp<std::int64_t>(position, 0, tokens); };
  switch (span) {
    case Span::prompt:
      return {0, clip(prompt_length)};
    case Span::generated:
      return {clip(prompt_length), tokens};
    case Span::all:
      return {0, tokens};
    case Span::last:
      return {clip(prompt_length - 1), clip(prompt_length)};
  }
  throw Error(ErrorKind::internal, "unknown token span");
}

}  // namespace neurosweep
