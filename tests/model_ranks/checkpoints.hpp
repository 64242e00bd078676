#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/model_ranks.hpp"
#include "framework/base/error.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep::testing {

/// The golden checkpoints, one or two of every family.
inline std::vector<std::string> golden_checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(NS_SOURCE_DIR "/tests/golden/data")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string checkpoint_name(const ::testing::TestParamInfo<std::string>& each) {
  std::string name = each.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// One golden checkpoint, whole on every rank and in parts over all ranks; skips where it cannot be cut so often.
class InParts : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Comm world = Comm::world();
    ArchSpec part = read_arch(dir());
    part.part = {0, world.size()};
    try {
      check_part(part);
    } catch (const Error& refused) {
      GTEST_SKIP() << refused.what();
    }
    whole_.emplace(load_decoder(dir()));
    parts_.emplace(load_decoder(dir(), {}, make_model_group(world, std::nullopt)));
  }

  static std::string dir() { return std::string(NS_SOURCE_DIR "/tests/golden/data/") + GetParam(); }
  const ArchSpec& arch() const { return whole_->arch(); }
  const Decoder& whole() const { return *whole_; }
  const Decoder& parts() const { return *parts_; }

  /// Expects every rank to hold the same bits.
  static void expect_same_on_all_ranks(const void* data, std::size_t bytes) {
    const std::string mine(static_cast<const char*>(data), bytes);
    std::string first = mine;
    Comm::world().broadcast(first);
    EXPECT_TRUE(mine == first) << "ranks differ";
  }

 private:
  std::optional<Decoder> whole_, parts_;
};

}  // namespace neurosweep::testing
