#include "tools/default_flags.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace gyre {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kShipped = "@shipped:";
constexpr std::string_view kWorkspace = "gyre";
constexpr std::string_view kDescribeData[] = {"data", "test_data", "format", "columns"};

// "--data=X=FILE" is "data"; anything that is no flag has no name.
std::string_view FlagName(std::string_view flag) {
  if (flag.substr(0, 2) != "--") return {};
  flag.remove_prefix(2);
  return flag.substr(0, flag.find('='));
}

bool DescribesData(std::string_view name) {
  return std::find(std::begin(kDescribeData), std::end(kDescribeData), name) !=
         std::end(kDescribeData);
}

std::string Expanded(std::string_view flag) {
  const size_t at = flag.find(kShipped);
  if (at == std::string_view::npos) return std::string(flag);
  return std::string(flag.substr(0, at)) +
         ShippedFile(std::string(flag.substr(at + kShipped.size())));
}

// The runfiles of this binary, by what Bazel sets or by its own place; empty when there are none.
fs::path Runfiles() {
  std::error_code error;
  if (const char* set = std::getenv("RUNFILES_DIR"); set != nullptr && *set != '\0') {
    if (fs::is_directory(fs::path(set) / kWorkspace, error)) return fs::path(set) / kWorkspace;
  }
  fs::path beside = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  beside += ".runfiles";
  return fs::is_directory(beside / kWorkspace, error) ? beside / kWorkspace : fs::path();
}

}  // namespace

std::vector<std::string> WithDefaultFlags(std::vector<std::string> given) {
  return WithDefaultFlags(std::move(given), gyre_default_flags);
}

std::vector<std::string> WithDefaultFlags(std::vector<std::string> given,
                                          const char* const* defaults) {
  if (defaults == nullptr) return given;
  const auto flags_end = std::find(given.begin(), given.end(), "--");
  std::vector<std::string> named;
  for (auto flag = given.begin(); flag != flags_end; ++flag) named.emplace_back(FlagName(*flag));
  const auto is_given = [&named](std::string_view name) {
    return std::find(named.begin(), named.end(), name) != named.end();
  };
  std::vector<std::string> added;
  for (; *defaults != nullptr; ++defaults) {
    const std::string_view name = FlagName(*defaults);
    if (is_given(name) || (DescribesData(name) && is_given("data"))) continue;
    added.push_back(Expanded(*defaults));
  }
  given.insert(flags_end, added.begin(), added.end());
  return given;
}

std::string ShippedFile(const std::string& path) {
  std::error_code error;
  if (const fs::path runfiles = Runfiles(); !runfiles.empty()) {
    if (fs::exists(runfiles / path, error)) return (runfiles / path).string();
  }
  if (fs::exists(path, error)) return path;
  if (const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY"); root != nullptr) {
    if (fs::exists(fs::path(root) / path, error)) return (fs::path(root) / path).string();
  }
  return path;
}

std::string UserPath(const std::string& path) {
  const char* typed_in = std::getenv("BUILD_WORKING_DIRECTORY");
  if (typed_in == nullptr || path.empty() || fs::path(path).is_absolute()) return path;
  return (fs::path(typed_in) / path).string();
}

}  // namespace gyre
