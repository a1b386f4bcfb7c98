// The flags a program has without being given any: those its gyre_program() rule baked in, so that
// `bazel run //examples:lasso` trains on the data that ships with it.
//
// The rule (tools/gyre_program.bzl) links a definition of `gyre_default_flags` into the binary; one
// built otherwise has none. A file among them is named relative to the workspace: it is in the
// binary's runfiles (BINARY.runfiles/gyre/PATH), and resolving it is up to who reads the flags.
// Unlike a path that a user typed, it has nothing to do with $BUILD_WORKING_DIRECTORY.
#pragma once

#include <string>
#include <vector>

// Ends with a null pointer; null itself where no rule defined it.
extern "C" const char* const gyre_default_flags[] __attribute__((weak));

namespace gyre {

inline std::vector<std::string> DefaultFlags() {
  std::vector<std::string> flags;
  const char* const* flag = gyre_default_flags;
  if (flag == nullptr) return flags;
  for (; *flag != nullptr; ++flag) flags.emplace_back(*flag);
  return flags;
}

}  // namespace gyre
