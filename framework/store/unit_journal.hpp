#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Which unit a rank is at, in a file that outlives the process: launch-<K>/rank-<R>.now. An end in order removes it;
/// a process that dies leaves it with the unit it died in. Costs two writes of 16 bytes a unit, and no fsync.
class UnitJournal {
 public:
  /// Makes the file and locks it for as long as the process lives.
  ///   throws  Error{io}, as do begin_unit() and end_unit()
  UnitJournal(const std::string& dir, int launch, int rank);
  ~UnitJournal();
  UnitJournal(const UnitJournal&) = delete;
  UnitJournal& operator=(const UnitJournal&) = delete;

  void begin_unit(std::int64_t round_id, std::int64_t unit);
  void end_unit();

  /// Four bytes of the file for the signal that ends the process.
  int descriptor() const { return descriptor_; }
  static constexpr off_t kWordOffset = 16;

 private:
  void write_unit(std::int64_t round_id, std::int64_t unit);

  std::string path_;
  int descriptor_;
};

/// A launch of which a process is at work on a store folder now; `own` is not meant. A file system without locks cannot
/// tell.
std::optional<int> launch_at_work(const std::string& dir, int own);

/// Counts, as failed attempts of kind "crash", the units in which processes of earlier launches died, and returns how
/// many. Such a unit was at work in a process that
///   - crashed by a signal of its own (SIGSEGV, SIGABRT, ...) or ran past the unit's deadline, or
///   - vanished (SIGKILL, out of memory) while other ranks lived on for long enough to be told to stop, or
///   - vanished when no other unit was at work in the launch.
/// Where all ranks vanish without a word (srun kills them together when one of them dies) every unit at work is
/// suspect: see suspicion.hpp. A process that was told to stop died of that, and where a rank ended in order the others
/// died of what it met: no unit is to blame, and none is counted. Journals of living processes are left alone, the
/// others removed.
std::int64_t record_crashes(Database& results, const std::string& dir);

}  // namespace neurosweep
