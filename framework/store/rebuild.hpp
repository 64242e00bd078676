#pragma once

#include <string>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Reads the whole results.db of a store folder, if there is one, and where it is damaged sets it aside as
/// results.db.corrupt (see set_database_aside()) and makes it anew: from the shards, and from what is sound in the
/// damaged file where that is of the same study and its tables are ours.
/// For rank 0 before a launch; plans follow from the study, and what no file holds any more is measured again. Rounds
/// are not taken over, as they have no checksum: their units tell which plan they were measured for. Of launches that
/// start at once one does it, and the others wait.
///   returns  what was wrong with it; "" when nothing was
///   throws   Error{store} when it is no results.db of ours or of a newer version, or where it is damaged or not there
///            and what can be read of it, or a shard, is of another study: nothing is changed then; Error{io}
std::string rebuild_if_damaged(const std::string& dir, const StudyIdentity& identity);

}  // namespace neurosweep
