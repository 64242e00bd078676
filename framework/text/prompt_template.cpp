#include "framework/text/prompt_template.hpp"

#include <fmt/ranges.h>

#include "framework/base/error.hpp"

namespace neurosweep {

PromptTemplate::PromptTemplate(std::string_view text, std::string origin) : origin_(std::move(origin)) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t brace = text.find_first_of("{}", at);
    add_literal(text.substr(at, brace - at));
    if (brace == std::string_view::npos) return;
    if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
      add_literal(text.substr(brace, 1));
      at = brace + 2;
      continue;
    }
    const std::size_t close = text.find_first_of("{}", brace + 1);
    if (text[brace] == '}' || close == std::string_view::npos || text[close] != '}') {
      throw input_error("{}: prompt template: '{}' at character {} has no partner: write '{}{}' for a brace itself",
                        origin_, text[brace], brace + 1, text[brace], text[brace]);
    }
    const std::string_view name = text.substr(brace + 1, close - brace - 1);
    if (name.empty()) throw input_error("{}: prompt template: {{}} at character {} names no field", origin_, brace + 1);
    segments_.push_back({Segment::Kind::field, std::string(name)});
    at = close + 1;
  }
}

void PromptTemplate::add_literal(std::string_view text) {
  if (!text.empty()) segments_.push_back({Segment::Kind::literal, std::string(text)});
}

std::string PromptTemplate::fill(const std::map<std::string, std::string>& fields) const {
  std::string prompt;
  for (const Segment& segment : segments_) {
    if (segment.kind == Segment::Kind::literal) {
      prompt += segment.text;
      continue;
    }
    const auto found = fields.find(segment.text);
    if (found == fields.end()) {
      std::vector<std::string> names;
      for (const auto& [name, value] : fields) names.push_back(name);
      const std::string near = nearest(segment.text, names);
      throw input_error("{}: prompt template: the item has no field '{}'{} (fields: {})", origin_, segment.text,
                        near.empty() ? "" : fmt::format(": did you mean '{}'?", near), fmt::join(names, ", "));
    }
    prompt += found->second;
  }
  return prompt;
}

std::vector<std::string> PromptTemplate::field_names() const {
  std::vector<std::string> names;
  for (const Segment& segment : segments_) {
    if (segment.kind == Segment::Kind::field) names.push_back(segment.text);
  }
  return names;
}

}  // namespace neurosweep
