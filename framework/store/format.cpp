#include "framework/store/format.hpp"

#include "results_schema/schema.hpp"

namespace neurosweep {

int read_version(const Connection& connection) {
  const std::string& path = connection.path();
  const std::int64_t version = connection.integer("PRAGMA user_version");
  const std::int64_t owner = connection.integer("PRAGMA application_id");
  if (version == 0 && owner == 0 && connection.integer("SELECT count(*) FROM sqlite_schema") == 0) return 0;
  if (owner != kApplicationId || version < 1) {
    throw StoreError(ErrorKind::store, StoreError::Fault::foreign, path,
                     fmt::format("{}: is no neurosweep store (application_id {:#x}, expected {:#x}): give another path",
                                 path, owner, kApplicationId));
  }
  if (version > schema_version()) {
    throw error(ErrorKind::store,
                "{}: was written by a newer neurosweep (schema {}, this program knows up to {}): use that version",
                path, version, schema_version());
  }
  return static_cast<int>(version);
}

void bring_up_to_date(const Connection& connection, std::string_view store) {
  if (read_version(connection) == schema_version()) return;
  Transaction transaction(connection);
  for (int version = read_version(connection); version < schema_version(); ++version) {
    const SqlFile& file = schema_files()[static_cast<std::size_t>(version)];
    if (applies_to(file, store)) connection.exec(std::string(file.text));
  }
  connection.exec(fmt::format("PRAGMA application_id={}", kApplicationId));
  connection.exec(fmt::format("PRAGMA user_version={}", schema_version()));
  transaction.commit();
}

}  // namespace neurosweep
