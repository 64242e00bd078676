#pragma once

#include <cstdint>
#include <string>

#include "framework/store/database.hpp"

namespace neurosweep {

/// A store of which one launch, the caller's, may drop rounds.
struct OwnedStore {
  std::string dir;
  int launch = 0;
};

/// Drops a stored round, with all that was measured of it, from results.db when `planned` is another plan of it and a
/// unit of an earlier round was measured in a later launch than it: one that had failed and was tried again. Shards
/// keep the units; merge_shards() takes none that was measured for another plan. Says so in one line. What differs for
/// no such reason is left to write_round() to refuse.
///   throws  Error{store} when another launch is at work on the store: it may be measuring the round; Error{io}
void drop_outdated(Database& db, const OwnedStore& store, const RoundRow& planned);

/// The same for the stored rounds of numbers `first` to `last` - 1, which are no longer planned.
void drop_outdated_between(Database& db, const OwnedStore& store, std::int64_t first, std::int64_t last);

}  // namespace neurosweep
