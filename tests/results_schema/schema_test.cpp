#include "results_schema/schema.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "results_schema/rows.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAreArray;

using Lines = std::vector<std::vector<std::string>>;

// A database in memory with every schema file applied.
class SchemaTest : public ::testing::Test {
 protected:
  SchemaTest() {
    sqlite3_open(":memory:", &db_);
    for (const SqlFile& file : schema_files()) {
      char* why = nullptr;
      EXPECT_EQ(sqlite3_exec(db_, std::string(file.text).c_str(), nullptr, nullptr, &why), SQLITE_OK)
          << file.name << ": " << (why ? why : "");
      sqlite3_free(why);
    }
  }
  ~SchemaTest() override { sqlite3_close(db_); }

  Lines query(const std::string& sql) const {
    Lines lines;
    const auto add_line = [](void* out, int n, char** values, char**) {
      auto& line = static_cast<Lines*>(out)->emplace_back();
      for (int i = 0; i < n; ++i) line.emplace_back(values[i] ? values[i] : "");
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), add_line, &lines, nullptr), SQLITE_OK) << sql;
    return lines;
  }

  // "name type NOT NULL" of every column of a table.
  std::vector<std::string> columns_of(const std::string& table) const {
    std::vector<std::string> columns;
    for (const auto& line : query("SELECT name, type, \"notnull\" FROM pragma_table_info('" + table + "')")) {
      columns.push_back(line[0] + " " + line[1] + (line[2] == "1" ? " NOT NULL" : ""));
    }
    return columns;
  }

  std::set<std::string> tables() const {
    std::set<std::string> names;
    for (const auto& line : query("SELECT name FROM sqlite_schema WHERE type = 'table'")) names.insert(line[0]);
    return names;
  }

 private:
  sqlite3* db_ = nullptr;
};

const char* sql_type(std::int64_t) {
  return "INTEGER NOT NULL";
}
const char* sql_type(double) {
  return "REAL NOT NULL";
}
const char* sql_type(const std::string&) {
  return "TEXT NOT NULL";
}
const char* sql_type(const std::vector<float>&) {
  return "BLOB NOT NULL";
}
const char* sql_type(const std::optional<std::int64_t>&) {
  return "INTEGER";
}
const char* sql_type(const std::optional<double>&) {
  return "REAL";
}
const char* sql_type(const std::optional<std::string>&) {
  return "TEXT";
}

TEST_F(SchemaTest, EveryStructHasExactlyTheColumnsOfItsTable) {
  std::set<std::string> with_struct;

  for_each_table<AllTables>([&]<class Row>() {
    with_struct.emplace(Row::kTable);
    std::vector<std::string> fields;
    const Row row;
    Row::fields(
        row, [&](const char* name, const auto& value) { fields.push_back(std::string(name) + " " + sql_type(value)); });
    EXPECT_THAT(columns_of(std::string(Row::kTable)), ElementsAreArray(fields)) << Row::kTable;
  });

  EXPECT_EQ(with_struct, tables());
}

TEST_F(SchemaTest, EveryStructNamesThePrimaryKeyOfItsTable) {
  for_each_table<AllTables>([&]<class Row>() {
    std::string key;
    for (const auto& line :
         query("SELECT name FROM pragma_table_info('" + std::string(Row::kTable) + "') WHERE pk > 0 ORDER BY pk")) {
      key += (key.empty() ? "" : ", ") + line[0];
    }
    EXPECT_EQ(Row::kKey, key) << Row::kTable;
  });
}

TEST_F(SchemaTest, EveryTableIsStrict) {
  EXPECT_THAT(query("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND "
                    "name NOT LIKE 'sqlite%'"),
              ::testing::IsEmpty());
}

TEST_F(SchemaTest, EveryViewCanBeRead) {
  for (const auto& view : query("SELECT name FROM sqlite_schema WHERE type = 'view'"))
    query("SELECT * FROM " + view[0]);
}

// Names in the first column of the table rows under each "### heading" of the README.
std::map<std::string, std::set<std::string>> documented_columns(const std::string& readme) {
  std::map<std::string, std::set<std::string>> documented;
  std::istringstream lines(readme);
  std::string line, table;
  while (std::getline(lines, line)) {
    if (line.starts_with("## ")) table.clear();
    if (line.starts_with("### ")) table = line.substr(4);
    if (table.empty() || !line.starts_with("| ")) continue;
    std::istringstream names(line.substr(2, line.find(" |", 2) - 2));
    for (std::string name; std::getline(names >> std::ws, name, ',');) documented[table].insert(name);
  }
  return documented;
}

TEST_F(SchemaTest, TheReadmeDocumentsEveryTableAndColumn) {
  const auto documented = documented_columns(testing::read_file(NS_SOURCE_DIR "/results_schema/README.md"));

  for (const std::string& table : tables()) {
    ASSERT_TRUE(documented.contains(table)) << "README.md has no section for the table " << table;
    std::set<std::string> expected{"column"};
    for (const auto& line : query("SELECT name FROM pragma_table_info('" + table + "')")) expected.insert(line[0]);
    EXPECT_EQ(documented.at(table), expected) << table;
  }
  EXPECT_EQ(documented.size(), tables().size());
}

TEST_F(SchemaTest, TheReadmeNamesEveryView) {
  const std::string readme = testing::read_file(NS_SOURCE_DIR "/results_schema/README.md");

  for (const auto& view : query("SELECT name FROM sqlite_schema WHERE type = 'view'")) {
    EXPECT_NE(readme.find("\n| " + view[0] + " |"), std::string::npos) << view[0];
  }
}

TEST(Schema, FilesAreNumberedWithoutGaps) {
  for (std::size_t i = 0; i < schema_files().size(); ++i) {
    EXPECT_TRUE(schema_files()[i].name.starts_with(fmt::format("{:04}_", i + 1))) << schema_files()[i].name;
  }
}

TEST(Schema, EveryFileSaysWhereItBelongs) {
  for (const SqlFile& file : schema_files()) {
    EXPECT_TRUE(file.text.starts_with("-- in: ")) << file.name;
    EXPECT_TRUE(applies_to(file, "results") || applies_to(file, "shard")) << file.name;
  }
}

TEST(Schema, EveryQuerySaysWhatItAnswers) {
  for (const SqlFile& file : query_files()) EXPECT_TRUE(file.text.starts_with("-- ")) << file.name;
}

}  // namespace
}  // namespace neurosweep
