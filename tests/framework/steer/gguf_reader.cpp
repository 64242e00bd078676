#include "tests/framework/steer/gguf_reader.hpp"

#include <cstring>
#include <stdexcept>

namespace neurosweep::testing {

namespace {

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<std::uint64_t>();
    return {take(size), size};
  }
  const char* take(std::size_t n) {
    if (n > bytes_.size() - at_) throw std::runtime_error("GGUF: truncated");
    at_ += n;
    return bytes_.data() + at_ - n;
  }
  void align() { at_ = (at_ + 31) / 32 * 32; }
  std::size_t at() const { return at_; }
  void go_to(std::size_t at) { at_ = at; }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
};

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("GGUF: ") + what);
}

}  // namespace

GgufFile parse_gguf(const std::string& bytes) {
  constexpr std::uint32_t kUint32 = 4, kText = 8;
  struct Place {
    std::string name;
    std::uint64_t n, offset;
  };
  Reader in(bytes);
  GgufFile file;
  expect(std::string(in.take(4), 4) == "GGUF", "magic");
  expect(in.number<std::uint32_t>() == 3, "version");
  const auto n_tensors = in.number<std::uint64_t>(), n_fields = in.number<std::uint64_t>();
  for (std::uint64_t i = 0; i < n_fields; ++i) {
    const std::string key = in.text();
    const auto type = in.number<std::uint32_t>();
    expect(type == kUint32 || type == kText, "type of a field");
    if (type == kText) {
      file.texts[key] = in.text();
    } else {
      file.numbers[key] = in.number<std::uint32_t>();
    }
  }
  std::vector<Place> places;
  for (std::uint64_t i = 0; i < n_tensors; ++i) {
    Place place{in.text(), 0, 0};
    expect(in.number<std::uint32_t>() == 1, "one dimension");
    place.n = in.number<std::uint64_t>();
    expect(in.number<std::uint32_t>() == 0, "f32");
    place.offset = in.number<std::uint64_t>();
    expect(place.offset % 32 == 0, "alignment");
    places.push_back(place);
  }
  in.align();
  const std::size_t data = in.at();
  for (const Place& place : places) {
    in.go_to(data + place.offset);
    std::vector<float> values(place.n);
    std::memcpy(values.data(), in.take(place.n * sizeof(float)), place.n * sizeof(float));
    expect(file.tensors.emplace(place.name, std::move(values)).second, "a name twice");
  }
  return file;
}

}  // namespace neurosweep::testing
