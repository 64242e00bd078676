#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace neurosweep {

/// 128-bit content hash (XXH3), fed piece by piece; equal content gives equal hashes on every machine.
/// Every add_ writes a length or a fixed width first, so that ("ab","c") and ("a","bc") differ.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;

  ContentHash& add_text(std::string_view text);
  ContentHash& add_integer(std::int64_t value);
  ContentHash& add_real(double value);  ///< by bits; -0.0 and 0.0 differ
  ContentHash& add_bytes(std::span<const std::byte> bytes);
  /// Raw bytes without a length: for files read in blocks.
  ContentHash& add_block(std::span<const std::byte> bytes);

  std::string hex() const;         ///< 32 hexadecimal digits
  std::uint64_t low_bits() const;  ///< 64 bits, for seeds

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Hash of a text, 32 hexadecimal digits.
std::string hash_text(std::string_view text);

/// Hash of a file's bytes, 32 hexadecimal digits. Throws Error{io} when it cannot be read.
std::string hash_file(const std::string& path);

/// CRC-32C (Castagnoli) of a byte string, continued from `crc`.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

/// Seed of a part of a study: depends on content only, never on rank or order.
std::uint64_t derive_seed(std::uint64_t study_seed, std::string_view content);

}  // namespace neurosweep
