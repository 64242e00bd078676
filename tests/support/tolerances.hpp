#pragma once

namespace neurosweep::testing {

// Largest absolute differences that tests accept, for numbers of order 1 to 10.
inline constexpr double kSameMath = 1e-5;  ///< the same f32 mathematics in another batch, order or kernel
inline constexpr double kSlowTwin = 5e-5;  ///< an f32 forward and its f64 slow twin
inline constexpr double kGolden = 1e-4;    ///< an f32 forward and the reference implementation's

}  // namespace neurosweep::testing
