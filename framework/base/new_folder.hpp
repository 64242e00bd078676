#pragma once

#include <string>

namespace neurosweep {

/// A folder that is filled beside its place and put there whole: readers and a killed writer leave what was there
/// before or the new one, never a part. What was never finished is removed, but a killed writer leaves
/// "NAME.unfinished-<host>-<process>" behind.
class NewFolder {
 public:
  /// throws  Error{io}: the folder beside it cannot be made
  explicit NewFolder(const std::string& place);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Where to write its files, each synced.
  const std::string& path() const { return unfinished_; }

  /// Puts the folder in its place, and removes the one that was there.
  ///   throws  Error{io}: it cannot be put there
  void finish();

 private:
  std::string place_, unfinished_;
};

}  // namespace neurosweep
