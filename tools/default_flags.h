// The flags a program has without being given any: those its gyre_program() rule baked in, so that
// `bazel run //examples:lasso` trains on the data that ships with it.
//
// The rule (tools/gyre_program.bzl) links a definition of `gyre_default_flags` into the binary; a
// binary built otherwise has none, which is fine. A value that is a shipped file is written as
// "@shipped:PATH", PATH relative to the workspace, and is looked for when the flags are read.
//
// Stateless: both functions may be called from any thread.
#pragma once

#include <string>
#include <vector>

// Ends with a null pointer. Null itself where no rule defined it.
extern "C" const char* const gyre_default_flags[] __attribute__((weak));

namespace gyre {

// `given` (a command line without the program's name) followed by those default flags that it does
// not override. A flag overrides the default of the same name; `--data` overrides every default that
// describes data (--data, --test_data, --format, --columns), for these belong together. After a
// bare `--` nothing is read as a flag.
std::vector<std::string> WithDefaultFlags(std::vector<std::string> given);

// The same for any list of defaults, ended by a null pointer (may be null).
std::vector<std::string> WithDefaultFlags(std::vector<std::string> given,
                                          const char* const* defaults);

// Where a file that ships with the program is: among the binary's runfiles, else relative to the
// current directory or the workspace, else `path` as it is (for the error message of who opens it).
std::string ShippedFile(const std::string& path);

// A path that a user wrote, which is relative to where the command was typed. `bazel run` starts the
// program elsewhere, and leaves that directory in $BUILD_WORKING_DIRECTORY.
std::string UserPath(const std::string& path);

}  // namespace gyre
