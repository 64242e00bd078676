#include "experiments/verbs/json_lines.hpp"

#include <filesystem>
#include <istream>

#include "framework/base/error.hpp"

namespace neurosweep {

void for_each_line(std::istream& in, const std::string& source,
                   const std::function<void(const std::string& line, const std::string& origin)>& visit) {
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    visit(line, fmt::format("{}:{}", source, number));
  }
}

Json json_object(const std::string& line, const std::string& origin) {
  Json json = parse_json(line, origin);
  if (!json.is_object()) throw input_error("{}: expected a JSON object, found {}", origin, json.type_name());
  return json;
}

void for_each_json_line(std::istream& in, const std::function<void(const Json&, const std::string& origin)>& visit) {
  for_each_line(in, "<stdin>",
                [&](const std::string& line, const std::string& origin) { visit(json_object(line, origin), origin); });
}

std::vector<SequenceLine> read_sequence_lines(std::istream& in, const Tokenizer* tokenizer) {
  std::vector<SequenceLine> lines;
  for_each_json_line(in, [&](const Json& json, const std::string& origin) {
    SequenceLine line{json.value("id", Json()), {}, origin};
    if (find_key(json, "tokens", origin)) {
      line.tokens = require<std::vector<std::int64_t>>(json, "tokens", origin);
    } else if (!find_key(json, "text", origin)) {
      throw input_error("{}: expected {{\"id\", \"tokens\": [...]}} or {{\"id\", \"text\": \"...\"}}", origin);
    } else if (!tokenizer) {
      throw input_error("{}: 'text' needs a tokenizer.json in the model folder; give 'tokens' instead", origin);
    } else {
      line.tokens = tokenizer->encode(require<std::string>(json, "text", origin), AddSpecialTokens::yes);
    }
    lines.push_back(std::move(line));
  });
  return lines;
}

std::optional<Tokenizer> load_tokenizer_if_any(const std::string& model_dir) {
  if (!std::filesystem::exists(std::filesystem::path(model_dir) / "tokenizer.json")) return std::nullopt;
  return Tokenizer::load(model_dir);
}

}  // namespace neurosweep
