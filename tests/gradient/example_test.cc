// An example's kernels against the reference interpreter. Built once for each example: GYRE_EXAMPLE
// is its file, GYRE_PROGRAM its program.
#define main ExampleMain
#include GYRE_EXAMPLE
#undef main

#include <type_traits>

#include "gtest/gtest.h"
#include "tests/oracle/harness.h"

namespace gyre {

// The example's main() is not run here, so nothing stands behind it.
int internal::Main(int, char**, const Program&) { return 1; }

TEST(ExampleTest, KernelsAgreeWithTheInterpreter) {
  HarnessOptions options;
  options.range = {{"y", {0, 6}}, {"grey", {0, 255}}, {"z", {-0.5, 0}}};  // counts, where the program wants them
  options.extents = {{"Atom", 6}, {"Pixel", 5}};  // patches of one pixel have no variance
  options.counts = {{"y", true}};
  for (const internal::StatementIr& s :
       internal::Compiled<std::remove_const_t<decltype(GYRE_PROGRAM)>>::kIr.statement) {
    if (s.kind != StatementKind::kSweep) continue;
    options.sweep_node = s.assign[0].node;
    options.sweep_index = s.axis_index;
  }
  CheckEverywhere(internal::Compile(GYRE_PROGRAM), options);
}

}  // namespace gyre
