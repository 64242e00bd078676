#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/json.hpp"
#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// A line of input: {"id", "tokens": [...]} or {"id", "text": "..."}.
struct SequenceLine {
  Json id;  ///< any JSON; null where the line has none
  std::vector<std::int64_t> tokens;
  std::string origin;  ///< "<stdin>:3"
};

/// Calls `visit` with each line that is not blank, without its end, and its origin, source:number.
void for_each_line(std::istream& in, const std::string& source,
                   const std::function<void(const std::string& line, const std::string& origin)>& visit);

/// Reads a line of JSON. Throws Error{input} unless it is an object.
Json json_object(const std::string& line, const std::string& origin);

/// Calls `visit` with each line of JSON of standard input and its origin.
///   throws  Error{input} with the line: not a JSON object
void for_each_json_line(std::istream& in, const std::function<void(const Json&, const std::string& origin)>& visit);

/// Reads all lines; texts are encoded with special tokens.
///   tokenizer  null: only "tokens" is accepted
///   throws     Error{input} with the line: neither tokens nor text, text without a tokenizer
std::vector<SequenceLine> read_sequence_lines(std::istream& in, const Tokenizer* tokenizer);

/// The tokenizer of a model folder, or nothing where the folder has none.
std::optional<Tokenizer> load_tokenizer_if_any(const std::string& model_dir);

}  // namespace neurosweep
