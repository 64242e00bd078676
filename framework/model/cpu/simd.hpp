#pragma once

#include <cstdint>
#include <limits>

// Bodies are always inlined, into one function for AVX-512, one for AVX2 and one for any processor. All of them add in
// the same order, 16 numbers side by side; last bits may differ, as each fuses other multiplications with additions.
#define NS_INLINE [[gnu::always_inline]] inline

#if defined(__x86_64__)
#define NS_V4 [[gnu::target("arch=x86-64-v4")]]
#define NS_V3 [[gnu::target("arch=x86-64-v3")]]
#define NS_RUN_BEST(call)                          \
  switch (::neurosweep::cpu::instruction_set()) {  \
    case ::neurosweep::cpu::InstructionSet::v4:    \
      return v4::call;                             \
    case ::neurosweep::cpu::InstructionSet::v3:    \
      return v3::call;                             \
    case ::neurosweep::cpu::InstructionSet::plain: \
      return plain::call;                          \
  }
#define NS_FOR_EACH_SET(name, parameters, arguments) \
  namespace v4 {                                     \
  NS_V4 void name parameters {                       \
    name##_body arguments;                           \
  }                                                  \
  }                                                  \
  namespace v3 {                                     \
  NS_V3 void name parameters {                       \
    name##_body arguments;                           \
  }                                                  \
  }                                                  \
  namespace plain {                                  \
  void name parameters {                             \
    name##_body arguments;                           \
  }                                                  \
  }
#else
#define NS_RUN_BEST(call) return plain::call;
#define NS_FOR_EACH_SET(name, parameters, arguments) \
  namespace plain {                                  \
  void name parameters {                             \
    name##_body arguments;                           \
  }                                                  \
  }
#endif

namespace neurosweep::cpu {

enum class InstructionSet { plain, v3, v4 };  ///< v3: AVX2 and FMA; v4: AVX-512

/// The best that this processor has, and at most what use_at_most() allows.
InstructionSet instruction_set();

/// Keeps to older instructions from now on, to compare what they compute. Not while kernels run.
void use_at_most(InstructionSet set);

inline constexpr std::int64_t kLanes = 16;

using Lanes [[gnu::vector_size(64)]] = float;
using IntLanes [[gnu::vector_size(64)]] = std::int32_t;
using Loose [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;  // Lanes at any address

NS_INLINE const Loose& lanes_at(const float* p) {
  return *reinterpret_cast<const Loose*>(p);
}
NS_INLINE Loose& lanes_at(float* p) {
  return *reinterpret_cast<Loose*>(p);
}

NS_INLINE float sum_of(const Lanes& x) {
  float total = 0;
  for (int half = 0; half < 8; ++half) total += x[half] + x[half + 8];
  return total;
}

/// e^x to 2 ulp for -87 <= x <= 88; smaller and larger x count as those.
///   source  Cephes expf: x = n ln 2 + r, a polynomial in r, times 2^n
NS_INLINE void exponential(Lanes& x) {
  x = x < -87.0F ? Lanes{} - 87.0F : x;
  x = x > 88.0F ? Lanes{} + 88.0F : x;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves no fraction bits
  const Lanes n = (x * 1.44269504F + kRound) - kRound;
  const Lanes r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Lanes y = r * 1.9875691500e-4F + 1.3981999507e-3F;
  y = y * r + 8.3334519073e-3F;
  y = y * r + 4.1665795894e-2F;
  y = y * r + 1.6666665459e-1F;
  y = y * r + 5.0000001201e-1F;
  y = y * r * r + r + 1.0F;
  const IntLanes power = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  x = y * __builtin_bit_cast(Lanes, power);
}

}  // namespace neurosweep::cpu
