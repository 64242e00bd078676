#pragma once

#include <tuple>
#include <vector>

#include "results_schema/rows.hpp"

namespace neurosweep {

/// What to do about NaN and infinite values in a BLOB: refuse the unit, or store and count them (n_nonfinite).
enum class NonFinite { reject, keep };

/// The measured rows of one unit, numbered within each table in the order they are added.
///
/// round_id, unit, seq and n_nonfinite of an added row are overwritten.
///   throws  Error{internal} for a NaN or infinite scalar, for one in a BLOB under NonFinite::reject, and for a
///           BLOB whose length is not its row's n
class UnitRows {
 public:
  void add(TraceRow row);
  /// Belongs to the trace added last and takes its seq.
  void add(ActivationMeanRow row, NonFinite policy = NonFinite::reject);
  void add(EffectBlockRow row, NonFinite policy = NonFinite::reject);
  void add(OutcomeRow row);
  void add(ScreenBlockRow row, NonFinite policy = NonFinite::reject);
  void add(PromptActivationRow row, NonFinite policy = NonFinite::reject);
  void add(TransferBlockRow row, NonFinite policy = NonFinite::reject);
  void add(EnforcementRow row);
  /// Belong to the trace added last and take its seq.
  void add(ActivationLastRow row, NonFinite policy = NonFinite::reject);
  void add(TraceGeometryRow row);
  void add(MonitorReadingRow row, NonFinite policy = NonFinite::reject);
  void add(ActivationRangeRow row, NonFinite policy = NonFinite::reject);

  /// Adds a row that already has its key: for units read back from a store.
  template <class Row>
  void add_stored(Row row) {
    rows<Row>().push_back(std::move(row));
  }

  template <class Row>
  const std::vector<Row>& get() const {
    return std::get<std::vector<Row>>(tables_);
  }

  std::int64_t size() const;  ///< rows of all tables

  /// Gives every row the key of its unit.
  void set_key(std::int64_t round_id, std::int64_t unit);

  /// CRC-32C over the unit's key and hash and every field of every row: tables in the order of MeasuredTables, rows
  /// by seq, bytes as RowEncoder writes them.
  std::uint32_t crc32c(const std::string& unit_hash) const;

 private:
  template <class Row>
  std::int64_t seq_of_last_trace() const;
  template <class Row>
  std::vector<Row>& rows() {
    return std::get<std::vector<Row>>(tables_);
  }
  template <class Tables>
  struct VectorsOf;
  template <class... Rows>
  struct VectorsOf<std::tuple<Rows...>> {
    using type = std::tuple<std::vector<Rows>...>;
  };
  VectorsOf<MeasuredTables>::type tables_;
  std::int64_t round_id_ = 0;
  std::int64_t unit_ = 0;
};

}  // namespace neurosweep
