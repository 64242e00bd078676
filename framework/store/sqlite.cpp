#include "framework/store/sqlite.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "framework/store/folder.hpp"

namespace neurosweep {

static_assert(std::endian::native == std::endian::little, "BLOBs are little-endian float32");

namespace {

using Fault = StoreError::Fault;

// A path as an SQLite URI that opens it read-only.
std::string read_only_uri(const std::string& path) {
  std::string uri = "file:";
  for (char letter : path) {
    if (letter == '%' || letter == '?' || letter == '#')
      uri += fmt::format("%{:02X}", static_cast<int>(letter));
    else
      uri += letter;
  }
  uri += "?mode=ro";
  // A WAL file needs a writable folder even to be read; an archived store has none, and nobody can change it.
  const std::string folder = std::filesystem::absolute(path).parent_path().native();
  std::error_code missing;
  const auto wal_size = std::filesystem::file_size(path + "-wal", missing);
  if (::access(folder.c_str(), W_OK) != 0 && (missing || wal_size == 0)) uri += "&immutable=1";
  return uri;
}

std::unique_ptr<SQLite::Database> open_file(const std::string& path, Connection::Mode mode) {
  switch (mode) {
    case Connection::Mode::read:
      return std::make_unique<SQLite::Database>(read_only_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    case Connection::Mode::write:
      return std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE);
    case Connection::Mode::create:
      return std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  }
  throw error(ErrorKind::internal, "{}: unknown open mode", path);
}

}  // namespace

void throw_store_error(const SQLite::Exception& failure, const std::string& path, sqlite3* handle) {
  const bool cut_short = failure.getExtendedErrorCode() == SQLITE_IOERR_SHORT_READ;
  int code = cut_short ? SQLITE_CORRUPT : failure.getErrorCode() & 0xFF;
  std::string why = failure.what();
  const int system_error = handle && code == SQLITE_IOERR ? sqlite3_system_errno(handle) : 0;
  if (system_error != 0) why += fmt::format(": {}", std::strerror(system_error));
  if (system_error == ENOSPC || system_error == EDQUOT) code = SQLITE_FULL;  // a disk may say so late, at a sync
  switch (code) {
    case SQLITE_FULL:
      throw StoreError(ErrorKind::io, Fault::other, path,
                       fmt::format("{}: cannot be written ({}): free space or raise the quota, then run again; "
                                   "committed units are kept",
                                   path, why));
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw StoreError(ErrorKind::io, Fault::other, path,
                       fmt::format("{}: cannot be read or written ({}): check that the folder exists, is writable and "
                                   "has space, then run again; committed units are kept",
                                   path, why));
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:  // locks that cannot be had
    case SQLITE_INTERRUPT:
      throw StoreError(ErrorKind::io, Fault::other, path,
                       fmt::format("{}: SQLite could not go on ({}), which tells nothing of the file: free memory or "
                                   "use fewer ranks, then run again; committed units are kept",
                                   path, why));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw StoreError(
          ErrorKind::store, Fault::damaged, path,
          fmt::format("{}: is damaged ({}): remove it to measure its units again, or restore a copy", path, why));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(ErrorKind::store, Fault::busy, path,
                       fmt::format("{}: is in use by another process ({}): wait for it or stop it", path, why));
    case SQLITE_CONSTRAINT:
      throw StoreError(ErrorKind::store, Fault::constraint, path, fmt::format("{}: row refused ({})", path, why));
    default:
      throw StoreError(ErrorKind::store, Fault::other, path, fmt::format("{}: SQL failed ({})", path, why));
  }
}

namespace {

// Runs an SQLiteCpp call; its failure becomes a StoreError.
template <class Call>
auto checked(const std::string& path, sqlite3* handle, Call&& call) {
  try {
    return call();
  } catch (const SQLite::Exception& failure) {
    throw_store_error(failure, path, handle);
  }
}

}  // namespace

Statement::Statement(SQLite::Database& db, const std::string& sql, std::string path)
    : statement_(checked(path, db.getHandle(), [&] { return SQLite::Statement(db, sql); })),
      path_(std::move(path)),
      handle_(db.getHandle()) {}

void Statement::bind(int index, std::int64_t value) {
  checked(path_, handle_, [&] { statement_.bind(index, value); });
}

void Statement::bind(int index, double value) {
  if (!std::isfinite(value)) {
    throw error(ErrorKind::internal, "{}: value {} for parameter {} of '{}' (the store keeps finite numbers only)",
                path_, value, index, statement_.getQuery());
  }
  checked(path_, handle_, [&] { statement_.bind(index, value); });
}

void Statement::bind(int index, const std::string& value) {
  checked(path_, handle_, [&] { statement_.bind(index, value); });
}

void Statement::bind(int index, const std::vector<float>& value) {
  static constexpr float kNothing = 0;  // a null pointer would be bound as NULL
  const void* data = value.empty() ? &kNothing : value.data();
  checked(path_, handle_, [&] { statement_.bindNoCopy(index, data, static_cast<int>(value.size() * sizeof(float))); });
}

void Statement::bind(int index, const SqlValue& value) {
  std::visit(
      [&](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          bind_null(index);
        else
          bind(index, held);
      },
      value);
}

void Statement::bind_null(int index) {
  checked(path_, handle_, [&] { statement_.bind(index); });
}

bool Statement::step() {
  try {
    return statement_.executeStep();
  } catch (const SQLite::Exception& failure) {
    statement_.tryReset();
    throw_store_error(failure, path_, handle_);
  }
}

void Statement::run() {
  while (step()) continue;
  reset();
}

void Statement::reset() {
  checked(path_, handle_, [&] { statement_.reset(); });
}

void Statement::read(int column, std::int64_t& value) const {
  value = statement_.getColumn(column).getInt64();
}

void Statement::read(int column, double& value) const {
  value = statement_.getColumn(column).getDouble();
}

void Statement::read(int column, std::string& value) const {
  value = statement_.getColumn(column).getString();
}

void Statement::read(int column, std::vector<float>& value) const {
  const SQLite::Column cell = statement_.getColumn(column);
  const void* bytes = cell.getBlob();
  value.resize(static_cast<std::size_t>(cell.getBytes()) / sizeof(float));
  if (!value.empty()) std::memcpy(value.data(), bytes, value.size() * sizeof(float));
}

SqlValue Statement::value(int column) const {
  const SQLite::Column cell = statement_.getColumn(column);
  switch (cell.getType()) {
    case SQLITE_INTEGER:
      return cell.getInt64();
    case SQLITE_FLOAT:
      return cell.getDouble();
    case SQLITE_TEXT:
      return cell.getString();
    case SQLITE_BLOB:
      return fmt::format("<{} bytes>", cell.getBytes());
    default:
      return std::monostate();
  }
}

bool Statement::is_null(int column) const {
  return statement_.isColumnNull(column);
}

std::int64_t Statement::integer(int column) const {
  return statement_.getColumn(column).getInt64();
}

std::string Statement::text(int column) const {
  return statement_.getColumn(column).getString();
}

namespace {

// A file of others may be made to harm: nothing that is stored in it runs, and nothing in it may be huge.
void restrict_connection(sqlite3* handle) {
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);  // we have none
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Connection::kLongestValue);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
}

}  // namespace

Connection::Connection(std::string path, Mode mode, std::chrono::milliseconds patience) : path_(std::move(path)) {
  db_ = checked(path_, nullptr, [&] { return open_file(path_, mode); });
  sqlite3* handle = db_->getHandle();
  restrict_connection(handle);
  checked(path_, db_->getHandle(), [&] {
    db_->setBusyTimeout(static_cast<int>(patience.count()));
    db_->exec("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0");
  });
}

void Connection::exec(const std::string& sql) const {
  checked(path_, db_->getHandle(), [&] { db_->exec(sql); });
}

std::int64_t Connection::integer(const std::string& sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::text(const std::string& sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : "";
}

std::int64_t Connection::changes() const {
  return sqlite3_changes64(db_->getHandle());
}

void Connection::use_durable_journal() const {
  exec("PRAGMA synchronous=FULL");
  if (on_network_file_system(path_)) {
    text("PRAGMA journal_mode=PERSIST");
    return;
  }
  // Changing the mode does not wait for a lock by itself, and two first starts may meet here.
  constexpr std::chrono::milliseconds kNap{100};
  for (auto waited = kNap; text("PRAGMA journal_mode") != "wal"; waited += kNap) {
    try {
      text("PRAGMA journal_mode=WAL");
    } catch (const StoreError& failure) {
      if (failure.fault() != Fault::busy || waited >= kPatience) throw;
      std::this_thread::sleep_for(kNap);
    }
  }
}

Transaction::Transaction(const Connection& connection) : connection_(connection) {
  connection_.exec("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Rolling back an open transaction frees memory and locks only; SQLite has rolled back already after some failures.
  if (!done_ && !sqlite3_get_autocommit(connection_.raw().getHandle())) connection_.raw().tryExec("ROLLBACK");
}

void Transaction::commit() {
  connection_.exec("COMMIT");
  done_ = true;
}

}  // namespace neurosweep
