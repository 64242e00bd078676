#include "framework/model/cpu/simd.hpp"

#include <algorithm>

namespace neurosweep::cpu {

namespace {

InstructionSet best_here() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) return InstructionSet::v4;
  if (__builtin_cpu_supports("x86-64-v3")) return InstructionSet::v3;
#endif
  return InstructionSet::plain;
}

InstructionSet allowed = InstructionSet::v4;

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet best = best_here();
  return std::min(best, allowed);
}

void use_at_most(InstructionSet set) {
  allowed = set;
}

}  // namespace neurosweep::cpu
