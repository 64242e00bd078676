#include "results_schema/schema.hpp"

namespace neurosweep {

int schema_version() {
  return static_cast<int>(schema_files().size());
}

bool applies_to(const SqlFile& file, std::string_view store) {
  return file.text.substr(0, file.text.find('\n')).find(store) != std::string_view::npos;
}

}  // namespace neurosweep
