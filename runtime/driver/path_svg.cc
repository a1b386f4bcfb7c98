#include "runtime/driver/path_svg.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "runtime/driver/result_text.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

// Okabe and Ito: told apart by people who see colours differently.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#7f7f3f", "#000000"};
constexpr size_t kNamed = 8;       // lines with a colour and a name
constexpr size_t kMostLines = 400; // that are drawn at all: those that are largest somewhere
constexpr double kWidth = 860, kHeight = 520, kLeft = 78, kRight = 150, kTop = 64, kBottom = 60;

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

// A plane with axes: x is the base-ten logarithm of the hyper-parameter.
class Chart {
 public:
  Chart(double x0, double x1, double y0, double y1) : x0_(x0), x1_(x1), y0_(y0), y1_(y1) {
    if (x1_ - x0_ < 1e-9) x0_ -= 0.5, x1_ += 0.5;
    const double room = y1_ > y0_ ? 0.04 * (y1_ - y0_) : std::max(1e-9, 0.1 * std::abs(y1_));
    y0_ -= room, y1_ += room;
    absl::StrAppendFormat(
        &svg_,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#222\">\n"
        "<rect width=\"%g\" height=\"%g\" fill=\"white\"/>\n",
        kWidth, kHeight, kWidth, kHeight, kWidth, kHeight);
  }

  double X(double x) const { return kLeft + (x - x0_) / (x1_ - x0_) * (kWidth - kLeft - kRight); }
  double Y(double y) const {
    return kHeight - kBottom - (y - y0_) / (y1_ - y0_) * (kHeight - kTop - kBottom);
  }

  void Line(double xa, double ya, double xb, double yb, const char* style) {
    absl::StrAppendFormat(&svg_, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", xa, ya,
                          xb, yb, style);
  }
  void Text(double x, double y, const std::string& text, const std::string& style) {
    absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, style,
                          Escaped(text));
  }
  void Curve(const std::vector<std::pair<double, double>>& points, const std::string& style) {
    svg_ += "<polyline fill=\"none\" points=\"";
    for (const auto& [x, y] : points) absl::StrAppendFormat(&svg_, "%.1f,%.1f ", X(x), Y(y));
    absl::StrAppend(&svg_, "\" ", style, "/>\n");
  }
  void Dot(double x, double y, const char* colour) {
    absl::StrAppendFormat(&svg_, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" fill=\"%s\"/>\n", X(x), Y(y),
                          colour);
  }

  // Ticks at round numbers, a light grid, the names of both axes.
  void Axes(const std::string& x_name, const std::string& y_name) {
    const double bottom = kHeight - kBottom, right = kWidth - kRight;
    const double step = Step(y0_, y1_), first = std::ceil(y0_ / step);
    for (int k = 0; k < 20 && (first + k) * step <= y1_; ++k) {
      const double y = (first + k) * step;
      Line(kLeft, Y(y), right, Y(y), "stroke=\"#e6e6e6\"");
      Text(kLeft - 8, Y(y) + 4, absl::StrFormat("%.5g", std::abs(y) < 1e-12 * y1_ ? 0.0 : y),
           "text-anchor=\"end\"");
    }
    const double span = x1_ - x0_;
    for (double decade = std::floor(x0_); decade <= std::ceil(x1_); ++decade) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if ((digit != 1 && span > 2.2) || (digit == 5 && span > 1.2 && span <= 2.2)) continue;
        const double x = decade + std::log10(digit);
        if (x < x0_ - 1e-9 || x > x1_ + 1e-9) continue;
        Line(X(x), kTop, X(x), bottom, "stroke=\"#e6e6e6\"");
        Text(X(x), bottom + 20, absl::StrFormat("%.4g", std::pow(10, x)), "text-anchor=\"middle\"");
      }
    }
    absl::StrAppendFormat(&svg_,
                          "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"none\" "
                          "stroke=\"#777\"/>\n",
                          kLeft, kTop, right - kLeft, bottom - kTop);
    Text((kLeft + right) / 2, kHeight - 16, absl::StrCat(x_name, " (logarithmic)"),
         "text-anchor=\"middle\"");
    Text(0, 0, y_name,
         absl::StrFormat("text-anchor=\"middle\" transform=\"translate(20,%.0f) rotate(-90)\"",
                         (kTop + bottom) / 2));
  }

  // Above the plane: how many parameters are not zero, at about ten places.
  void Counts(const std::vector<double>& x, const std::vector<int64_t>& count) {
    double last = 1e9;
    Text(kLeft - 16, kTop - 10, "not zero", "text-anchor=\"end\" fill=\"#666\" font-size=\"11\"");
    for (size_t k = 0; k < x.size(); ++k) {
      if (std::abs(last - X(x[k])) < 52) continue;
      last = X(x[k]);
      Text(last, kTop - 10, absl::StrCat(count[k]),
           "text-anchor=\"middle\" fill=\"#666\" font-size=\"11\"");
    }
  }

  void Title(const std::string& text) {
    Text(kLeft, 26, text, "font-size=\"16\" font-weight=\"bold\"");
  }
  // A vertical line with its name above.
  void Mark(double x, const std::string& name, const char* anchor) {
    Line(X(x), kTop, X(x), kHeight - kBottom, "stroke=\"#555\" stroke-dasharray=\"5,4\"");
    Text(X(x), kTop + 14, absl::StrCat(" ", name, " "),
         absl::StrFormat("text-anchor=\"%s\" fill=\"#555\" font-size=\"11\"", anchor));
  }

  std::string Finish() { return svg_ + "</svg>\n"; }

 private:
  static double Step(double low, double high) {
    const double rough = (high - low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
    for (const double digit : {1.0, 2.0, 5.0})
      if (rough <= digit * power) return digit * power;
    return 10 * power;
  }

  double x0_, x1_, y0_, y1_;
  std::string svg_;
};

std::vector<double> Logarithms(const Path& path) {
  double least = 1;
  for (const double v : path.value) least = v > 0 ? std::min(least, v) : least;
  std::vector<double> x;
  for (const double v : path.value) x.push_back(std::log10(v > 0 ? v : least / 10));
  return x;
}

void MarkChoices(const std::vector<double>& x, const CrossValidation& cross, Chart* chart) {
  if (!cross.given()) return;
  chart->Mark(x[cross.least], "least", "end");
  if (cross.simplest != cross.least) chart->Mark(x[cross.simplest], "1 s.e.", "start");
}

std::vector<int64_t> CountsOf(const Program& program, const RunResult& result) {
  std::vector<int64_t> counts;
  for (const PhaseResult& phase : result.phase) counts.push_back(NonZeros(program, phase));
  return counts;
}

struct Trail {  // one coefficient down the path
  int symbol;
  size_t cell;
  double end, most;
};

}  // namespace

std::string PathSvg(const Program& program, const Path& path, const Model& model,
                    const RunResult& result, const CrossValidation& cross) {
  const std::vector<double> x = Logarithms(path);
  std::vector<Trail> trails;
  double low = 0, high = 0;
  for (size_t s = 0; s < model.parameter.size(); ++s) {
    // Parameters over an axis; a lone number (an intercept) has another scale.
    if (model.parameter[s].size() < 2) continue;
    for (size_t c = 0; c < model.parameter[s].size(); ++c) {
      double most = 0;
      for (const ModelStep& step : model.path) most = std::max(most, std::abs(step.parameter[s][c]));
      if (most == 0) continue;
      trails.push_back({static_cast<int>(s), c, model.path.back().parameter[s][c], most});
    }
  }
  std::sort(trails.begin(), trails.end(), [](const Trail& a, const Trail& b) { return a.most > b.most; });
  if (trails.size() > kMostLines) trails.resize(kMostLines);
  for (const Trail& t : trails) {
    for (const ModelStep& step : model.path) {
      low = std::min(low, step.parameter[static_cast<size_t>(t.symbol)][t.cell]);
      high = std::max(high, step.parameter[static_cast<size_t>(t.symbol)][t.cell]);
    }
  }
  std::stable_sort(trails.begin(), trails.end(), [](const Trail& a, const Trail& b) {
    return std::abs(a.end) > std::abs(b.end);
  });
  Chart chart(*std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end()), low, high);
  const std::string name = NameOf(program.graph, path.hyper);
  chart.Title(absl::StrCat(model.program, ": coefficients along ", name));
  chart.Axes(name, "coefficient");
  chart.Counts(x, CountsOf(program, result));
  std::vector<std::pair<double, size_t>> label;  // height, trail
  for (size_t i = trails.size(); i-- > 0;) {     // the largest on top
    const Trail& t = trails[i];
    std::vector<std::pair<double, double>> points;
    for (size_t k = 0; k < model.path.size() && k < x.size(); ++k)
      points.emplace_back(x[k], model.path[k].parameter[static_cast<size_t>(t.symbol)][t.cell]);
    const bool named = i < kNamed;
    chart.Curve(points, absl::StrFormat("stroke=\"%s\" stroke-width=\"%s\"",
                                        named ? kColours[i] : "#b5b5b5", named ? "1.8" : "1"));
    if (named) label.emplace_back(chart.Y(t.end), i);
  }
  MarkChoices(x, cross, &chart);
  // Names at the left end of their lines would cover them: a legend at the right, in order of height.
  std::sort(label.begin(), label.end());
  double at = kTop + 12;
  for (const auto& [height, i] : label) {
    chart.Line(kWidth - kRight + 14, at - 4, kWidth - kRight + 34, at - 4,
               absl::StrFormat("stroke=\"%s\" stroke-width=\"2.4\"", kColours[i]).c_str());
    chart.Text(kWidth - kRight + 40, at, PlaceName(program.graph, model, trails[i].symbol, trails[i].cell),
               "font-size=\"12\"");
    at += 19;
  }
  return chart.Finish();
}

std::string CrossValidationSvg(const Program& program, const Path& path, const RunResult& result,
                               const CrossValidation& cross) {
  const std::vector<double> x = Logarithms(path);
  double low = 1e300, high = -1e300;
  for (size_t k = 0; k < x.size(); ++k) {
    low = std::min(low, cross.mean[k] - cross.error[k]);
    high = std::max(high, cross.mean[k] + cross.error[k]);
  }
  Chart chart(*std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end()), low, high);
  const std::string name = NameOf(program.graph, path.hyper);
  chart.Title(absl::StrCat("loss on rows left out, ", cross.folds, " folds"));
  chart.Axes(name, "loss, mean and standard error");
  chart.Counts(x, CountsOf(program, result));
  std::vector<std::pair<double, double>> points;
  for (size_t k = 0; k < x.size(); ++k) {
    points.emplace_back(x[k], cross.mean[k]);
    const double top = chart.Y(cross.mean[k] + cross.error[k]),
                 bottom = chart.Y(cross.mean[k] - cross.error[k]);
    chart.Line(chart.X(x[k]), top, chart.X(x[k]), bottom, "stroke=\"#b5b5b5\"");
  }
  MarkChoices(x, cross, &chart);
  chart.Curve(points, "stroke=\"#0072b2\" stroke-width=\"1.5\"");
  for (const auto& [at, mean] : points) chart.Dot(at, mean, "#d55e00");
  return chart.Finish();
}

}  // namespace gyre::driver
