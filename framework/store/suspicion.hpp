#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Suspicions and failed attempts after which a suspect runs with nothing else at work, so that it is cleared or known
/// to be to blame.
inline constexpr std::int64_t kSetbacksToRunAlone = 2;

/// Suspicions and failed attempts after which a suspect is to blame whatever else was at work.
inline constexpr std::int64_t kSetbacksToBlame = 3;

/// Notes units as suspect, once for each of their launches; one that reaches kSetbacksToBlame is given the blame.
void suspect(Database& results, const std::vector<UnitSuspicionRow>& units);

/// Makes the suspicions of a unit failed attempts, as it was found to blame: they count no longer as suspicions.
void blame_suspect(Database& results, std::int64_t round_id, std::int64_t unit);

/// How often each pending unit of a round is suspect.
std::map<std::int64_t, std::int64_t> suspicion_counts(const Database& results, std::int64_t round_id);

}  // namespace neurosweep
