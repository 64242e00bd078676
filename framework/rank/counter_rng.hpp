#pragma once

#include <cstdint>

namespace neurosweep {

/// Random numbers as a function of (seed, count of draws): the same on every machine and in every run.
///   source   Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64)
class CounterRng {
 public:
  explicit CounterRng(std::uint64_t seed) : seed_(mix(seed)) {}

  std::uint64_t next() { return mix(seed_ + ++count_ * 0x9E3779B97F4A7C15ull); }

  /// Uniform in [0, n), without modulo bias; n >= 1.
  std::uint64_t below(std::uint64_t n) {
    const std::uint64_t rejected = -n % n;
    std::uint64_t draw = next();
    while (draw < rejected) draw = next();
    return draw % n;
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace neurosweep
