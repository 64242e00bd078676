#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace neurosweep {

/// What a text ends on.
struct Conclusion {
  std::optional<std::size_t> option;  ///< none: of no option, or of several
  std::string text;                   ///< as it was read; "": nothing was
};

/// The only option with this text, to the letter or as same_text has it; else none.
std::optional<std::size_t> option_of_text(std::span<const std::string> options, std::string_view text);

/// The only option that is equal as LaTeX (see same_latex), else none.
std::optional<std::size_t> option_of_value(std::span<const std::string> options, std::string_view text);

/// The last quantity of a text against the options that are one number with a unit: "12", "$12", "12 min" and "12p".
/// A quantity whose own sign or unit is that of no option is passed over: "25% of $80" ends on 25 % where options are
/// percentages; one without is not.
Conclusion last_quantity(std::span<const std::string> options, std::string_view text);

}  // namespace neurosweep
