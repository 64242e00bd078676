#include "framework/store/database.hpp"

#include <filesystem>

#include "results_schema/schema.hpp"

namespace neurosweep {

Database Database::open_results(const std::string& dir, Access access) {
  const std::string path = results_path(dir);
  need_plain_database(path);
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown) && !unknown) {
    throw error(ErrorKind::io, "{}: is not there: give the folder of a study that was started with 'neurosweep run'",
                path);
  }
  Connection connection(path, access == Access::read ? Connection::Mode::read : Connection::Mode::write);
  const int version = expect_own_schema(connection, kResults);
  if (access == Access::write) {
    connection.use_durable_journal();
    bring_up_to_date(connection, kResults);
  } else if (version != schema_version()) {
    throw error(ErrorKind::store,
                "{}: has schema {}, this program reads {}: bring it up to date with 'neurosweep merge'", path, version,
                schema_version());
  }
  return Database(std::move(connection));
}

StudyRow Database::study() const {
  auto studies = select<StudyRow>();
  if (studies.size() != 1) {
    throw error(ErrorKind::store, "{}: holds {} studies, expected 1: start the study with 'neurosweep run'", path(),
                studies.size());
  }
  return std::move(studies.front());
}

}  // namespace neurosweep
