#include "framework/base/hash.hpp"

#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

TEST(Crc32c, MatchesTheStandardCheckValue) {
  const std::string digits = "123456789";

  EXPECT_EQ(crc32c(std::as_bytes(std::span(digits))), 0xE3069283u);
}

TEST(Crc32c, ContinuesFromAnEarlierPart) {
  const std::string a = "1234", b = "56789";

  EXPECT_EQ(crc32c(std::as_bytes(std::span(b)), crc32c(std::as_bytes(std::span(a)))), 0xE3069283u);
}

TEST(ContentHash, SeparatesPiecesByLength) {
  EXPECT_NE(ContentHash().add_text("ab").add_text("c").hex(), ContentHash().add_text("a").add_text("bc").hex());
  EXPECT_EQ(ContentHash().add_text("ab").hex(), ContentHash().add_text("ab").hex());
}

TEST(ContentHash, OfAFileIsOfItsBytes) {
  testing::TempDir dir;
  testing::write_file(dir.file("a"), "same");
  testing::write_file(dir.file("b"), "same");
  testing::write_file(dir.file("c"), "other");

  EXPECT_EQ(hash_file(dir.file("a")), hash_file(dir.file("b")));
  EXPECT_NE(hash_file(dir.file("a")), hash_file(dir.file("c")));
  EXPECT_THROW(hash_file(dir.file("absent")), Error);
}

TEST(DeriveSeed, DependsOnBothParts) {
  EXPECT_EQ(derive_seed(7, "unit"), derive_seed(7, "unit"));
  EXPECT_NE(derive_seed(7, "unit"), derive_seed(8, "unit"));
  EXPECT_NE(derive_seed(7, "unit"), derive_seed(7, "unit2"));
}

}  // namespace
}  // namespace neurosweep
