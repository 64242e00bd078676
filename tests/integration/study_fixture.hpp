#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "framework/config/json.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

/// Folder of the bundled small reasoner.
std::string small_reasoner();

/// The first lines of a study: seed 5, the small reasoner as "small", and its tasks of these names.
std::string study_head(const std::string& name, const std::vector<std::string>& tasks);

/// A small study of the bundled small reasoner over two of its tasks, in a folder of its own.
class StudyTest : public ::testing::Test {
 protected:
  /// Writes study.toml with the standard text, in which each `from` is replaced by `to`.
  std::string write_study(const std::vector<std::pair<std::string, std::string>>& changes = {}) const;

  /// Writes a study's text into the test's folder; "@models@" becomes the folder of the bundled reasoners.
  std::string write_text(const std::string& file, const std::string& text) const;

  /// Rows of a query; fails the test unless it succeeds.
  Json query(const std::string& what, const std::string& store_name = "store") const;

  /// `neurosweep run` of a study by two ranks; fails the test unless it completes.
  void run_on_two_ranks(const std::string& study, const std::string& store) const;

  std::string store(const std::string& name = "store") const { return dir_.file(name); }

  /// `neurosweep run` on the standard study; fails the test unless it ends with `status`.
  ProgramResult run_study(const std::string& store, int status = 0) const;

  /// Content hash that `neurosweep verify --json` prints; fails the test unless the store is sound and complete.
  std::string sound_hash(const std::string& store) const;

  /// Expects that launches at once measured less than half as many units twice as there are.
  void expect_few_units_twice() const;

  TempDir dir_;
};

}  // namespace neurosweep::testing
