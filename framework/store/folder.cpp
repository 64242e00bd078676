#include "framework/store/folder.hpp"

#include <fmt/chrono.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <tuple>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace fs = std::filesystem;

namespace {

constexpr const char* kDatabaseParts[] = {"-wal", "-shm", "-journal", ""};
constexpr std::string_view kLaunchPrefix = "launch-";
constexpr std::string_view kShardPrefix = "shard-";
constexpr std::string_view kShardSuffix = ".db";
constexpr std::string_view kJournalPrefix = "rank-";
constexpr std::string_view kJournalSuffix = ".now";

void need_type(const std::string& path, fs::file_type type, const char* expected) {
  std::error_code unknown;
  const fs::file_type found = fs::symlink_status(path, unknown).type();
  if (found == type || found == fs::file_type::not_found || found == fs::file_type::none) return;
  if (found != fs::file_type::symlink) throw error(ErrorKind::store, "{}: is no {}: move it away", path, expected);
  throw error(ErrorKind::store,
              "{}: is a symbolic link: a store's own files and folders never are, and a link may lead to a file of "
              "somebody else; put the file itself there",
              path);
}

// The number in "<prefix><number><suffix>".
std::optional<int> number_in(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size()) return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  int number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failure != std::errc() || end != name.data() + name.size()) return {};
  return number;
}

// Numbered entries of a folder, as (number, path).
std::vector<std::pair<int, fs::path>> numbered_entries(const fs::path& folder, std::string_view prefix,
                                                       std::string_view suffix,
                                                       void (*check)(const std::string& path)) {
  std::vector<std::pair<int, fs::path>> entries;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    const auto number = number_in(it->path().filename().native(), prefix, suffix);
    if (!number) continue;
    check(it->path().native());
    entries.emplace_back(*number, it->path());
  }
  if (failure) throw error(ErrorKind::io, "{}: cannot be listed ({})", folder.native(), failure.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string rank_path(const std::string& dir, int launch, int rank, std::string_view prefix, std::string_view suffix) {
  return (fs::path(dir) / fmt::format("{}{}", kLaunchPrefix, launch) / fmt::format("{}{}{}", prefix, rank, suffix))
      .native();
}

std::vector<RankFile> list_rank_files(const std::string& dir, std::string_view prefix, std::string_view suffix,
                                      void (*check)(const std::string& path)) {
  std::vector<RankFile> files;
  for (const auto& [launch, folder] : numbered_entries(dir, kLaunchPrefix, "", need_plain_folder)) {
    for (const auto& [rank, path] : numbered_entries(folder, prefix, suffix, check)) {
      files.push_back({launch, rank, path.native(), (folder.filename() / path.filename()).native()});
    }
  }
  return files;
}

}  // namespace

void need_plain_file(const std::string& path) {
  need_type(path, fs::file_type::regular, "regular file");
}

void need_plain_folder(const std::string& path) {
  need_type(path, fs::file_type::directory, "folder");
}

void need_plain_database(const std::string& path) {
  for (const char* part : kDatabaseParts) need_plain_file(path + part);
}

std::string set_database_aside(const std::string& path) {
  std::error_code failure;
  std::string aside = path + ".corrupt";
  for (int number = 2; fs::exists(aside, failure); ++number) aside = fmt::format("{}.corrupt-{}", path, number);
  for (const char* part : kDatabaseParts) {
    if (!fs::exists(path + part, failure)) continue;
    fs::rename(path + part, aside + part, failure);
    if (failure) throw error(ErrorKind::io, "{}{}: cannot be renamed ({})", path, part, failure.message());
  }
  return aside;
}

std::string results_path(const std::string& dir) {
  return (fs::path(dir) / "results.db").native();
}

int claim_launch(const std::string& dir, int last) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  if (failure) throw error(ErrorKind::io, "{}: cannot be made ({})", dir, failure.message());
  const auto launches = numbered_entries(dir, kLaunchPrefix, "", need_plain_folder);
  for (int launch = std::max(last, launches.empty() ? 0 : launches.back().first) + 1;; ++launch) {
    const std::string path = (fs::path(dir) / fmt::format("{}{}", kLaunchPrefix, launch)).native();
    if (::mkdir(path.c_str(), 0777) == 0) return launch;
    if (errno != EEXIST) {
      throw error(ErrorKind::io, "{}: cannot be made ({}): the store folder must be writable", path, errno_text());
    }
  }
}

std::string shard_path(const std::string& dir, int launch, int rank) {
  return rank_path(dir, launch, rank, kShardPrefix, kShardSuffix);
}

std::string journal_path(const std::string& dir, int launch, int rank) {
  return rank_path(dir, launch, rank, kJournalPrefix, kJournalSuffix);
}

std::vector<RankFile> list_shards(const std::string& dir) {
  return list_rank_files(dir, kShardPrefix, kShardSuffix, need_plain_database);
}

std::vector<RankFile> list_journals(const std::string& dir) {
  return list_rank_files(dir, kJournalPrefix, kJournalSuffix, need_plain_file);
}

bool on_network_file_system(const std::string& path) {
  // f_type of NFS, Lustre, GPFS, BeeGFS, CIFS, SMB2, Ceph, 9P and FUSE.
  constexpr std::uint32_t kShared[] = {0x6969,     0x0BD00BD0, 0x47504653, 0x19830326, 0xFF534D42,
                                       0xFE534D42, 0x00C36400, 0x01021997, 0x65735546};
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) {
    throw error(ErrorKind::io, "{}: its file system cannot be told ({})", path, errno_text());
  }
  return std::find(std::begin(kShared), std::end(kShared), static_cast<std::uint32_t>(info.f_type)) !=
         std::end(kShared);
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() % 1000);
}

}  // namespace neurosweep
