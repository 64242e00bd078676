#include "framework/base/base64.hpp"

#include <random>

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(Base64, GivesTheTestVectorsOfItsStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(bytes_of(plain)), coded);
    const auto back = from_base64(coded, "x");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(back.data()), back.size()), plain);
  }
}

TEST(Base64, BringsBackAnyBytes) {
  std::mt19937 random(3);
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<std::byte> bytes(n);
    for (auto& each : bytes) each = static_cast<std::byte>(random());
    EXPECT_EQ(from_base64(to_base64(bytes), "x"), bytes);
  }
}

TEST(Base64, RefusesWhatIsCutShortOrForeign) {
  expect_error(ErrorKind::input, HasSubstr("u.json: base64 of 3 characters is cut short"),
               [] { from_base64("Zm9", "u.json"); });
  expect_error(ErrorKind::input, HasSubstr("'*' is no digit"), [] { from_base64("Zm9*", "u.json"); });
  expect_error(ErrorKind::input, HasSubstr("'=' is no digit"), [] { from_base64("Zg==Zg==", "u.json"); });
}

}  // namespace
}  // namespace neurosweep
