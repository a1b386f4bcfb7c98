// Shows its arguments and the data they name, as a plan, an explanation or a run would use them.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tools/default_flags.h"

namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// A file by its path, or by its path among the runfiles.
std::string Contents(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    in.open(self + ".runfiles/gyre/" + path);
  }
  if (!in) return "cannot open " + path + "\n";
  return {std::istreambuf_iterator<char>(in), {}};
}

// "--data=X=FILE" or "--plan=FILE": the flag up to its file, and what is in the file.
std::string Shown(const std::string& flag) {
  for (const char* name : {"--data=", "--test_data=", "--plan=", "--machine="}) {
    if (!StartsWith(flag, name)) continue;
    const size_t file = flag.rfind('=') + 1;
    return flag.substr(0, file) + " " + Contents(flag.substr(file));
  }
  return flag + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool has_data = std::any_of(args.begin(), args.end(),
                                    [](const std::string& a) { return StartsWith(a, "--data="); });
  if (!has_data) {
    for (const std::string& flag : gyre::DefaultFlags()) args.push_back(flag);
  }
  std::string out, text;
  for (const std::string& arg : args) {
    if (StartsWith(arg, "--out=")) {
      out = arg.substr(6);
    } else {
      text += Shown(arg);
    }
  }
  if (out.empty()) {
    std::cout << text;
  } else {
    std::ofstream(out) << text;
  }
}
