#include "framework/model/safetensors.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <tuple>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/special_file.hpp"
#include "framework/config/json.hpp"
#include "framework/model/memory_map.hpp"

namespace neurosweep {

/// The bytes of one file, private to this process and copied page by page where they are written.
class SafetensorsFile::Map {
 public:
  explicit Map(const std::string& path) {
    refuse_special_file(path);
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw error(ErrorKind::io, "{}: cannot open ({})", path, errno_text());
    struct stat info {};
    if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(file);
      throw error(ErrorKind::io, "{}: not a file that can be mapped", path);
    }
    size_ = static_cast<std::size_t>(info.st_size);
    if (size_ > 0) data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    const int why = errno;
    ::close(file);
    errno = why;
    if (data_ == MAP_FAILED) throw error(ErrorKind::io, "{}: cannot map {} bytes ({})", path, size_, errno_text());
  }
  ~Map() {
    if (data_) ::munmap(data_, size_);
  }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeader = 100'000'000;
constexpr const char* kMetadata = "__metadata__";

struct Dtype {
  std::string_view name;
  std::size_t bytes;
  std::optional<at::ScalarType> type;  ///< nothing: may stand in a file, cannot be read
};

constexpr std::array<Dtype, 14> kDtypes = {{
    {"F32", 4, at::kFloat},
    {"F16", 2, at::kHalf},
    {"BF16", 2, at::kBFloat16},
    {"I64", 8, at::kLong},
    {"F64", 8, {}},
    {"I32", 4, {}},
    {"I16", 2, {}},
    {"I8", 1, {}},
    {"U8", 1, {}},
    {"U16", 2, {}},
    {"U32", 4, {}},
    {"U64", 8, {}},
    {"BOOL", 1, {}},
    {"F8_E4M3", 1, {}},
}};

const Dtype* find_dtype(std::string_view name) {
  const auto row = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == name; });
  return row == kDtypes.end() ? nullptr : &*row;
}

Error dtype_error(const std::string& path, std::string_view tensor, std::string_view dtype) {
  return input_error("{}: tensor '{}': dtype {} is not supported (supported: F32, F16, BF16; I64 for token ids)", path,
                     tensor, dtype);
}

/// The JSON text of the header.
std::string_view header_text(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < kLengthBytes) {
    throw input_error("{}: truncated: {} bytes, a safetensors file has at least {}", path, file.size(), kLengthBytes);
  }
  std::uint64_t length = 0;  // little-endian, as every supported machine
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeader) {
    throw input_error("{}: header of {} bytes is over the limit of {}: not a safetensors file?", path, length,
                      kMaxHeader);
  }
  if (length > file.size() - kLengthBytes) {
    throw input_error("{}: truncated: header of {} bytes, but only {} follow", path, length,
                      file.size() - kLengthBytes);
  }
  return {reinterpret_cast<const char*>(file.data()) + kLengthBytes, static_cast<std::size_t>(length)};
}

/// Bytes that a shape takes, or nothing where an extent is negative or the product overflows.
std::optional<std::size_t> byte_count(const std::vector<std::int64_t>& shape, std::size_t item) {
  std::size_t bytes = item;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(extent), &bytes)) return std::nullopt;
  }
  return bytes;
}

/// The tensors must fill the data part without overlap and without holes.
void check_extents(const std::map<std::string, TensorEntry, std::less<>>& entries, std::size_t data_size,
                   const std::string& path) {
  std::vector<std::tuple<std::size_t, std::size_t, std::string_view>> extents;
  for (const auto& [name, entry] : entries) extents.emplace_back(entry.begin, entry.end, name);
  std::sort(extents.begin(), extents.end());
  std::size_t filled = 0;
  for (const auto& [begin, end, tensor] : extents) {
    if (begin != filled) {
      throw input_error("{}: {} before tensor '{}': it starts at byte {}, the one before ends at {}", path,
                        begin < filled ? "overlap" : "hole", tensor, begin, filled);
    }
    filled = end;
  }
  if (filled != data_size) {
    throw input_error("{}: {}: the tensors take {} bytes, the file holds {}", path,
                      filled > data_size ? "truncated" : "bytes left over", filled, data_size);
  }
}

/// One line of the header, checked by itself; its offsets count from the start of the data part.
TensorEntry read_entry(const Json& fields, const std::string& name, const std::string& path) {
  const std::string where = fmt::format("{}: tensor '{}'", path, name);
  TensorEntry entry;
  entry.dtype = require<std::string>(fields, "dtype", where);
  entry.shape = require<std::vector<std::int64_t>>(fields, "shape", where);
  const auto offsets = require<std::vector<std::int64_t>>(fields, "data_offsets", where);
  const Dtype* dtype = find_dtype(entry.dtype);
  if (!dtype) throw dtype_error(path, name, entry.dtype);
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) {
    throw input_error("{}: data_offsets must be [begin, end] with 0 <= begin <= end, found [{}]", where,
                      fmt::join(offsets, ", "));
  }
  entry.begin = static_cast<std::size_t>(offsets[0]);
  entry.end = static_cast<std::size_t>(offsets[1]);
  if (byte_count(entry.shape, dtype->bytes) != entry.end - entry.begin) {
    throw input_error("{}: shape [{}] of {} does not take the {} bytes of its data_offsets", where,
                      fmt::join(entry.shape, ", "), entry.dtype, entry.end - entry.begin);
  }
  return entry;
}

}  // namespace

std::size_t dtype_bytes(std::string_view dtype) {
  const Dtype* row = find_dtype(dtype);
  if (row == nullptr) throw input_error("'{}' is no dtype of safetensors", dtype);
  return row->bytes;
}

std::string_view dtype_name(at::ScalarType type) {
  const auto row = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.type == type; });
  ensure(row != kDtypes.end(), "an element type that safetensors files hold");
  return row->name;
}

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  SafetensorsFile file;
  file.path_ = path;
  file.map_ = std::make_shared<const Map>(path);
  const auto text = header_text(file.map_->bytes(), path);
  const std::size_t data_begin = kLengthBytes + text.size();
  const std::string origin = path + " (header)";
  const Json header = parse_json(text, origin);
  if (!header.is_object()) throw input_error("{}: expected a JSON object, found {}", origin, header.type_name());

  for (const auto& [name, fields] : header.items()) {
    if (name != kMetadata) file.entries_.emplace(name, read_entry(fields, name, path));
  }
  check_extents(file.entries_, file.map_->bytes().size() - data_begin, path);
  file.header_ = text;
  file.data_begin_ = data_begin;
  return file;
}

std::string SafetensorsFile::file_name() const {
  return std::filesystem::path(path_).filename().string();
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const TensorEntry& SafetensorsFile::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw input_error("{}: missing tensor '{}'", path_, name);
  return found->second;
}

at::Tensor SafetensorsFile::raw(std::string_view name) const {
  const TensorEntry& in_file = entry(name);
  std::byte* data = map_->bytes().data() + data_begin_ + in_file.begin;
  const std::size_t bytes = in_file.end - in_file.begin;
  return at::from_blob(
      data, {static_cast<std::int64_t>(bytes)}, [map = map_, bytes](void* begin) { forget_pages(begin, bytes); },
      at::kByte);
}

at::Tensor SafetensorsFile::tensor(std::string_view name) const {
  const TensorEntry& entry = this->entry(name);
  const Dtype* dtype = find_dtype(entry.dtype);
  if (!dtype->type) throw dtype_error(path_, name, entry.dtype);
  std::byte* data = map_->bytes().data() + data_begin_ + entry.begin;
  const bool aligned = (data_begin_ + entry.begin) % dtype->bytes == 0;
  if (aligned || entry.begin == entry.end) {
    return at::from_blob(
        data, entry.shape, [map = map_](void*) {}, *dtype->type);
  }
  at::Tensor copy = at::empty(entry.shape, *dtype->type);
  std::memcpy(copy.data_ptr(), data, entry.end - entry.begin);
  return copy;
}

}  // namespace neurosweep
