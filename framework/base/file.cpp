#include "framework/base/file.hpp"

#include <fstream>
#include <iterator>

#include "framework/base/error.hpp"

namespace neurosweep {

std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw error(ErrorKind::io, "{}: cannot be read ({})", path, errno_text());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw error(ErrorKind::io, "{}: reading failed ({})", path, errno_text());
  return text;
}

}  // namespace neurosweep
