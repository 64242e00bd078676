#include "tests/integration/ranks_at_work.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "framework/store/folder.hpp"

namespace neurosweep::testing {

namespace {

std::vector<RankFile> journals(const std::string& store) {
  return std::filesystem::exists(store) ? list_journals(store) : std::vector<RankFile>();
}

// Round of the unit that a journal names; -1 between units.
std::int64_t round_of(const RankFile& journal) {
  std::int64_t round = -1;
  std::ifstream(journal.path, std::ios::binary).read(reinterpret_cast<char*>(&round), sizeof round);
  return round;
}

}  // namespace

int ranks_at_work(const std::string& store, std::int64_t round, int after_launch) {
  const auto files = journals(store);
  return static_cast<int>(std::count_if(files.begin(), files.end(), [&](const RankFile& file) {
    return file.launch > after_launch && round_of(file) >= round;
  }));
}

std::unique_ptr<BackgroundProgram> start_and_wait_for_work(const std::vector<std::string>& words,
                                                           const std::string& store, std::int64_t round) {
  const auto left = journals(store);
  const int last_launch = left.empty() ? 0 : left.back().launch;
  auto program = std::make_unique<BackgroundProgram>(words);
  while (ranks_at_work(store, round, last_launch) == 0 && !program->finished_within(std::chrono::milliseconds(5))) {
  }
  return program;
}

}  // namespace neurosweep::testing
