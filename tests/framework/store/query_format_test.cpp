#include "framework/store/query_format.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace neurosweep {
namespace {

std::string print(const QueryResult& result, TableFormat format) {
  std::ostringstream out;
  print_table(out, result, format);
  return out.str();
}

const QueryResult kExample{
    {"name", "n", "mean"},
    {{std::string("a, \"b\""), std::int64_t{12}, 0.1}, {std::string("line\nbreak"), std::monostate(), 1.0 / 3.0}}};

TEST(QueryFormat, TableAlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(print(kExample, TableFormat::table),
            "name          n      mean\n"
            "a, \"b\"       12       0.1\n"
            "line\\nbreak      0.333333\n"
            "(2 rows)\n");
}

TEST(QueryFormat, TableCutsLongTextByLetters) {
  std::string text;
  for (int i = 0; i < 80; ++i) text += "é";
  const QueryResult result{{"t"}, {{text}}};

  const std::string printed = print(result, TableFormat::table);

  EXPECT_NE(printed.find("é…\n(1 row)"), std::string::npos) << printed;
}

TEST(QueryFormat, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(print(kExample, TableFormat::csv),
            "name,n,mean\n"
            "\"a, \"\"b\"\"\",12,0.1\n"
            "\"line\nbreak\",,0.3333333333333333\n");
}

TEST(QueryFormat, JsonEscapesAndKeepsTypes) {
  EXPECT_EQ(print(kExample, TableFormat::json),
            "[\n"
            "  {\"name\": \"a, \\\"b\\\"\", \"n\": 12, \"mean\": 0.1},\n"
            "  {\"name\": \"line\\nbreak\", \"n\": null, \"mean\": 0.3333333333333333}\n"
            "]\n");
}

TEST(QueryFormat, JsonReplacesBytesThatAreNoUtf8) {
  const QueryResult result{{"t"}, {{std::string("a\xff\xc3(\xed\xa0\x80z\x01")}}};

  EXPECT_EQ(print(result, TableFormat::json), "[\n  {\"t\": \"a\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffdz\\u0001\"}\n]\n");
}

TEST(QueryFormat, AnEmptyResultIsStillWellFormed) {
  const QueryResult empty{{"a"}, {}};

  EXPECT_EQ(print(empty, TableFormat::json), "[]\n");
  EXPECT_EQ(print(empty, TableFormat::csv), "a\n");
  EXPECT_EQ(print(empty, TableFormat::table), "a\n(0 rows)\n");
}

TEST(QueryFormat, RefusesAnUnknownFormat) {
  EXPECT_THROW(table_format("xml"), Error);
}

}  // namespace
}  // namespace neurosweep
