// Files as the driver needs them: whole, and never half written.
#pragma once
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gyre::driver {

// NotFound or InvalidArgument with the path and the reason.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Writes through a temporary file beside `path` and renames it; makes missing folders.
absl::Status WriteFile(const std::string& path, absl::string_view bytes);

// Whether WriteFile(path) would succeed, tried on the file system itself (permissions alone do not
// tell); makes missing folders. To be asked before hours of work, not after.
absl::Status CheckWritable(const std::string& path);

// Makes `path` and its parents.
absl::Status MakeFolders(const std::string& path);

bool Exists(const std::string& path);

// A relative path of the command line, where the user stands: below $BUILD_WORKING_DIRECTORY when
// bazel started the program (it runs in the runfiles), else below the current folder.
std::string UserPath(const std::string& path);

// The data file a flag names. Tries, in order: as UserPath; for the flags a program was built with
// (`built_in`) below the runfiles; below $GYRE_DATA. What is nowhere comes back as UserPath(path),
// so that the message of whoever opens it names the place the user meant.
std::string DataPath(const std::string& path, bool built_in, const std::string& program_path);

}  // namespace gyre::driver
