#include "framework/store/effects_table.hpp"

#include <sqlite3.h>

#include <array>
#include <map>

#include "framework/store/row_io.hpp"

namespace neurosweep {

namespace {

enum Column { kRound, kUnit, kModel, kTask, kItem, kMetric, kArm, kLayer, kNeuron, kOp, kRole, kEffect, kBaseline };

constexpr const char* kDeclaration =
    "CREATE TABLE effects(round_id INTEGER, unit INTEGER, model TEXT, task TEXT, item TEXT, metric TEXT, arm INTEGER, "
    "layer INTEGER, neuron INTEGER, op TEXT, role TEXT, effect REAL, baseline REAL)";

// Columns of effect_block by which a query may choose its blocks, in the order of Column.
constexpr std::array<const char*, 6> kBlockColumns = {"round_id", "unit", "model", "task", "item", "metric"};

struct EffectsTable : sqlite3_vtab {
  SQLite::Database* db = nullptr;
};

// Walks the blocks that match, and within a block its effects.
class EffectsCursor : public sqlite3_vtab_cursor {
 public:
  explicit EffectsCursor(SQLite::Database& db) : sqlite3_vtab_cursor{}, db_(db) {}

  // Starts over the blocks whose column k has the next value, for each bit k of `chosen`.
  void filter(int chosen, const std::vector<SqlValue>& values) {
    std::string where = "WHERE true";
    for (std::size_t k = 0; k < kBlockColumns.size(); ++k) {
      if (chosen & (1 << k)) where += fmt::format(" AND {} = ?", kBlockColumns[k]);
    }
    blocks_.emplace(db_, select_sql<EffectBlockRow>(where + " ORDER BY round_id, unit, seq"), db_.getFilename());
    int index = 0;
    for (const SqlValue& value : values) blocks_->bind(++index, value);
    row_number_ = 0;
    next_block();
  }

  void next() {
    ++row_number_;
    if (++position_ == block_.effects.size()) next_block();
  }

  bool at_end() const { return at_end_; }
  sqlite3_int64 row_number() const { return row_number_; }

  void column(sqlite3_context* out, int column) const {
    const auto text = [&](const std::string& value) {
      sqlite3_result_text64(out, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    };
    // Unsigned, as a foreign store's first arm may be the largest number; what it wraps to is no arm.
    const auto number = static_cast<std::int64_t>(static_cast<std::uint64_t>(block_.first_arm) + position_);
    switch (column) {
      case kRound:
        return sqlite3_result_int64(out, block_.round_id);
      case kUnit:
        return sqlite3_result_int64(out, block_.unit);
      case kModel:
        return text(block_.model);
      case kTask:
        return text(block_.task);
      case kItem:
        return text(block_.item);
      case kMetric:
        return text(block_.metric);
      case kArm:
        return sqlite3_result_int64(out, number);
      case kEffect:
        return sqlite3_result_double(out, block_.effects[position_]);
      case kBaseline:
        return sqlite3_result_double(out, block_.baseline);
      default:
        break;
    }
    const auto arm = arms_.find(number);
    if (arm == arms_.end()) return sqlite3_result_null(out);
    switch (column) {
      case kLayer:
        return sqlite3_result_int64(out, arm->second.layer);
      case kNeuron:
        return sqlite3_result_int64(out, arm->second.neuron);
      case kOp:
        return text(arm->second.op);
      default:
        return text(arm->second.role);
    }
  }

 private:
  void next_block() {
    position_ = 0;
    do {
      at_end_ = !blocks_->step();
      if (at_end_) return;
      block_ = read_row<EffectBlockRow>(*blocks_);
    } while (block_.effects.empty());
    if (arms_round_ != block_.round_id) read_arms();
  }

  void read_arms() {
    arms_.clear();
    arms_round_ = block_.round_id;
    Statement statement(db_, select_sql<ArmRow>("WHERE round_id = ?"), db_.getFilename());
    statement.bind(1, block_.round_id);
    while (statement.step()) {
      ArmRow arm = read_row<ArmRow>(statement);
      arms_.emplace(arm.arm, std::move(arm));
    }
  }

  SQLite::Database& db_;
  std::optional<Statement> blocks_;
  EffectBlockRow block_;
  std::size_t position_ = 0;
  sqlite3_int64 row_number_ = 0;
  bool at_end_ = true;
  std::map<std::int64_t, ArmRow> arms_;
  std::int64_t arms_round_ = -1;
};

EffectsCursor& cursor_of(sqlite3_vtab_cursor* cursor) {
  return *static_cast<EffectsCursor*>(cursor);
}

// Runs code that may throw behind SQLite's C interface.
template <class Call>
int guarded(sqlite3_vtab* table, Call&& call) {
  try {
    call();
    return SQLITE_OK;
  } catch (const std::exception& failure) {
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("effects: %s", failure.what());
    return SQLITE_ERROR;
  }
}

int connect(sqlite3* handle, void* db, int, const char* const*, sqlite3_vtab** out, char**) {
  const int status = sqlite3_declare_vtab(handle, kDeclaration);
  if (status != SQLITE_OK) return status;
  sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
  auto table = std::make_unique<EffectsTable>();
  table->db = static_cast<SQLite::Database*>(db);
  *out = table.release();
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  delete static_cast<EffectsTable*>(table);
  return SQLITE_OK;
}

// Takes every equality on a block column into the inner query.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  std::array<int, kBlockColumns.size()> constraint_of{};
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    const bool is_block_column = constraint.iColumn >= 0 && constraint.iColumn < static_cast<int>(kBlockColumns.size());
    if (constraint.usable && constraint.op == SQLITE_INDEX_CONSTRAINT_EQ && is_block_column) {
      constraint_of[static_cast<std::size_t>(constraint.iColumn)] = i + 1;
    }
  }
  int arguments = 0;
  info->estimatedCost = 1e9;
  for (std::size_t k = 0; k < kBlockColumns.size(); ++k) {
    if (constraint_of[k] == 0) continue;
    info->idxNum |= 1 << k;
    info->aConstraintUsage[constraint_of[k] - 1].argvIndex = ++arguments;
    info->estimatedCost /= 10;
  }
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* table, sqlite3_vtab_cursor** out) {
  *out = new EffectsCursor(*static_cast<EffectsTable*>(table)->db);
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* cursor) {
  delete static_cast<EffectsCursor*>(cursor);
  return SQLITE_OK;
}

SqlValue to_value(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_NULL:
      return std::monostate();
    default: {
      const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
      return std::string(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
  }
}

int filter(sqlite3_vtab_cursor* cursor, int chosen, const char*, int count, sqlite3_value** arguments) {
  return guarded(cursor->pVtab, [&] {
    std::vector<SqlValue> values;
    for (int i = 0; i < count; ++i) values.push_back(to_value(arguments[i]));
    cursor_of(cursor).filter(chosen, values);
  });
}

int next(sqlite3_vtab_cursor* cursor) {
  return guarded(cursor->pVtab, [&] { cursor_of(cursor).next(); });
}

int at_end(sqlite3_vtab_cursor* cursor) {
  return cursor_of(cursor).at_end() ? 1 : 0;
}

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* out, int number) {
  cursor_of(cursor).column(out, number);
  return SQLITE_OK;
}

int row_number(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = cursor_of(cursor).row_number();
  return SQLITE_OK;
}

// A module without xCreate is a table that exists in every database of the connection.
const sqlite3_module kModule = [] {
  sqlite3_module module{};
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xOpen = open_cursor;
  module.xClose = close_cursor;
  module.xFilter = filter;
  module.xNext = next;
  module.xEof = at_end;
  module.xColumn = column;
  module.xRowid = row_number;
  return module;
}();

}  // namespace

void register_effects_table(const Connection& connection) {
  SQLite::Database& db = connection.raw();
  if (sqlite3_create_module_v2(db.getHandle(), "effects", &kModule, &db, nullptr) != SQLITE_OK) {
    throw error(ErrorKind::internal, "{}: the table 'effects' cannot be registered ({})", connection.path(),
                sqlite3_errmsg(db.getHandle()));
  }
}

}  // namespace neurosweep
