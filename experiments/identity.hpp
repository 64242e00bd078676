#pragma once

#include "experiments/catalog.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Part of every study's identity: raised when a change of the code changes measured numbers, or what tells units apart.
inline constexpr const char* kCodeVersion = "2";

/// What makes a run of this study the same study: meaning of its text, contents of models and tasks, code, threads.
StudyIdentity make_identity(const Catalog& catalog);

}  // namespace neurosweep
