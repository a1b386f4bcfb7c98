#include "runtime/driver/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace gyre::driver {
namespace {

Progress At(Clock clock, double seconds) {
  Progress progress;
  progress.point = {clock, seconds, 0.4821349, 53.6101};
  progress.slowest = clock;
  progress.fastest = clock + 2;
  return progress;
}

// What a printer wrote.
std::string Printed(bool live, std::initializer_list<Progress> shown) {
  char* text = nullptr;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  {
    ProgressPrinter printer(out, live, "rmse");
    for (const Progress& progress : shown) printer.Show(progress);
  }
  std::fclose(out);
  std::string result(text, size);
  std::free(text);
  return result;
}

TEST(ProgressLine, ShowsObjectiveMetricTimeClockAndDrift) {
  EXPECT_EQ(ProgressLine(At(1204, 2.3), "rmse"),
            "clock 1204      2.30 s   objective 0.482135      rmse 53.61       drift 2");
}

TEST(ProgressLine, LeavesOutWhatIsNotKnown) {
  Progress progress = At(3, 0.00001);
  progress.point.objective = NAN;
  progress.point.metric = NAN;
  EXPECT_EQ(ProgressLine(progress, "rmse"), "clock 3          10 us   drift 2");
  EXPECT_EQ(ProgressLine(progress, ""), "clock 3          10 us   drift 2");
}

TEST(ProgressPrinter, OneLiveLineOnATerminal) {
  const std::string text = Printed(true, {At(1, 0.1), At(2, 0.2)});
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "ended once";
  EXPECT_EQ(text[0], '\r');
}

TEST(ProgressPrinter, PlainLinesAreSpaced) {
  const std::string text = Printed(
      false, {At(1, 0.1), At(2, 0.2), At(3, 1.5), At(4, 1.6), At(5, 60), At(6, 63), At(7, 67)});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Words, TimesAndSizes) {
  EXPECT_EQ(Seconds(0.0000123), "12 us");
  EXPECT_EQ(Seconds(0.0123), "12.3 ms");
  EXPECT_EQ(Seconds(1.234), "1.23 s");
  EXPECT_EQ(Seconds(3723), "62 min 3 s");
  EXPECT_EQ(Seconds(36000), "10 h 0 min");
  EXPECT_EQ(Bytes(12), "12 B");
  EXPECT_EQ(Bytes(1234), "1.2 KB");
  EXPECT_EQ(Bytes(987654321), "988 MB");
}

}  // namespace
}  // namespace gyre::driver
