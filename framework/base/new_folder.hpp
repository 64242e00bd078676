#pragma once

#include <string>

namespace neurosweep {

/// A folder that is filled beside its place and put there whole: readers and a killed writer leave what was there
/// before or the new one, never a part. What was never finished is removed; what a killed writer left behind,
/// "NAME.unfinished-<host>-<process>", is removed by the next one on that host.
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
  int lock_ = -1;  ///< of the unfinished folder, by which others see that its writer lives
};

}  // namespace neurosweep
