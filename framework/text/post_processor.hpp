#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/json.hpp"

namespace neurosweep {

/// Special tokens that stand around one text.
struct SpecialFrame {
  std::vector<std::int64_t> before, after;
};

/// Reads the "post_processor" object of a tokenizer.json: TemplateProcessing, ByteLevel (no tokens), Sequence, or null.
///   throws  Error{input}: another type, or a template without the text "A" exactly once
SpecialFrame read_special_frame(const Json& spec, const std::string& origin);

}  // namespace neurosweep
