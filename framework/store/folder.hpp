#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// Throw Error{store} when a path is neither missing nor what a store has there. Stores come from others: a symbolic
/// link in one may lead anywhere, and reading a pipe may never end.
void need_plain_file(const std::string& path);
void need_plain_folder(const std::string& path);
/// The same for an SQLite file and its journals.
void need_plain_database(const std::string& path);

/// Renames a damaged SQLite file with its journals to <path>.corrupt, where that is taken to <path>.corrupt-2, ...
///   returns  the new path
///   throws   Error{io}
std::string set_database_aside(const std::string& path);

/// Path of the merged store in a store folder.
std::string results_path(const std::string& dir);

/// Makes dir/launch-<K> for the first free K and returns K; no two processes get the same.
///   last    K is larger: the last launch that results.db knows, whose folder may have been deleted
///   throws  Error{io}
int claim_launch(const std::string& dir, int last = 0);

/// Path of the shard that a rank of a launch writes.
std::string shard_path(const std::string& dir, int launch, int rank);

/// Path of the journal in which a rank of a launch keeps the unit that it is at.
std::string journal_path(const std::string& dir, int launch, int rank);

/// A file of one rank found in a store folder.
struct RankFile {
  int launch = 0;
  int rank = 0;
  std::string path;
  std::string name;  ///< relative to the folder: "launch-1/shard-0.db"
};

/// Shards of a store folder by launch, then rank.
std::vector<RankFile> list_shards(const std::string& dir);

/// Journals of a store folder by launch, then rank.
std::vector<RankFile> list_journals(const std::string& dir);

/// Whether a path lies on a file system that is shared over a network, where SQLite's WAL does not work.
bool on_network_file_system(const std::string& path);

/// Now, as "2026-01-31T12:00:00.000Z".
std::string utc_now();

}  // namespace neurosweep
