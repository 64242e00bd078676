#include "framework/store/unit_journal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "framework/base/log.hpp"
#include "framework/store/suspicion.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kNoUnit = -1;

// The file, byte by byte.
struct Page {
  std::int64_t round_id = kNoUnit;
  std::int64_t unit = kNoUnit;
  std::int32_t last_word = 0;
  std::int32_t reserved = 0;
};
static_assert(offsetof(Page, last_word) == UnitJournal::kWordOffset && sizeof(Page) == 24);

// An empty page for a file that its process died making.
Page read_page(int descriptor) {
  Page page;
  return ::pread(descriptor, &page, sizeof page, 0) == sizeof page ? page : Page();
}

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw error(ErrorKind::io, "{}: cannot be {} ({}): check that the folder exists, is writable and has space", path,
              what, errno_text());
}

// A journal whose process is gone, locked against others who would read it at the same time.
class LeftJournal {
 public:
  explicit LeftJournal(RankFile file) : file_(std::move(file)) {
    descriptor_ = ::open(file_.path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor_ < 0) return;  // another launch has read and removed it
    left_ = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    held_ = !left_ && errno == EWOULDBLOCK;
    if (left_) page_ = read_page(descriptor_);
  }
  ~LeftJournal() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LeftJournal(const LeftJournal&) = delete;
  LeftJournal& operator=(const LeftJournal&) = delete;

  bool left() const { return left_; }
  bool held() const { return held_; }
  bool vanished() const { return page_.last_word == 0; }
  bool told_to_stop() const {
    return page_.last_word == SIGTERM || page_.last_word == SIGINT || page_.last_word == SIGUSR1;
  }
  bool in_unit() const { return page_.unit != kNoUnit; }
  const Page& page() const { return page_; }
  const RankFile& file() const { return file_; }

  std::string how() const {
    if (vanished()) return "vanished (killed, or out of memory?)";
    if (page_.last_word < 0) return "took longer than the deadline";
    const char* name = sigabbrev_np(page_.last_word);
    return name ? fmt::format("ended by SIG{}", name) : fmt::format("ended by signal {}", page_.last_word);
  }

  void remove() const { ::unlink(file_.path.c_str()); }

 private:
  RankFile file_;
  int descriptor_ = -1;
  bool left_ = false, held_ = false;
  Page page_;
};

using Launch = std::vector<std::unique_ptr<LeftJournal>>;

using Unit = std::pair<std::int64_t, std::int64_t>;  // round, number

/// Whether all ranks of a launch died without a word. One that ended in order left no journal: what it met ended the
/// others.
bool vanished_whole(const Database& results, int number, const Launch& launch) {
  const auto rows = results.select<LaunchRow>("WHERE launch = ?", {std::int64_t{number}});
  return !rows.empty() && rows.front().n_ranks == static_cast<std::int64_t>(launch.size()) &&
         std::all_of(launch.begin(), launch.end(), [](const auto& each) { return each->vanished(); });
}

/// Units at work in a launch, each with one rank that was at it.
std::map<Unit, int> units_at_work(const Launch& launch) {
  std::map<Unit, int> units;
  for (const auto& each : launch) {
    if (each->in_unit()) units.try_emplace({each->page().round_id, each->page().unit}, each->file().rank);
  }
  return units;
}

bool is_to_blame(const LeftJournal& journal, const Launch& launch) {
  if (!journal.in_unit() || journal.told_to_stop()) return false;
  return !journal.vanished() ||
         std::any_of(launch.begin(), launch.end(), [](const auto& each) { return each->told_to_stop(); });
}

void record(Database& results, const LeftJournal& journal) {
  const auto& [launch, rank, path, name] = journal.file();
  const Page& page = journal.page();
  log_warning("unit {} of round {}: the process of rank {} in launch {} {} while it was at it", page.unit,
              page.round_id, rank, launch, journal.how());
  Statement insert = results.connection().prepare(
      "INSERT INTO unit_failure(round_id, unit, launch, rank, attempt, kind, message, at_utc) "
      "SELECT ?1, ?2, ?3, ?4, 1 + (SELECT coalesce(max(attempt), 0) FROM unit_failure WHERE round_id = ?1 AND unit = "
      "?2), "
      "'crash', ?5, ?6 "
      "WHERE NOT EXISTS (SELECT 1 FROM unit_failure "
      "WHERE round_id = ?1 AND unit = ?2 AND launch = ?3 AND kind = 'crash')");  // once for all ranks of a group
  insert.bind(1, page.round_id);
  insert.bind(2, page.unit);
  insert.bind(3, std::int64_t{launch});
  insert.bind(4, std::int64_t{rank});
  insert.bind(5, "the process " + journal.how());
  insert.bind(6, utc_now());
  insert.run();
  blame_suspect(results, page.round_id, page.unit);
}

// One of the units that were at work may have ended the launch; of one alone it is taken as sure, as nothing tells it
// from a kill by others.
std::int64_t record_vanished(Database& results, int number, const Launch& launch) {
  const std::map<Unit, int> units = units_at_work(launch);
  if (units.size() == 1) {
    const auto at_work = std::find_if(launch.begin(), launch.end(), [](const auto& each) { return each->in_unit(); });
    record(results, **at_work);
    return 1;
  }
  std::vector<UnitSuspicionRow> rows;
  for (const auto& [unit, rank] : units) rows.push_back({unit.first, unit.second, number, rank, utc_now()});
  if (!rows.empty()) {
    log_warning(
        "all {} ranks of launch {} vanished (killed, or out of memory?): the {} units that were at work come last",
        launch.size(), number, rows.size());
  }
  suspect(results, rows);
  return 0;
}

std::int64_t record_crashes_of(Database& results, int number, const Launch& launch) {
  if (vanished_whole(results, number, launch)) return record_vanished(results, number, launch);
  std::int64_t crashes = 0;
  for (const auto& journal : launch) {
    if (!is_to_blame(*journal, launch)) continue;
    record(results, *journal);
    ++crashes;
  }
  return crashes;
}

}  // namespace

// Made beside its place and renamed there, so that another launch never finds a journal whose lock is not yet held.
UnitJournal::UnitJournal(const std::string& dir, int launch, int rank) : path_(journal_path(dir, launch, rank)) {
  const std::string unfinished = path_ + ".new";
  descriptor_ = ::open(unfinished.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, "made");
  const Page page;
  // A file system without locks refuses readers too: there, no journal is ever read.
  if (::flock(descriptor_, LOCK_EX) != 0) {
    log_warning("{}: cannot be locked ({}): units that end their process are not counted there", path_, errno_text());
  }
  if (::pwrite(descriptor_, &page, sizeof page, 0) != sizeof page) fail(path_, "written");
  if (::rename(unfinished.c_str(), path_.c_str()) != 0) fail(path_, "made");
}

UnitJournal::~UnitJournal() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

void UnitJournal::begin_unit(std::int64_t round_id, std::int64_t unit) {
  write_unit(round_id, unit);
}

void UnitJournal::end_unit() {
  write_unit(kNoUnit, kNoUnit);
}

void UnitJournal::write_unit(std::int64_t round_id, std::int64_t unit) {
  const std::int64_t numbers[] = {round_id, unit};
  if (::pwrite(descriptor_, numbers, sizeof numbers, 0) != sizeof numbers) fail(path_, "written");
}

std::optional<int> launch_at_work(const std::string& dir, int own) {
  for (RankFile& file : list_journals(dir)) {
    const int launch = file.launch;
    if (launch != own && LeftJournal(std::move(file)).held()) return launch;
  }
  return std::nullopt;
}

std::int64_t record_crashes(Database& results, const std::string& dir) {
  std::map<int, Launch> launches;
  for (RankFile& file : list_journals(dir)) {
    launches[file.launch].push_back(std::make_unique<LeftJournal>(std::move(file)));
  }
  std::int64_t crashes = 0;
  for (const auto& [number, launch] : launches) {
    if (!std::all_of(launch.begin(), launch.end(), [](const auto& journal) { return journal->left(); })) continue;
    Transaction transaction(results.connection());
    crashes += record_crashes_of(results, number, launch);
    transaction.commit();
    for (const auto& journal : launch) journal->remove();
  }
  return crashes;
}

}  // namespace neurosweep
