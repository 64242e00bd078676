#pragma once

// One struct per table. Each holds its field list once, in fields(); inserts, selects, checksums and
// the check against the SQL are all generated from it.
#include <tuple>
#include <type_traits>
#include <utility>

#include "results_schema/constrain_rows.hpp"
#include "results_schema/derived_rows.hpp"
#include "results_schema/direction_rows.hpp"
#include "results_schema/edit_rows.hpp"
#include "results_schema/identify_rows.hpp"
#include "results_schema/measured_rows.hpp"
#include "results_schema/monitor_rows.hpp"
#include "results_schema/plan_rows.hpp"
#include "results_schema/predict_rows.hpp"
#include "results_schema/set_rows.hpp"
#include "results_schema/steer_rows.hpp"
#include "results_schema/study_rows.hpp"
#include "results_schema/transfer_rows.hpp"
#include "results_schema/validate_rows.hpp"

namespace neurosweep {

/// The rows of every table of every store.
using AllTables = decltype(std::tuple_cat(
    std::declval<MeasuredTables>(), std::declval<PlanTables>(), std::declval<DerivedTables>(),
    std::declval<SetSearchTables>(), std::declval<DirectionTables>(), std::declval<PredictionTables>(),
    std::declval<ValidationTables>(), std::declval<TransferTables>(), std::declval<IdentificationTables>(),
    std::declval<SteerTables>(), std::declval<MonitorTables>(), std::declval<ConstraintTables>(),
    std::declval<EditTables>(),
    std::declval<std::tuple<UnitRow, UnitFailureRow, UnitSuspicionRow, StudyRow, ModelRow, TaskRow, LaunchRow,
                            WorkerRow, MergedShardRow, ShardRow>>()));

/// Calls visit.template operator()<Row>() for each row type of a tuple, in order.
template <class Tables, class Visit>
void for_each_table(Visit&& visit) {
  []<class... Rows>(std::type_identity<std::tuple<Rows...>>, auto& each) { (each.template operator()<Rows>(), ...); }(
      std::type_identity<Tables>{}, visit);
}

}  // namespace neurosweep
