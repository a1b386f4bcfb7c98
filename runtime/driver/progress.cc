#include "runtime/driver/progress.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gyre::driver {

std::string Seconds(double seconds) {
  if (seconds < 0.001) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 0.1) return absl::StrFormat("%.1f ms", seconds * 1e3);
  if (seconds < 120) return absl::StrFormat("%.2f s", seconds);
  const int64_t whole = static_cast<int64_t>(seconds);
  if (whole < 7200) return absl::StrFormat("%d min %d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %d min", whole / 3600, whole / 60 % 60);
}

std::string Bytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1000 && unit < 4) value /= 1000, ++unit;
  return absl::StrFormat("%.*f %s", unit == 0 || value >= 100 ? 0 : 1, value, kUnits[unit]);
}

std::string ProgressLine(const Progress& progress, absl::string_view measure) {
  const TracePoint& point = progress.point;
  std::string line = absl::StrFormat("clock %-6d %9s", point.clock, Seconds(point.seconds));
  if (!std::isnan(point.objective))
    absl::StrAppendFormat(&line, "   objective %-11.6g", point.objective);
  if (!measure.empty() && !std::isnan(point.metric)) {
    absl::StrAppendFormat(&line, "   %s %-9.5g", measure, point.metric);
  }
  absl::StrAppendFormat(&line, "   drift %d", progress.fastest - progress.slowest);
  return line;
}

ProgressPrinter::ProgressPrinter(FILE* out, bool live, std::string measure)
    : out_(out), live_(live), measure_(std::move(measure)) {}

ProgressPrinter::~ProgressPrinter() { End(); }

void ProgressPrinter::Show(const Progress& progress) {
  const std::string line = ProgressLine(progress, measure_);
  if (live_) {
    std::fprintf(out_, "\r%s\x1b[K", line.c_str());
    std::fflush(out_);
    open_ = true;
    return;
  }
  if (progress.point.seconds < next_) return;
  // A log of an hour should not hold an hour's worth of seconds.
  next_ = progress.point.seconds + std::max(1.0, 0.1 * progress.point.seconds);
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
}

void ProgressPrinter::End() {
  if (open_) std::fputc('\n', out_);
  open_ = false;
}

}  // namespace gyre::driver
