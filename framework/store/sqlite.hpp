#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/base/error.hpp"

namespace neurosweep {

/// A value that SQL takes or gives.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string, std::vector<float>>;

/// An Error of a store file, with what merging must know of it: io when the disk or its permissions refuse, else store.
class StoreError : public Error {
 public:
  enum class Fault { damaged, foreign, busy, constraint, other };

  StoreError(ErrorKind kind, Fault fault, std::string path, const std::string& message)
      : Error(kind, message), fault_(fault), path_(std::move(path)) {}
  Fault fault() const { return fault_; }
  const std::string& path() const { return path_; }

 private:
  Fault fault_;
  std::string path_;
};

/// Rethrows an SQLite failure as StoreError.
///   handle  the connection, which knows what the disk said; may be null
[[noreturn]] void throw_store_error(const SQLite::Exception& failure, const std::string& path, sqlite3* handle);

/// A prepared statement whose failures are Errors that name the file.
class Statement {
 public:
  Statement(SQLite::Database& db, const std::string& sql, std::string path);

  /// Binds parameter `index` (from 1). A NaN or infinite number is Error{internal}: SQLite would store NULL.
  void bind(int index, std::int64_t value);
  void bind(int index, double value);
  void bind(int index, const std::string& value);
  /// As little-endian float32, NaN allowed; not copied: `value` must outlive the step.
  void bind(int index, const std::vector<float>& value);
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value)
      bind(index, *value);
    else
      bind_null(index);
  }
  void bind(int index, const SqlValue& value);
  void bind_null(int index);

  bool step();  ///< true when there is a row
  void run();   ///< steps to the end, then resets
  void reset();

  int column_count() const { return statement_.getColumnCount(); }
  std::string column_name(int column) const { return statement_.getColumnName(column); }
  void read(int column, std::int64_t& value) const;
  void read(int column, double& value) const;
  void read(int column, std::string& value) const;
  void read(int column, std::vector<float>& value) const;
  template <class T>
  void read(int column, std::optional<T>& value) const {
    if (is_null(column))
      value.reset();
    else
      read(column, value.emplace());
  }
  SqlValue value(int column) const;  ///< a BLOB comes as "<n bytes>"
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  SQLite::Statement statement_;
  std::string path_;
  sqlite3* handle_;
};

/// An open SQLite file with the settings every store file is used under: foreign keys, defensive mode, no trust in SQL
/// stored in the file, no triggers, extensions or other files, no value above 256 MiB. Its failures are Errors that
/// name the file.
class Connection {
 public:
  enum class Mode { read, write, create };

  /// Bytes of the longest value or row.
  static constexpr int kLongestValue = 1 << 28;

  /// A merge may write for minutes, and another launch on the same store waits for it.
  static constexpr std::chrono::milliseconds kPatience{std::chrono::minutes(10)};

  /// `patience` is how long to wait for a file that another process locks.
  Connection(std::string path, Mode mode, std::chrono::milliseconds patience = kPatience);

  const std::string& path() const { return path_; }
  SQLite::Database& raw() const { return *db_; }
  Statement prepare(const std::string& sql) const { return Statement(*db_, sql, path_); }
  void exec(const std::string& sql) const;
  std::int64_t integer(const std::string& sql) const;  ///< first column of the first row; 0 when there is none
  std::string text(const std::string& sql) const;      ///< likewise; "" when there is none
  std::int64_t changes() const;                        ///< rows changed by the last statement

  /// Sets the journal that survives kill -9 and power loss here: WAL on a local file system, a rollback journal on a
  /// network file system. No lock outlasts a transaction: shards are merged while their ranks still have them open.
  void use_durable_journal() const;

 private:
  std::string path_;
  std::unique_ptr<SQLite::Database> db_;
};

/// A write transaction: rolled back unless commit() was called.
class Transaction {
 public:
  explicit Transaction(const Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Connection& connection_;
  bool done_ = false;
};

}  // namespace neurosweep
