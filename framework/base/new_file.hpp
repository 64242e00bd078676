#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace neurosweep {

/// A file that is written from begin to end, piece by piece, in a folder that nobody reads yet (see NewFolder).
/// Every error names its path.
class NewFile {
 public:
  explicit NewFile(const std::string& path);            ///< throws Error{io}: it is there already, or cannot be created
  NewFile(const std::string& path, std::string shown);  ///< the same; errors name `shown`
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void finish();  ///< to the disk

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string shown_;
  int descriptor_;
};

/// Name beside a place for what is not whole yet: of this process, on this host of a shared file system.
std::string unfinished_name(const std::string& place);

/// Makes the names in a folder outlast a power cut.
///   returns  whether the file system did; if not, errno says why
bool sync_folder(const std::string& path);

/// Copies a file piece by piece and syncs it. Throws Error{io} with the path that cannot be read or written.
void copy_file(const std::string& from, const std::string& to);

}  // namespace neurosweep
