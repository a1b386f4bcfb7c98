#include "runtime/driver/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace gyre::driver {
namespace {

namespace fs = std::filesystem;
using absl::StrCat;

struct Close {
  void operator()(FILE* file) const { std::fclose(file); }
};

absl::Status Failed(absl::string_view what, const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(StrCat("cannot ", what, " ", path, ": ", why));
}

std::string EnvironmentOr(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

// Folders in which bazel puts the data of the program at `program_path`, when it does.
std::vector<fs::path> RunfilesFolders(const std::string& program_path) {
  std::vector<fs::path> folders;
  const std::string named = EnvironmentOr("RUNFILES_DIR", EnvironmentOr("TEST_SRCDIR", "").c_str());
  if (!named.empty()) folders.emplace_back(named);
  folders.emplace_back(program_path + ".runfiles");
  std::error_code ignored;
  // A program run in place finds its own runfiles even when it was started through a link.
  const fs::path real = fs::read_symlink("/proc/self/exe", ignored);
  if (!real.empty()) folders.emplace_back(real.string() + ".runfiles");
  return folders;
}

absl::Status MakeParent(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? absl::OkStatus() : MakeFolders(parent.string());
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return Failed("read", path, "it is a folder");
  std::unique_ptr<FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return absl::NotFoundError(StrCat("cannot read ", path, ": ", std::strerror(errno)));
  }
  std::string bytes;
  char buffer[1 << 16];
  size_t got;
  while ((got = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) bytes.append(buffer, got);
  if (std::ferror(file.get())) return Failed("read", path, std::strerror(errno));
  return bytes;
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Failed("make the folder", path, error.message());
  return absl::OkStatus();
}

absl::Status CheckWritable(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return Failed("write", path, "it is a folder");
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) return absl::OkStatus();
  absl::Status made = MakeParent(path);
  if (!made.ok()) return made;
  const std::string temporary = StrCat(path, ".tmp-", getpid());
  const std::unique_ptr<FILE, Close> file(std::fopen(temporary.c_str(), "wb"));
  if (file == nullptr) return Failed("write", path, std::strerror(errno));
  std::remove(temporary.c_str());
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, absl::string_view bytes) {
  absl::Status made = MakeParent(path);
  if (!made.ok()) return made;
  // Devices and pipes (/dev/stdout) are written as they are.
  std::error_code ignored;
  const bool in_place = fs::exists(path, ignored) && !fs::is_regular_file(path, ignored);
  const std::string temporary = in_place ? path : StrCat(path, ".tmp-", getpid());
  std::unique_ptr<FILE, Close> file(std::fopen(temporary.c_str(), "wb"));
  if (file == nullptr) return Failed("write", path, std::strerror(errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() &&
                       std::fflush(file.get()) == 0;
  const int why = errno;
  file.reset();
  if (written && (in_place || std::rename(temporary.c_str(), path.c_str()) == 0)) {
    return absl::OkStatus();
  }
  const absl::Status failed = Failed("write", path, std::strerror(written ? errno : why));
  if (!in_place) std::remove(temporary.c_str());
  return failed;
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string UserPath(const std::string& path) {
  if (path.empty() || fs::path(path).is_absolute()) return path;
  const std::string base = EnvironmentOr("BUILD_WORKING_DIRECTORY", "");
  return base.empty() ? path : (fs::path(base) / path).string();
}

std::string DataPath(const std::string& path, bool built_in, const std::string& program_path) {
  const std::string user = UserPath(path);
  if (fs::path(path).is_absolute()) return user;
  if (built_in) {
    for (const fs::path& folder : RunfilesFolders(program_path)) {
      for (const char* workspace : {"gyre", "_main", ""}) {
        const fs::path candidate = folder / workspace / path;
        if (Exists(candidate.string())) return candidate.string();
      }
    }
    if (Exists(path)) return path;  // bazel run stands in the runfiles
  }
  if (Exists(user)) return user;
  const std::string search = EnvironmentOr("GYRE_DATA", "");
  if (!search.empty()) {
    const fs::path candidate = fs::path(search) / path;
    if (Exists(candidate.string())) return candidate.string();
    const fs::path flat = fs::path(search) / fs::path(path).filename();
    if (Exists(flat.string())) return flat.string();
  }
  return user;
}

}  // namespace gyre::driver
