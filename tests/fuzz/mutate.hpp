#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace neurosweep::testing {

/// Small seeded damage to a file's bytes: bits, pieces cut out, doubled or moved, ends, extreme numbers, brackets.
class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : bits_(seed) {}

  /// One to four changes.
  std::string mutated(std::string bytes);

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(bits_() % n); }
  void change(std::string& bytes);
  void replace_number(std::string& bytes);

  std::mt19937_64 bits_;
};

}  // namespace neurosweep::testing
