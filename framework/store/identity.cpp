#include <algorithm>
#include <filesystem>
#include <sstream>

#include "framework/base/hash.hpp"
#include "framework/store/database.hpp"
#include "results_schema/schema.hpp"

namespace neurosweep {

namespace {

std::string on_one_line(std::string text) {
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "\\n");
  return text;
}

// Lists the fields of an identity that differ, one "name: there, asked" each.
class Differences {
 public:
  void compare(const std::string& name, const std::string& there, const std::string& asked) {
    if (there != asked) add(fmt::format("{} is {} there, {} now", name, on_one_line(there), on_one_line(asked)));
  }
  void compare(const std::string& name, std::int64_t there, std::int64_t asked) {
    compare(name, std::to_string(there), std::to_string(asked));
  }
  void add(const std::string& line) { text_ += (text_.empty() ? "" : "; ") + line; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void compare_study_files(Differences& differences, const StudyRow& there, const StudyRow& asked) {
  if (there.toml_hash == asked.toml_hash) return;
  std::istringstream old_text(there.toml);
  std::istringstream new_text(asked.toml);
  std::string old_line, new_line;
  for (int number = 1;; ++number) {
    const bool more_old = static_cast<bool>(std::getline(old_text, old_line));
    const bool more_new = static_cast<bool>(std::getline(new_text, new_line));
    if (!more_old) old_line = "(end)";
    if (!more_new) new_line = "(end)";
    if (old_line != new_line) {
      differences.add(fmt::format("line {} of the study is `{}` there, `{}` now", number, old_line, new_line));
      return;
    }
    if (!more_old && !more_new) break;
  }
  differences.compare("the study's hash", there.toml_hash, asked.toml_hash);
}

// Compares named rows (models or tasks) by the fields that `compare_row` looks at.
template <class Row, class Compare>
void compare_named(Differences& differences, const char* what, const std::vector<Row>& there,
                   const std::vector<Row>& asked, Compare&& compare_row) {
  const auto find = [](const std::vector<Row>& rows, const std::string& name) {
    return std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  };
  for (const Row& row : there) {
    const auto match = find(asked, row.name);
    if (match == asked.end())
      differences.add(fmt::format("{} {} is gone", what, row.name));
    else
      compare_row(fmt::format("{} {}: ", what, row.name), row, *match);
  }
  for (const Row& row : asked) {
    if (find(there, row.name) == there.end()) differences.add(fmt::format("{} {} is new", what, row.name));
  }
}

std::string describe_differences(const Database& db, const StudyIdentity& asked) {
  Differences differences;
  const StudyRow there = db.study();
  compare_study_files(differences, there, asked.study);
  differences.compare("seed", there.seed, asked.study.seed);
  differences.compare("code version", there.code_version, asked.study.code_version);
  differences.compare("libtorch version", there.libtorch_version, asked.study.libtorch_version);
  differences.compare("threads", there.threads, asked.study.threads);
  compare_named(differences, "model", db.select<ModelRow>(), asked.models,
                [&](const std::string& name, const ModelRow& a, const ModelRow& b) {
                  differences.compare(name + "checkpoint hash", a.checkpoint_hash, b.checkpoint_hash);
                  differences.compare(name + "tokenizer hash", a.tokenizer_hash, b.tokenizer_hash);
                  differences.compare(name + "dtype", a.dtype, b.dtype);
                });
  compare_named(differences, "task", db.select<TaskRow>(), asked.tasks,
                [&](const std::string& name, const TaskRow& a, const TaskRow& b) {
                  differences.compare(name + "file hash", a.file_hash, b.file_hash);
                  differences.compare(name + "template", a.prompt_template, b.prompt_template);
                  differences.compare(name + "target", a.target, b.target);
                  differences.compare(name + "grader", a.grader, b.grader);
                });
  return differences.text();
}

template <class Row>
std::vector<Row> sorted_by_name(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  return rows;
}

}  // namespace

std::string make_study_id(const StudyIdentity& identity) {
  const StudyRow& study = identity.study;
  ContentHash hash;
  hash.add_text(study.toml_hash).add_integer(study.seed).add_text(study.code_version);
  hash.add_text(study.libtorch_version).add_integer(study.threads);
  for (const ModelRow& model : sorted_by_name(identity.models)) {
    hash.add_text(model.name).add_text(model.checkpoint_hash).add_text(model.tokenizer_hash).add_text(model.dtype);
  }
  for (const TaskRow& task : sorted_by_name(identity.tasks)) {
    hash.add_text(task.name).add_text(task.file_hash).add_text(task.prompt_template);
    hash.add_text(task.target).add_text(task.grader);
  }
  return hash.hex();
}

Database create_or_open_results(const std::string& dir, const StudyIdentity& identity) {
  std::error_code failure;
  std::filesystem::create_directories(dir, failure);
  if (failure) throw error(ErrorKind::io, "{}: cannot be made ({})", dir, failure.message());
  need_plain_database(results_path(dir));
  Connection connection(results_path(dir), Connection::Mode::create);
  expect_own_schema(connection, kResults);
  connection.use_durable_journal();
  bring_up_to_date(connection, kResults);
  Database db(std::move(connection));

  Transaction transaction(db.connection());
  const std::string study_id = make_study_id(identity);
  if (db.connection().integer("SELECT count(*) FROM study") == 0) {
    StudyRow study = identity.study;
    study.study_id = study_id;
    study.schema_version = schema_version();
    study.created_utc = utc_now();
    db.insert(std::vector{study});
    db.insert(identity.models);
    db.insert(identity.tasks);
  } else if (db.study().study_id != study_id) {
    throw error(ErrorKind::store, "{}: holds another study ({}): give another folder, or go back to its settings",
                db.path(), describe_differences(db, identity));
  }
  transaction.commit();
  return db;
}

}  // namespace neurosweep
