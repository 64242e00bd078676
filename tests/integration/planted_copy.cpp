#include "tests/integration/planted_copy.hpp"

#include <cstring>
#include <filesystem>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep::testing {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kWidth = 256;

// Puts a matrix's rows (or columns) in the planted order.
void reorder(char* bytes, std::size_t rows, std::size_t columns) {
  std::vector<float> old(rows * columns), fresh(rows * columns);
  std::memcpy(old.data(), bytes, 4 * old.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      fresh[r * columns + c] = rows == kWidth ? old[planted(r) * columns + c] : old[r * columns + planted(c)];
    }
  }
  std::memcpy(bytes, fresh.data(), 4 * fresh.size());
}

}  // namespace

std::size_t planted(std::size_t j) {
  return (37 * j + 11) % kWidth;
}

void write_planted_copy(const std::string& folder) {
  fs::copy(small_reasoner(), folder);
  std::string file = read_file(folder + "/model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  const Json tensors = parse_json(file.substr(8, header), "the small reasoner's header");
  int reordered = 0;
  for (const auto& [name, tensor] : tensors.items()) {
    if (name.find(".mlp.") == std::string::npos) continue;
    const auto shape = tensor.at("shape").get<std::vector<std::size_t>>();
    reorder(&file[8 + header + tensor.at("data_offsets").at(0).get<std::size_t>()], shape.at(0), shape.at(1));
    ++reordered;
  }
  ASSERT_EQ(reordered, 12);
  fs::remove(folder + "/model.safetensors");
  write_file(folder + "/model.safetensors", file);
}

}  // namespace neurosweep::testing
