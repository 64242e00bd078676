#include "framework/base/hash.hpp"

#include <xxhash.h>

#include <array>
#include <bit>
#include <fstream>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/base/special_file.hpp"

namespace neurosweep {

struct ContentHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() { XXH3_128bits_reset(xxh); }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::~ContentHash() = default;
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;

ContentHash& ContentHash::add_block(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
  return *this;
}

ContentHash& ContentHash::add_bytes(std::span<const std::byte> bytes) {
  add_integer(static_cast<std::int64_t>(bytes.size()));
  return add_block(bytes);
}

ContentHash& ContentHash::add_text(std::string_view text) {
  return add_bytes(std::as_bytes(std::span(text)));
}

ContentHash& ContentHash::add_integer(std::int64_t value) {
  std::array<std::byte, 8> little{};
  for (int i = 0; i < 8; ++i) little[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  return add_block(little);
}

ContentHash& ContentHash::add_real(double value) {
  return add_integer(std::bit_cast<std::int64_t>(value));
}

std::string ContentHash::hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->xxh));
  std::string text;
  for (unsigned char byte : canonical.digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::uint64_t ContentHash::low_bits() const {
  return XXH3_128bits_digest(state_->xxh).low64;
}

std::string hash_text(std::string_view text) {
  return ContentHash().add_text(text).hex();
}

std::string hash_file(const std::string& path) {
  refuse_special_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw error(ErrorKind::io, "{}: cannot be read ({})", path, errno_text());
  ContentHash hash;
  std::vector<char> block(1 << 20);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    hash.add_block(std::as_bytes(std::span(block.data(), static_cast<std::size_t>(file.gcount()))));
  }
  if (file.bad()) throw error(ErrorKind::io, "{}: reading failed ({})", path, errno_text());
  return hash.hex();
}

namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}

constexpr auto kCrcTable = make_crc_table();

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc) {
  crc = ~crc;
  for (std::byte byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xFFu];
  return ~crc;
}

std::uint64_t derive_seed(std::uint64_t study_seed, std::string_view content) {
  return ContentHash().add_integer(static_cast<std::int64_t>(study_seed)).add_text(content).low_bits();
}

}  // namespace neurosweep
