#include "framework/store/shard.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "framework/base/log.hpp"
#include "framework/base/new_file.hpp"
#include "framework/store/folder.hpp"
#include "framework/store/format.hpp"
#include "framework/store/unit_io.hpp"

namespace neurosweep {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

Error shard_exists(const std::string& path) {
  return error(ErrorKind::store,
               "{}: is there already (a shard is never reused): take a new launch with claim_launch()", path);
}

// Makes a shard beside its place and renames it there, so that whoever sees a shard sees one with its schema.
void make_shard_file(const std::string& path, const ShardRow& owner) {
  std::error_code failure;
  fs::create_directories(fs::path(path).parent_path(), failure);
  const std::string unfinished = path + ".new";
  const int descriptor = ::open(unfinished.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) throw shard_exists(path);
  if (descriptor < 0) {
    throw error(ErrorKind::io, "{}: cannot be made ({}): the store folder must be writable", unfinished, errno_text());
  }
  ::close(descriptor);
  if (fs::exists(path, failure)) {
    fs::remove(unfinished, failure);
    throw shard_exists(path);
  }
  {
    Connection connection(unfinished, Connection::Mode::write);
    connection.use_durable_journal();
    bring_up_to_date(connection, kShard);
    Statement insert = connection.prepare(insert_sql<ShardRow>());
    insert_row(insert, owner);
  }
  fs::remove(unfinished + "-journal", failure);  // an exclusive rollback journal outlives its connection, empty
  fs::rename(unfinished, path, failure);
  if (failure) {
    throw error(ErrorKind::io, "{}: cannot be renamed to {} ({}): check that the folder is writable and has space",
                unfinished, path, failure.message());
  }
  sync_folder(fs::path(path).parent_path());  // where a file system cannot, a shard that is gone is measured again
}

}  // namespace

struct ShardWriter::State {
  Connection connection;
  std::int64_t launch;
  std::int64_t rank;
  UnitWriter units;
  Statement failures;
  std::mutex mutex{};  // guards all of this, the connection too
  std::condition_variable changed{};
  std::optional<Transaction> transaction{};
  int waiting = 0;  // units and failures not committed
  Clock::time_point oldest{};
  std::string refusal{};            // why no more work is taken
  std::exception_ptr unreported{};  // what a commit beside the work threw
  bool closing = false;
  std::thread committer{};

  State(const std::string& path, int launch_number, int rank_number)
      : connection(path, Connection::Mode::write),
        launch(launch_number),
        rank(rank_number),
        units(connection),
        failures(connection.prepare(insert_sql<UnitFailureRow>())) {
    connection.use_durable_journal();
    try {
      committer = std::thread([this] { commit_what_is_due(); });
    } catch (const std::system_error&) {  // a limit on threads: add() commits then what is due
    }
  }
  ~State() { stop_committer(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Commits beside the work: a disk may take long to sync, and the unit at hand hours to measure.
  void commit_what_is_due() {
    std::unique_lock lock(mutex);
    while (!closing) {
      if (waiting == 0 || unreported || !refusal.empty()) {
        changed.wait(lock);
      } else if (!due()) {
        changed.wait_until(lock, oldest + kCommitInterval);
      } else {
        try {
          commit_now();
        } catch (...) {
          unreported = std::current_exception();
        }
        changed.notify_all();
      }
    }
  }

  void stop_committer() {
    if (!committer.joinable()) return;
    {
      const std::lock_guard lock(mutex);
      closing = true;
    }
    changed.notify_all();
    committer.join();
  }

  // Runs one write inside the open transaction and within a savepoint of its own.
  template <class Write>
  void add(Write&& write) {
    std::unique_lock lock(mutex);
    settle(lock);
    if (!refusal.empty()) throw Error(ErrorKind::io, refusal);
    try {
      if (!transaction) transaction.emplace(connection);
      if (waiting == 0) oldest = Clock::now();
      connection.exec("SAVEPOINT one");
      try {
        write();
      } catch (const Error&) {
        if (!sqlite3_get_autocommit(connection.raw().getHandle())) connection.exec("ROLLBACK TO one; RELEASE one");
        throw;
      }
      connection.exec("RELEASE one");
      ++waiting;
    } catch (const Error& failure) {
      refuse_after(failure);
      throw;
    }
    changed.notify_all();
    if (!committer.joinable() && due()) commit_now();
  }

  // Waits for the commit that is due, if one is, and throws what a commit beside the work threw.
  void settle(std::unique_lock<std::mutex>& lock) {
    if (committer.joinable()) changed.wait(lock, [&] { return unreported || !refusal.empty() || !due(); });
    if (unreported) std::rethrow_exception(std::exchange(unreported, nullptr));
  }

  void commit() {
    std::unique_lock lock(mutex);
    settle(lock);
    commit_now();
  }

  void commit_now() {
    if (!refusal.empty()) throw Error(ErrorKind::io, refusal);
    if (!transaction) return;
    try {
      transaction->commit();
    } catch (const Error& failure) {
      refuse_after(failure);
      throw;
    }
    transaction.reset();
    waiting = 0;
  }

  // A failing disk ends the writer: rows that wait for a commit may be gone.
  void refuse_after(const Error& failure) {
    if (failure.kind() == ErrorKind::io) refusal = failure.what();
  }

  bool due() const { return waiting >= kUnitsPerCommit || (waiting > 0 && Clock::now() - oldest >= kCommitInterval); }
};

ShardWriter::ShardWriter(const std::string& path, const std::string& study_id, int launch, int rank) {
  make_shard_file(path, {study_id, launch, rank, utc_now()});
  state_ = std::make_unique<State>(path, launch, rank);
}

ShardWriter::~ShardWriter() {
  if (!state_) return;
  state_->stop_committer();
  try {
    state_->commit();
  } catch (const Error& failure) {
    if (state_->waiting == 0) return;
    log_error("{} units were not stored and will be measured again: {}", state_->waiting, failure.what());
  }
}

ShardWriter::ShardWriter(ShardWriter&&) noexcept = default;

void ShardWriter::append(std::int64_t round_id, std::int64_t unit, const std::string& unit_hash, UnitRows rows,
                         double seconds) {
  ensure(state_ != nullptr, "a closed shard takes no unit");
  rows.set_key(round_id, unit);
  const UnitRow mark{round_id,     unit,    unit_hash, state_->launch,
                     state_->rank, seconds, utc_now(), static_cast<std::int64_t>(rows.crc32c(unit_hash))};
  try {
    state_->add([&] { state_->units.write(mark, rows); });
  } catch (const StoreError& failure) {
    if (failure.fault() != StoreError::Fault::constraint) throw;
    throw error(ErrorKind::internal, "unit {} of round {}: {}", unit, round_id, failure.what());
  }
}

void ShardWriter::fail(std::int64_t round_id, std::int64_t unit, int attempt, const Error& failure) {
  ensure(state_ != nullptr, "a closed shard takes no failure");
  const UnitFailureRow row{round_id,       unit,     state_->launch, state_->rank, attempt, kind_name(failure.kind()),
                           failure.what(), utc_now()};
  state_->add([&] { insert_row(state_->failures, row); });
}

void ShardWriter::commit() {
  ensure(state_ != nullptr, "a closed shard has nothing to commit");
  state_->commit();
}

void ShardWriter::close() {
  if (!state_) return;
  state_->stop_committer();
  state_->commit();
  state_.reset();
}

}  // namespace neurosweep
