#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/json.hpp"

namespace neurosweep {

/// Respells tokens on their way to text; the text is what is left, joined.
using TokenDecoder = std::function<void(std::vector<std::string>& tokens)>;

/// Makes the "decoder" object of a tokenizer.json; null gives one that puts a space between tokens.
///   throws  Error{input}: unsupported type, missing key
TokenDecoder make_token_decoder(const Json& spec, const std::string& origin);

}  // namespace neurosweep
