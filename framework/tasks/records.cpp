#include "framework/tasks/records.hpp"

#include <fnmatch.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpace = " \t\r\n";
// gzip can hold a thousand times what it weighs; questions shrink to a fifth.
constexpr std::size_t kMostGrowth = 200, kHarmlessBytes = std::size_t{64} << 20;

// All bytes of a file, unpacked where it is gzip.
std::string read_unpacked(const std::string& path) {
  const auto close = [](gzFile file) { gzclose(file); };
  const std::unique_ptr<gzFile_s, decltype(close)> file(gzopen(path.c_str(), "rb"), close);
  if (!file) throw error(ErrorKind::io, "{}: cannot open ({})", path, errno_text());
  std::error_code unknown;
  const auto packed = static_cast<std::size_t>(fs::file_size(path, unknown));
  const std::size_t most = unknown ? kHarmlessBytes : std::max(kHarmlessBytes, packed * kMostGrowth);
  std::string text;
  std::array<char, 1 << 16> block{};
  int n = 0;
  while ((n = gzread(file.get(), block.data(), block.size())) > 0) {
    text.append(block.data(), static_cast<std::size_t>(n));
    if (text.size() > most) {
      throw input_error("{}: unpacks to more than {} times its size: is it made to fill the memory?", path,
                        kMostGrowth);
    }
  }
  int status = Z_OK;
  const char* why = gzerror(file.get(), &status);
  if (n < 0 || (status != Z_OK && status != Z_STREAM_END)) {
    throw error(ErrorKind::io, "{}: cannot read ({})", path, status == Z_ERRNO ? errno_text() : std::string(why));
  }
  return text;
}

/// Finds the ends of JSON values without reading them, so that each can be told by its line.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  char look() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (look() != c) return false;
    step();
    return true;
  }
  int line() const { return line_; }

  // A value up to its end, or to the text's where it has none.
  std::string_view take_value() {
    skip_space();
    const std::size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth == 0 && at_ > begin && (c == ',' || c == ']' || c == '}' || c == ':')) break;
      if (c == '"') {
        skip_string();
      } else {
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        step();
      }
      if (depth == 0 && (c == '"' || c == '}' || c == ']')) break;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void step() {
    if (text_[at_++] == '\n') ++line_;
  }
  void skip_space() {
    while (at_ < text_.size() && kSpace.find(text_[at_]) != std::string_view::npos) step();
  }
  void skip_string() {
    step();
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) step();
      step();
    }
    if (at_ < text_.size()) step();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

/// Reads the records of one file.
class RecordReader {
 public:
  RecordReader(std::string path, std::string prefix) : path_(std::move(path)), prefix_(std::move(prefix)) {}

  std::vector<TaskRecord> read(std::string_view list_key) {
    const std::string text = read_unpacked(path_);
    JsonScanner scanner(text);
    if (scanner.look() == '[') {
      read_array(scanner);
    } else if (!list_key.empty()) {
      read_list(scanner, list_key);
    } else {
      read_lines(text);
    }
    return std::move(records_);
  }

 private:
  std::string place(int line) const { return fmt::format("{}:{}", path_, line); }

  void add(std::string_view text, int line, std::size_t number) {
    Json object = parse_json(text, place(line));
    if (!object.is_object()) throw input_error("{}: expected a JSON object, found {}", place(line), object.type_name());
    records_.push_back({std::move(object), place(line), prefix_ + std::to_string(number)});
  }

  void read_lines(std::string_view text) {
    int line = 0;
    while (!text.empty()) {
      ++line;
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view row = text.substr(0, end);
      if (row.find_first_not_of(kSpace) != std::string_view::npos) add(row, line, static_cast<std::size_t>(line));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void read_array(JsonScanner& scanner) {
    const int opened = scanner.line();
    scanner.take('[');
    while (!scanner.take(']')) {
      if (scanner.look() == '\0') throw input_error("{}: the array that begins here has no end", place(opened));
      const int line = scanner.line();
      add(scanner.take_value(), line, records_.size() + 1);
      if (scanner.take(',') || scanner.look() == ']') continue;
      throw input_error("{}: not valid JSON: expected ',' or ']' behind an element", place(scanner.line()));
    }
  }

  void read_list(JsonScanner& scanner, std::string_view list_key) {
    const std::string wanted = fmt::format("\"{}\"", list_key);
    scanner.take('{');
    while (scanner.look() == '"') {
      const std::string_view key = scanner.take_value();
      if (!scanner.take(':')) break;
      if (key == wanted && scanner.look() == '[') return read_array(scanner);
      scanner.take_value();
      scanner.take(',');
    }
    throw input_error("{}: expected a JSON object with an array under \"{}\"", place(scanner.line()), list_key);
  }

  std::string path_;
  std::string prefix_;
  std::vector<TaskRecord> records_;
};

bool is_benchmark_file(const fs::path& path) {
  const fs::path inner = path.extension() == ".gz" ? path.stem() : path;
  return inner.extension() == ".json" || inner.extension() == ".jsonl";
}

std::string stem_of(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.substr(0, name.find('.'));
}

}  // namespace

std::vector<std::string> task_files(const std::string& path) {
  const std::string pattern = fs::path(path).filename().string();
  const bool is_folder = fs::is_directory(path);
  if (!is_folder && pattern.find('*') == std::string::npos) return {path};
  const fs::path folder = is_folder ? fs::path(path) : fs::path(path).parent_path();
  std::error_code why;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder, why)) {
    const bool is_meant = is_folder ? is_benchmark_file(entry.path())
                                    : fnmatch(pattern.c_str(), entry.path().filename().c_str(), FNM_PERIOD) == 0;
    if (is_meant && entry.is_regular_file()) files.push_back(entry.path().string());
  }
  if (why) throw error(ErrorKind::io, "{}: cannot list ({})", folder.string(), why.message());
  if (files.empty())
    throw error(ErrorKind::io, "{}: no such file: expected .json or .jsonl files, or .gz of them", path);
  std::sort(files.begin(), files.end());
  return files;
}

std::string hash_task_files(const std::string& path) {
  const auto files = task_files(path);
  if (files.size() == 1) return hash_file(files.front());
  ContentHash hash;
  for (const std::string& file : files) hash.add_text(stem_of(file)).add_text(hash_file(file));
  return hash.hex();
}

std::vector<TaskRecord> read_records(const std::string& path, std::string_view list_key) {
  const auto files = task_files(path);
  std::vector<TaskRecord> records;
  for (const std::string& file : files) {
    auto more = RecordReader(file, files.size() == 1 ? "" : stem_of(file) + "-").read(list_key);
    if (more.empty()) throw input_error("{}: no items: expected JSON objects, one a line or in an array", file);
    std::move(more.begin(), more.end(), std::back_inserter(records));
  }
  return records;
}

}  // namespace neurosweep
