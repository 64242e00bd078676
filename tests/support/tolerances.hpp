#pragma once

namespace neurosweep::testing {

// Largest absolute differences that tests accept, for numbers of order 1 to 10.
inline constexpr double kSameMath = 1e-5;  ///< the same f32 mathematics in another batch, order or kernel
inline constexpr double kSlowTwin = 5e-5;  ///< an f32 forward and its f64 slow twin
inline constexpr double kGolden = 1e-4;    ///< an f32 forward and the reference implementation's
/// An effect (change of a sum of log p over a text) by another instruction set or device, in f32.
inline constexpr double kOtherHardware = 2e-4;

}  // namespace neurosweep::testing
