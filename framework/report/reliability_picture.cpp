#include "framework/report/reliability_picture.hpp"

#include <ostream>

#include <fmt/format.h>

#include "framework/rank/proportions.hpp"

namespace neurosweep {
namespace {

constexpr int kSide = 240;  ///< of the drawing, units
constexpr int kMargin = 34;
constexpr double kLevel = 0.95;

}  // namespace

void draw_reliability(std::ostream& out, const std::string& title, const std::vector<ReliabilityBin>& bins) {
  const auto x = [](double p) { return kMargin + p * kSide; };
  const auto y = [](double p) { return kMargin + (1 - p) * kSide; };
  const int size = kSide + 2 * kMargin;
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{0}\" viewBox=\"0 0 {0} {0}\" "
      "font-family=\"sans-serif\" font-size=\"11\" role=\"img\" aria-label=\"{1}\">\n",
      size, title);
  out << fmt::format("<rect x=\"{0}\" y=\"{0}\" width=\"{1}\" height=\"{1}\" fill=\"none\" stroke=\"#888\"/>\n",
                     kMargin, kSide);
  out << fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#bbb\" stroke-dasharray=\"4 3\"/>\n", x(0),
                     y(0), x(1), y(1));
  for (const ReliabilityBin& bin : bins) {
    const double n = static_cast<double>(bin.n);
    const Interval interval = wilson_interval(static_cast<std::int64_t>(bin.rate * n + 0.5), bin.n, kLevel);
    out << fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#4477aa\"/>",
                       x(bin.mean_p), y(interval.low), y(interval.high));
    out << fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"#4477aa\"/>\n", x(bin.mean_p),
                       y(bin.rate));
  }
  for (const double tick : {0.0, 0.5, 1.0}) {
    out << fmt::format("<text x=\"{:.0f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x(tick), kMargin + kSide + 14,
                       tick);
    out << fmt::format("<text x=\"{}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>\n", kMargin - 5, y(tick) + 4, tick);
  }
  out << fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>", size / 2, kMargin - 12, title);
  out << fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">predicted rate of failure</text>\n</svg>\n\n",
                     size / 2, size - 4);
}

}  // namespace neurosweep
