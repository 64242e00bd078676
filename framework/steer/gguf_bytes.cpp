#include "framework/steer/gguf_bytes.hpp"

#include <cstddef>
#include <string_view>

namespace neurosweep {

namespace {

constexpr std::uint32_t kVersion = 3, kTypeUint32 = 4, kTypeText = 8, kTensorF32 = 0;
constexpr std::size_t kAlignment = 32;

/// Little-endian, as every supported machine.
class Writer {
 public:
  void magic() { bytes_ += "GGUF"; }
  void u32(std::uint32_t value) { raw(&value, sizeof value); }
  void u64(std::uint64_t value) { raw(&value, sizeof value); }
  void text(std::string_view value) {
    u64(value.size());
    bytes_ += value;
  }
  void floats(const std::vector<float>& values) { raw(values.data(), values.size() * sizeof(float)); }
  void align() { bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment); }
  std::string take() { return std::move(bytes_); }

 private:
  void raw(const void* data, std::size_t n) { bytes_.append(static_cast<const char*>(data), n); }

  std::string bytes_;
};

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

std::string gguf_bytes(const GgufContent& content) {
  Writer out;
  out.magic();
  out.u32(kVersion);
  out.u64(content.tensors.size());
  out.u64(content.fields.size());
  for (const auto& [key, value] : content.fields) {
    out.text(key);
    if (const auto* text = std::get_if<std::string>(&value)) {
      out.u32(kTypeText);
      out.text(*text);
    } else {
      out.u32(kTypeUint32);
      out.u32(std::get<std::uint32_t>(value));
    }
  }
  std::size_t offset = 0;
  for (const auto& [name, values] : content.tensors) {
    out.text(name);
    out.u32(1);
    out.u64(values.size());
    out.u32(kTensorF32);
    out.u64(offset);
    offset += aligned(values.size() * sizeof(float));
  }
  for (const auto& [name, values] : content.tensors) {
    out.align();
    out.floats(values);
  }
  out.align();
  return out.take();
}

}  // namespace neurosweep
