// How a run talks while it trains: one live line on a terminal, plain lines when piped.
//
//   clock 1204   2.3 s   objective 0.48213   rmse 53.61   drift 0
//
// Not thread-safe: the runtime reports progress from one thread at a time.
#pragma once
#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/job.h"

namespace gyre::driver {

// The line itself. `measure` is the name of the program's first measure, empty: none. Numbers that
// are not known (NaN) are left out.
std::string ProgressLine(const Progress& progress, absl::string_view measure);

// "1.2 s", "35 ms", "2 min 5 s": times as people say them.
std::string Seconds(double seconds);
// "1 234 567", "3.1 MB".
std::string Bytes(int64_t bytes);

class ProgressPrinter {
 public:
  // Lines go to `out`; `live` overwrites one line, else a line every second, ever more rarely.
  ProgressPrinter(FILE* out, bool live, std::string measure);
  ~ProgressPrinter();

  void Show(const Progress& progress);
  // Ends the live line, so that what is printed next starts a line of its own.
  void End();

 private:
  FILE* const out_;
  const bool live_;
  const std::string measure_;
  double next_ = 0;    // seconds of training from which the next plain line is due
  bool open_ = false;  // a live line stands there
};

}  // namespace gyre::driver
