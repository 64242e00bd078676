#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// A prompt text with `{field}` placeholders; `{{` and `}}` stand for braces.
class PromptTemplate {
 public:
  /// `origin` is where the text was written ("study.toml:12:3"); every message starts with it.
  ///   throws  Error{input}: a brace without its partner, or an empty placeholder
  PromptTemplate(std::string_view text, std::string origin);

  /// The text with every placeholder replaced; what a field holds is never expanded again.
  ///   throws  Error{input}: a field the item does not have, with the nearest one it has
  std::string fill(const std::map<std::string, std::string>& fields) const;

  std::vector<std::string> field_names() const;  ///< in order of appearance

 private:
  struct Segment {
    enum class Kind { literal, field } kind;
    std::string text;
  };
  void add_literal(std::string_view text);

  std::vector<Segment> segments_;
  std::string origin_;
};

}  // namespace neurosweep
