#pragma once

namespace neurosweep {

extern const char* const kCompletionProgram;  ///< code_completion.py behind code_values.py
extern const char* const kTestsProgram;       ///< code_tests.py behind code_values.py

}  // namespace neurosweep
