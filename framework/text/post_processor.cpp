#include "framework/text/post_processor.hpp"

#include "framework/text/part_table.hpp"

namespace neurosweep {
namespace {

SpecialFrame read_byte_level(const Json&, const std::string&) {
  return {};
}

SpecialFrame read_template(const Json& spec, const std::string& origin) {
  const Json& single = require_part(spec, "single", origin);
  const auto tokens = optional_or<Json>(spec, "special_tokens", Json::object(), origin);
  SpecialFrame frame;
  int texts = 0;
  for (const Json& item : single) {
    if (find_key(item, "Sequence", origin)) {
      ++texts;
      continue;
    }
    const auto name = require<std::string>(require_part(item, "SpecialToken", origin), "id", origin);
    const auto ids = require<std::vector<std::int64_t>>(require_part(tokens, name, origin), "ids", origin);
    auto& side = texts == 0 ? frame.before : frame.after;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (texts != 1) throw input_error("{}: 'single' names the text {} times, expected once", origin, texts);
  return frame;
}

SpecialFrame read_sequence(const Json& spec, const std::string& origin) {
  SpecialFrame frame;
  for (const SpecialFrame& outer : make_parts(read_special_frame, spec, "processors", origin)) {
    frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
    frame.after.insert(frame.after.end(), outer.after.begin(), outer.after.end());
  }
  return frame;
}

constexpr PartKind<SpecialFrame> kPostProcessors[] = {
    {"TemplateProcessing", read_template}, {"ByteLevel", read_byte_level}, {"Sequence", read_sequence}};

}  // namespace

SpecialFrame read_special_frame(const Json& spec, const std::string& origin) {
  if (spec.is_null()) return {};
  return make_part<SpecialFrame>(kPostProcessors, spec, origin);
}

}  // namespace neurosweep
