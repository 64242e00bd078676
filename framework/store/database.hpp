#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/store/folder.hpp"
#include "framework/store/format.hpp"
#include "framework/store/row_io.hpp"

namespace neurosweep {

/// An open store file (results.db or a shard) whose owner, format and version were checked.
class Database {
 public:
  enum class Access { read, write };

  /// Opens an existing results.db.
  ///   throws  Error{io} when it cannot be opened; Error{store} when it is no neurosweep store, is damaged or was
  ///           written by a newer version; an older version is brought up to date by write access, refused by read
  static Database open_results(const std::string& dir, Access access);

  const std::string& path() const { return connection_.path(); }
  const Connection& connection() const { return connection_; }
  StudyRow study() const;

  /// Rows of a table in column order of their struct.
  ///   tail   "", "WHERE task = ? ORDER BY item", ...
  ///   binds  a value for each ?
  template <class Row>
  std::vector<Row> select(std::string_view tail = "", const std::vector<SqlValue>& binds = {}) const {
    std::vector<Row> rows;
    for_each<Row>(tail, binds, [&](Row&& row) { rows.push_back(std::move(row)); });
    return rows;
  }

  /// Calls visit(Row&&) for each row, one at a time in memory.
  template <class Row, class Visit>
  void for_each(std::string_view tail, const std::vector<SqlValue>& binds, Visit&& visit) const {
    Statement statement = connection_.prepare(select_sql<Row>(tail));
    int index = 0;
    for (const SqlValue& value : binds) statement.bind(++index, value);
    while (statement.step()) visit(read_row<Row>(statement));
  }

  /// Adds rows; a duplicate key is an Error. Call within a Transaction when there are many.
  template <class Row>
  void insert(const std::vector<Row>& rows) {
    Statement statement = connection_.prepare(insert_sql<Row>());
    for (const Row& row : rows) insert_row(statement, row);
  }

 private:
  friend Database create_or_open_results(const std::string& dir, const struct StudyIdentity& identity);
  explicit Database(Connection connection) : connection_(std::move(connection)) {}

  Connection connection_;
};

/// What makes two runs the same study; paths, names of machines and times do not.
struct StudyIdentity {
  StudyRow study;  ///< study_id, schema_version and created_utc are filled by create_or_open_results()
  std::vector<ModelRow> models;
  std::vector<TaskRow> tasks;
};

/// Hash of a study's identity: toml_hash, seed, code, libtorch, threads, and the hashes of its models and tasks.
std::string make_study_id(const StudyIdentity& identity);

/// Opens dir/results.db for the rank-0 writer; makes folder and file when they are not there.
///   throws  Error{store} that lists what differs when the store holds another study; Error{io}
Database create_or_open_results(const std::string& dir, const StudyIdentity& identity);

/// The last launch that a store has taken anything of; 0 when there was none.
int last_launch(const Database& db);

/// Records the start of a launch with its ranks, and how it ended.
///   check  is given the workers of all launches before this one; what it throws refuses the launch
void write_launch(Database& db, const LaunchRow& launch, const std::vector<WorkerRow>& workers,
                  const std::function<void(const std::vector<WorkerRow>& before)>& check = {});
void end_launch(Database& db, int launch, const std::string& exit_reason);

/// Content hash of a unit. Its rows follow from the study, the plan of its round and its number alone.
std::string unit_hash(const std::string& plan_hash, std::int64_t unit);

/// Records a planned round with its arms and sets in one transaction. Planned again (on resume) it adds nothing.
/// Units of the round that were measured for another plan are dropped, with a warning: a store that lost its results.db
/// still has them in its shards, and a unit that failed before and not since may have changed the plan.
///   throws  Error{store} when the round is there with another plan_hash
void write_round(Database& db, const RoundRow& round, const std::vector<ArmRow>& arms = {},
                 const std::vector<SetMemberRow>& set_members = {}, const std::vector<SteerArmRow>& steer_arms = {},
                 const std::vector<SteerGateRow>& gates = {});

/// Replaces an experiment's rows of a derived table, in one transaction.
template <class Row>
void replace_derived(Database& db, const std::string& experiment, const std::vector<Row>& rows) {
  Transaction transaction(db.connection());
  Statement remove = db.connection().prepare(fmt::format("DELETE FROM \"{}\" WHERE experiment = ?", Row::kTable));
  remove.bind(1, experiment);
  remove.run();
  db.insert(rows);
  transaction.commit();
}

/// Unit numbers of a round without a done mark, ascending; Error{store} when the round is not planned.
std::vector<std::int64_t> pending_units(const Database& db, std::int64_t round_id);

/// How many units of a round have no done mark; Error{store} when the round is not planned.
std::int64_t count_pending_units(const Database& db, std::int64_t round_id);

/// Unit numbers of a round with a done mark, ascending.
std::vector<std::int64_t> finished_units(const Database& db, std::int64_t round_id);

/// Failed attempts at the pending units of a round. An attempt that several ranks of a group, or jobs at the same time,
/// failed has a row of each and counts once.
struct FailureCount {
  std::int64_t unit = 0;
  std::int64_t attempts = 0;
};
std::vector<FailureCount> failure_counts(const Database& db, std::int64_t round_id);

/// Forgets the failed attempts at units that are not done, and all suspicions, so that they are tried again; returns
/// how many units.
std::int64_t forget_failures(Database& db);

/// Calls visit for each effect block of a round in (unit, seq) order: the order reducers fold in.
void for_each_effect_block(const Database& db, std::int64_t round_id,
                           const std::function<void(const EffectBlockRow&)>& visit);

}  // namespace neurosweep
