#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::all_units;
using testing::error_of;
using testing::example_hash;
using testing::example_rows;
using ::testing::HasSubstr;
using testing::TempDir;

// No file of this process may grow beyond a size: a disk that is full, without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

// Runs `call` in a child without root's rights; returns the message of its Error{io}.
template <class Call>
std::string io_error_as_nobody(Call&& call) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    std::string message = "no error";
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) message = "no setuid";
    try {
      call();
    } catch (const Error& failure) {
      message = fmt::format("{}: {}", kind_name(failure.kind()), failure.what());
    } catch (const std::exception& failure) {
      message = fmt::format("no Error: {}", failure.what());
    }
    const auto written = write(pipe_ends[1], message.data(), message.size());
    _exit(written < 0 ? 1 : 0);
  }
  close(pipe_ends[1]);
  std::string message(4096, '\0');
  const auto size = read(pipe_ends[0], message.data(), message.size());
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  message.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return message;
}

constexpr std::int64_t kUnits = 200;

// Appends units to a new shard until the disk refuses; returns the refusal.
std::string fill_shard(const std::string& dir, int launch) {
  ShardWriter writer(shard_path(dir, launch, 0), make_study_id(testing::example_identity()), launch, 0);
  const FileSizeLimit limit(300'000);
  return error_of(ErrorKind::io, [&] {
    for (std::int64_t unit = 0; unit < kUnits; ++unit) {
      writer.append(0, unit, example_hash(unit), example_rows(unit), 0.1);
      if (unit % 16 == 15) writer.commit();
    }
  });
}

TEST(FullDisk, AppendFailsWithThePathAndCommittedUnitsStay) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  const std::string expected = testing::make_merged_store(temp.file("undisturbed"), kUnits);
  testing::make_example_store(dir, kUnits);

  const std::string message = fill_shard(dir, claim_launch(dir));
  const MergeReport report = merge_shards(dir);
  testing::write_shard(dir, claim_launch(dir), 0,
                       pending_units(Database::open_results(dir, Database::Access::read), 0));
  merge_shards(dir);

  EXPECT_THAT(message, HasSubstr("launch-1/shard-0.db: cannot be"));
  EXPECT_THAT(message, HasSubstr("run again"));
  EXPECT_GT(report.units_added, 0);
  EXPECT_LT(report.units_added, kUnits);
  EXPECT_EQ(content_hash(Database::open_results(dir, Database::Access::read)), expected);
}

TEST(FullDisk, TheWriterTakesNothingMore) {
  const TempDir temp;
  ShardWriter writer(shard_path(temp.path().native(), 1, 0), "study", 1, 0);
  {
    const FileSizeLimit limit(60'000);
    EXPECT_THROW(
        {
          for (std::int64_t unit = 0; unit < kUnits; ++unit) {
            writer.append(0, unit, "h", example_rows(unit), 0.1);
            writer.commit();
          }
        },
        Error);
  }

  EXPECT_THROW(writer.append(0, kUnits, "h", example_rows(0), 0.1), Error);
  EXPECT_THROW(writer.close(), Error);
}

TEST(FullDisk, AMergeThatFailsHalfwayAddsNothingAndCanBeRepeated) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_example_store(dir, kUnits);
  testing::write_shard(dir, 1, 0, all_units(kUnits));
  std::string message;
  {
    const FileSizeLimit limit(100'000);
    message = error_of(ErrorKind::io, [&] { merge_shards(dir); });
  }
  const auto half_merged = finished_units(Database::open_results(dir, Database::Access::read), 0);

  const MergeReport report = merge_shards(dir);

  EXPECT_THAT(message, HasSubstr("results.db"));
  EXPECT_TRUE(half_merged.empty());
  EXPECT_EQ(report.units_added, kUnits);
}

TEST(ReadOnlyFolder, AShardCannotBeMadeAndTheErrorSaysWhere) {
  const TempDir temp;
  fs::permissions(temp.path(),
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec | fs::perms::others_read);

  const std::string message = io_error_as_nobody([&] { ShardWriter(temp.file("shard-0.db"), "study", 1, 0); });
  const std::string launch = io_error_as_nobody([&] { claim_launch(temp.path().native()); });

  EXPECT_THAT(message, HasSubstr("io: " + temp.file("shard-0.db.new") + ": cannot be made (Permission denied)"));
  EXPECT_THAT(launch, HasSubstr("launch-1: cannot be made (Permission denied)"));
}

TEST(ReadOnlyFolder, AnArchivedStoreCanBeRead) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  const std::string expected = testing::make_merged_store(dir, 5);
  fs::permissions(temp.path(), fs::perms::others_exec, fs::perm_options::add);
  fs::permissions(dir, fs::perms::all & ~(fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write));

  std::string message = io_error_as_nobody([&] {
    const std::string found = verify_store(dir).content_hash;
    if (found != expected) throw error(ErrorKind::store, "content hash {}", found);
  });

  EXPECT_EQ(message, "no error");
}

TEST(Umask, DecidesWhoMayReadTheFilesOfAStore) {
  const TempDir temp;
  const mode_t before = umask(077);
  testing::make_merged_store(temp.file("store"), 5);
  umask(before);

  for (const auto& entry : fs::recursive_directory_iterator(temp.file("store"))) {
    EXPECT_EQ(entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all), fs::perms::none)
        << entry.path();
  }
}

TEST(ReadOnlyFolder, MergingSaysThatItMustBeWritable) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_example_store(dir, 5);
  testing::write_shard(dir, 1, 0, all_units(5));
  fs::permissions(temp.path(), fs::perms::others_exec, fs::perm_options::add);
  fs::permissions(dir, fs::perms::all & ~(fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write));

  const std::string message = io_error_as_nobody([&] { merge_shards(dir); });

  EXPECT_THAT(message, HasSubstr("io: " + results_path(dir)));
}

}  // namespace
}  // namespace neurosweep
