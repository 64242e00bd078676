#pragma once

#include <functional>
#include <string>

#include "framework/config/json.hpp"

namespace neurosweep {

/// Changes a text before it is split into words; text in and out is well-formed UTF-8.
/// Unicode forms follow the tables of the utf8proc library (Unicode 13 in utf8proc 2.6).
using Normalizer = std::function<void(std::string& text)>;

/// Makes the "normalizer" object of a tokenizer.json; null gives one that changes nothing.
///   throws  Error{input}: unsupported type, missing key
Normalizer make_normalizer(const Json& spec, const std::string& origin);

}  // namespace neurosweep
