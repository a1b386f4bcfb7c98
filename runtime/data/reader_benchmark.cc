// How fast libsvm text is read, against a reader in the manner of liblinear's: two passes of fgets,
// strtok and strtod. Reads the file that GYRE_DATA names, or else text it generates (values of 4 to
// 17 digits).
//
//   GYRE_DATA=train.svm bazel run -c opt //runtime/data:reader_benchmark
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/data/keyed.h"
#include "runtime/data/number.h"
#include "runtime/data/reader.h"

namespace gyre {
namespace {

struct Node {
  int index;
  double value;
};

// Reads lines of any length.
char* ReadLine(std::FILE* file, std::vector<char>* line) {
  if (std::fgets(line->data(), static_cast<int>(line->size()), file) == nullptr) return nullptr;
  while (std::strrchr(line->data(), '\n') == nullptr) {
    const size_t length = std::strlen(line->data());
    line->resize(line->size() * 2);
    if (std::fgets(line->data() + length, static_cast<int>(line->size() - length), file) == nullptr)
      break;
  }
  return line->data();
}

// Counts tokens in a first pass, fills arrays in a second.
int64_t ReadClassic(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  std::vector<char> line(1024);
  size_t rows = 0, elements = 0;
  while (ReadLine(file, &line) != nullptr) {
    std::strtok(line.data(), " \t");
    while (true) {
      const char* p = std::strtok(nullptr, " \t");
      if (p == nullptr || *p == '\n') break;
      ++elements;
    }
    ++elements;
    ++rows;
  }
  std::rewind(file);
  std::vector<double> labels(rows);
  std::vector<Node> nodes(elements + rows);
  size_t at = 0;
  for (size_t r = 0; r < rows; ++r) {
    ReadLine(file, &line);
    char* end;
    labels[r] = std::strtod(std::strtok(line.data(), " \t\n"), &end);
    while (true) {
      const char* index = std::strtok(nullptr, ":");
      const char* value = std::strtok(nullptr, " \t");
      if (value == nullptr) break;
      nodes[at].index = static_cast<int>(std::strtol(index, &end, 10));
      nodes[at++].value = std::strtod(value, &end);
    }
    nodes[at++].index = -1;
  }
  std::fclose(file);
  return static_cast<int64_t>(at);
}

const std::string& InputPath() {
  static const std::string path = [] {
    if (const char* given = std::getenv("GYRE_DATA")) return std::string(given);
    const std::string name = std::filesystem::temp_directory_path() / "gyre_reader_benchmark.svm";
    std::FILE* file = std::fopen(name.c_str(), "w");
    std::mt19937 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (int row = 0; row < 20000; ++row) {
      std::fprintf(file, "%+d", row % 2 * 2 - 1);
      const int digits = row % 4 == 0 ? 17 : row % 4 == 1 ? 4 : 6;
      for (int c = 1 + static_cast<int>(random() % 50); c < 5000;
           c += 1 + static_cast<int>(random() % 99)) {
        std::fprintf(file, " %d:%.*g", c, digits, uniform(random));
      }
      std::fputc('\n', file);
    }
    std::fclose(file);
    return name;
  }();
  return path;
}

void SetBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(std::filesystem::file_size(InputPath())));
}

void BM_Classic(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ReadClassic(InputPath()));
  SetBytes(state);
}
BENCHMARK(BM_Classic)->Unit(benchmark::kMillisecond);

void BM_ReadFile(benchmark::State& state) {
  const ReadOptions options{.format = FileFormat::kLibsvm,
                            .type = state.range(0) != 0 ? Type::kFloat64 : Type::kFloat32,
                            .layout = DataLayout::kCsr};
  for (auto _ : state) {
    auto data = ReadFile(InputPath(), options);
    if (!data.ok()) {
      state.SkipWithError(std::string(data.status().message()).c_str());
      return;
    }
    benchmark::DoNotOptimize(data->info.nnz);
  }
  SetBytes(state);
}
BENCHMARK(BM_ReadFile)->ArgName("double")->Arg(1)->Arg(0)->Unit(benchmark::kMillisecond);

// A bag of words as UCI writes it, as tokens or as counts.
std::string WriteDocword() {
  std::mt19937 random(3);
  std::string entries;
  int64_t count = 0;
  constexpr int kDocuments = 20000, kWords = 50000;
  for (int d = 1; d <= kDocuments; ++d) {
    for (auto w = random() % 900 + 1; w <= kWords; w += random() % 900 + 1, ++count) {
      absl::StrAppend(&entries, d, " ", w, " ", random() % 3 + 1, "\n");
    }
  }
  const std::string path = std::filesystem::temp_directory_path() / "reader_benchmark.docword";
  std::ofstream(path) << kDocuments << "\n" << kWords << "\n" << count << "\n" << entries;
  return path;
}

void BM_Docword(benchmark::State& state) {
  static const std::string* const path = new std::string(WriteDocword());
  const KeyedOptions options{
      .values = state.range(0) != 0 ? KeyedValues::kRequired : KeyedValues::kNone};
  for (auto _ : state) {
    auto rows = ReadKeyed(*path, options);
    if (!rows.ok()) {
      state.SkipWithError(std::string(rows.status().message()).c_str());
      return;
    }
    benchmark::DoNotOptimize(rows->rows);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(std::filesystem::file_size(*path)));
}
BENCHMARK(BM_Docword)->ArgName("counts")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// One number of the given number of digits.
void BM_Number(benchmark::State& state) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    char word[64];
    std::snprintf(word, sizeof(word), "%.*g ", static_cast<int>(state.range(0)), uniform(random));
    text += word;
  }
  for (auto _ : state) {
    double sum = 0, v = 0;
    for (const char* p = text.c_str(); *p != '\0'; ++p) {
      if (state.range(1) != 0) {
        char* end;
        v = std::strtod(p, &end);
        p = end;
      } else {
        p = io::ParseNumber(p, &v);
      }
      sum += v;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_Number)->ArgNames({"digits", "strtod"})->ArgsProduct({{4, 7, 17}, {0, 1}});

}  // namespace
}  // namespace gyre
