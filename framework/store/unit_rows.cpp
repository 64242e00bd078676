#include "framework/store/unit_rows.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/store/row_codec.hpp"

namespace neurosweep {

namespace {

// Refuses NaN and infinity in the number columns of a row.
template <class Row>
void check_scalars(const Row& row) {
  Row::fields(row, [&](const char* name, const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    double number = 0.0;
    if constexpr (std::is_same_v<Value, double>) number = value;
    if constexpr (std::is_same_v<Value, std::optional<double>>) number = value.value_or(0.0);
    if (!std::isfinite(number)) {
      throw error(ErrorKind::internal, "{}.{} is {} (the store keeps finite numbers only): the unit measured nonsense",
                  Row::kTable, name, number);
    }
  });
}

// Checks a BLOB column against the row's n; returns how many of its values are not finite.
template <class Row>
std::int64_t check_block(const Row& row, const std::vector<float>& values, NonFinite policy) {
  if (row.n != static_cast<std::int64_t>(values.size())) {
    throw error(ErrorKind::internal, "{} row says n = {} and holds {} values", Row::kTable, row.n, values.size());
  }
  const std::int64_t bad =
      std::count_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad > 0 && policy == NonFinite::reject) {
    throw error(ErrorKind::internal, "{} row holds {} NaN or infinite values among {}: the unit measured nonsense",
                Row::kTable, bad, row.n);
  }
  return bad;
}

}  // namespace

void UnitRows::add(TraceRow row) {
  check_scalars(row);
  row.seq = static_cast<std::int64_t>(rows<TraceRow>().size());
  rows<TraceRow>().push_back(std::move(row));
}

template <class Row>
std::int64_t UnitRows::seq_of_last_trace() const {
  const auto& table = get<Row>();
  const std::int64_t seq = static_cast<std::int64_t>(get<TraceRow>().size()) - 1;
  ensure(seq >= 0 && (table.empty() || table.back().seq < seq), "what belongs to a trace follows it, at most one each");
  return seq;
}

void UnitRows::add(ActivationMeanRow row, NonFinite policy) {
  row.seq = seq_of_last_trace<ActivationMeanRow>();
  row.n_nonfinite = check_block(row, row.mean_values, policy);
  rows<ActivationMeanRow>().push_back(std::move(row));
}

void UnitRows::add(EffectBlockRow row, NonFinite policy) {
  check_scalars(row);
  row.n_nonfinite = check_block(row, row.effects, policy);
  row.seq = static_cast<std::int64_t>(rows<EffectBlockRow>().size());
  rows<EffectBlockRow>().push_back(std::move(row));
}

void UnitRows::add(OutcomeRow row) {
  check_scalars(row);
  row.seq = static_cast<std::int64_t>(rows<OutcomeRow>().size());
  rows<OutcomeRow>().push_back(std::move(row));
}

void UnitRows::add(ScreenBlockRow row, NonFinite policy) {
  check_scalars(row);
  row.n_nonfinite = check_block(row, row.effects, policy);
  row.seq = static_cast<std::int64_t>(rows<ScreenBlockRow>().size());
  rows<ScreenBlockRow>().push_back(std::move(row));
}

void UnitRows::add(PromptActivationRow row, NonFinite policy) {
  row.n_nonfinite = check_block(row, row.activations, policy);
  row.seq = static_cast<std::int64_t>(rows<PromptActivationRow>().size());
  rows<PromptActivationRow>().push_back(std::move(row));
}

void UnitRows::add(TransferBlockRow row, NonFinite policy) {
  row.n_nonfinite = check_block(row, row.block_values, policy);
  row.seq = static_cast<std::int64_t>(rows<TransferBlockRow>().size());
  rows<TransferBlockRow>().push_back(std::move(row));
}

void UnitRows::add(ActivationLastRow row, NonFinite policy) {
  row.seq = seq_of_last_trace<ActivationLastRow>();
  row.n_nonfinite = check_block(row, row.last_values, policy);
  rows<ActivationLastRow>().push_back(std::move(row));
}

void UnitRows::add(TraceGeometryRow row) {
  check_scalars(row);
  row.seq = seq_of_last_trace<TraceGeometryRow>();
  rows<TraceGeometryRow>().push_back(std::move(row));
}

void UnitRows::add(MonitorReadingRow row, NonFinite policy) {
  row.seq = seq_of_last_trace<MonitorReadingRow>();
  row.n_nonfinite = check_block(row, row.readings, policy);
  rows<MonitorReadingRow>().push_back(std::move(row));
}

void UnitRows::add(ActivationRangeRow row, NonFinite policy) {
  row.seq = seq_of_last_trace<ActivationRangeRow>();
  row.n_nonfinite = check_block(row, row.ranges, policy);
  rows<ActivationRangeRow>().push_back(std::move(row));
}

void UnitRows::add(EnforcementRow row) {
  check_scalars(row);
  row.seq = static_cast<std::int64_t>(rows<EnforcementRow>().size());
  rows<EnforcementRow>().push_back(std::move(row));
}

std::int64_t UnitRows::size() const {
  return std::apply([](const auto&... table) { return static_cast<std::int64_t>((table.size() + ...)); }, tables_);
}

void UnitRows::set_key(std::int64_t round_id, std::int64_t unit) {
  round_id_ = round_id;
  unit_ = unit;
  const auto set = [&](auto& table) {
    for (auto& row : table) {
      row.round_id = round_id;
      row.unit = unit;
    }
  };
  std::apply([&](auto&... table) { (set(table), ...); }, tables_);
}

std::uint32_t UnitRows::crc32c(const std::string& unit_hash) const {
  std::vector<std::byte> bytes;
  RowEncoder encoder(bytes);
  encoder.field(round_id_);
  encoder.field(unit_);
  encoder.field(unit_hash);
  std::uint32_t crc = neurosweep::crc32c(bytes);
  const auto add_table = [&](const auto& table) {
    for (const auto& row : table) {
      bytes.clear();
      encoder.field(std::decay_t<decltype(row)>::kTable);
      encoder.row(row);
      crc = neurosweep::crc32c(bytes, crc);
    }
  };
  std::apply([&](const auto&... table) { (add_table(table), ...); }, tables_);
  return crc;
}

}  // namespace neurosweep
