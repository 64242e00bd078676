#pragma once

#include <complex>
#include <optional>
#include <string_view>

namespace neurosweep {

/// Value of a LaTeX expression (as plain_latex writes it) with every variable set to a number of its own.
///   sample   other numbers for another sample; the same ones for the same names and sample
///   returns  nothing where it is not an expression: words, equations, lists, numbers in another base
std::optional<std::complex<double>> latex_value(std::string_view latex, int sample);

/// Whether two expressions have one value at every sample: "2(x+1)" and "2x+2", "\frac{1}{2}" and "0.5".
bool same_latex_value(std::string_view a, std::string_view b);

}  // namespace neurosweep
