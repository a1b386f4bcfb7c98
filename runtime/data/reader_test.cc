// Every format, compressed and in shards, against the values the files were made from.
#include "runtime/data/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/data/testing.h"

namespace gyre {
namespace {

using testing::Cells;
using ::testing::ElementsAre;
using testing::Gzip;
using testing::IdxFile;
using testing::NpyFile;
using testing::Raw;
using testing::WriteFile;
using testing::Xz;
using Matrix = std::vector<std::vector<double>>;

FileData Read(const std::string& path, const ReadOptions& options = {}) {
  auto data = ReadFile(path, options);
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? *std::move(data) : FileData{};
}

TEST(Libsvm, ReadsItsNotations) {
  const std::string path = WriteFile("a.svm",
                                     "# a comment\n"
                                     "+1 1:.0404 3:-2.5e-3\t7:1 # rest\n"
                                     "\n"
                                     "-1\r\n"
                                     "2.5 qid:3 2:1e2 \r\n"
                                     "  1 7:+4");
  const FileData data = Read(path, {.layout = DataLayout::kDense});
  EXPECT_EQ(Cells(data.features.block), (Matrix{{.0404, 0, -2.5e-3, 0, 0, 0, 1},
                                                {0, 0, 0, 0, 0, 0, 0},
                                                {0, 100, 0, 0, 0, 0, 0},
                                                {0, 0, 0, 0, 0, 0, 4}}));
  ASSERT_EQ(data.columns.size(), 1u);
  EXPECT_EQ(data.columns[0].name, "label");
  EXPECT_THAT(data.columns[0].values, ElementsAre(1, -1, 2.5, 1));
  EXPECT_EQ(data.info.rows, 4);
  EXPECT_EQ(data.info.cols, 7);
  EXPECT_EQ(data.info.nnz, 5);
  EXPECT_THAT(data.info.columns[0].values, ElementsAre(-1, 1, 2.5));
  EXPECT_DOUBLE_EQ(data.info.row_nnz.mean, 1.25);
  EXPECT_EQ(data.info.row_nnz.max, 3);
  EXPECT_EQ(data.info.col_nnz.max, 2);
}

TEST(Libsvm, ChoosesTheLayoutByDensity) {
  const std::string sparse = WriteFile("s.svm", "1 1:1\n0 10:1\n"),
                    dense = WriteFile("d.svm", "1 1:1 2:1\n0 2:1\n");
  EXPECT_EQ(Read(sparse).features.block.format, Format::kCsr);
  EXPECT_FALSE(Read(sparse).info.dense);
  EXPECT_EQ(Read(dense).features.block.format, Format::kDense);
  EXPECT_EQ(Read(dense, {.layout = DataLayout::kCsr}).features.block.format, Format::kCsr);
}

TEST(Libsvm, MayLackLabels) {
  const std::string path = WriteFile("p.svm", "1:1 2:2\n2:3\n");
  const FileData data = Read(path);
  EXPECT_TRUE(data.columns.empty());
  EXPECT_EQ(Cells(data.features.block), (Matrix{{1, 2}, {0, 3}}));
}

TEST(Libsvm, TakesTheColumnsOfTheTrainingData) {
  const std::string path = WriteFile("t.svm", "1 2:3\n");
  EXPECT_EQ(Cells(Read(path, {.cols = 4}).features.block), (Matrix{{0, 3, 0, 0}}));
}

TEST(Csv, FindsHeaderSeparatorAndLabel) {
  for (const char* separator : {",", ";", "\t"}) {
    const auto join = [&](std::vector<std::string> fields) {
      return absl::StrCat(fields[0], separator, fields[1], separator, fields[2], "\n");
    };
    const std::string header = join({"\"first, \"\"one\"\"\"", "y", "b"});
    const std::string rows = join({"1", "5", "\"2\""}) + join({" 3", "6 ", "-4e1"});
    const FileData data = Read(WriteFile("a.csv", header + rows));
    EXPECT_EQ(Cells(data.features.block), (Matrix{{1, 2}, {3, -40}})) << separator;
    EXPECT_THAT(data.columns[0].values, ElementsAre(5, 6));
    EXPECT_THAT(data.feature_names, ElementsAre("first, \"one\"", "b"));
    const FileData bare = Read(WriteFile("b.csv", rows));
    EXPECT_EQ(Cells(bare.features.block), (Matrix{{1, 5}, {3, 6}}));
    EXPECT_THAT(bare.columns[0].values, ElementsAre(2, -40));
  }
}

TEST(Csv, SplitsAndDropsColumns) {
  const std::string path = WriteFile("a.csv", "\xef\xbb\xbfid,a,b,w\r\nx1,1,2,3\r\n\"x,2\",4,5,6");
  const FileData data = Read(path, {.split = {"w", "2"}, .drop = {"id"}});
  EXPECT_EQ(Cells(data.features.block), (Matrix{{2}, {5}}));
  ASSERT_EQ(data.columns.size(), 2u);
  EXPECT_EQ(data.columns[1].name, "a");
  EXPECT_THAT(data.columns[0].values, ElementsAre(3, 6));
  EXPECT_THAT(data.columns[1].values, ElementsAre(1, 4));
  EXPECT_EQ(Read(path, {.labels = LabelColumns::kNone, .drop = {"1"}}).info.cols, 3);
}

TEST(Csv, PadsRowsToCacheLines) {
  std::string line = "0";
  for (int i = 1; i < 20; ++i) absl::StrAppend(&line, ",", i);
  const FileData data =
      Read(WriteFile("a.csv", line + "\n" + line + "\n"), {.type = Type::kFloat32});
  EXPECT_EQ(data.features.block.cols, 19);
  EXPECT_EQ(data.features.block.stride, 32);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data.features.block.values) % 64, 0u);
}

TEST(Npy, ReadsEveryTypeAndOrder) {
  const Matrix want{{1, 2, 3}, {4, 5, 6}};
  const auto check = [&](const std::string& descr, const std::string& by_rows,
                         const std::string& by_columns) {
    for (const Type type : {Type::kFloat32, Type::kFloat64}) {
      const ReadOptions options{.type = type};
      EXPECT_EQ(Cells(Read(WriteFile("c.npy", NpyFile(descr, false, "(2, 3)", by_rows)), options)
                          .features.block),
                want)
          << descr;
      EXPECT_EQ(Cells(Read(WriteFile("f.npy", NpyFile(descr, true, "(2, 3)", by_columns)), options)
                          .features.block),
                want)
          << descr;
    }
  };
  const auto both = [&]<class T>(const std::string& descr, T) {
    check(descr, Raw(std::vector<T>{1, 2, 3, 4, 5, 6}), Raw(std::vector<T>{1, 4, 2, 5, 3, 6}));
  };
  both("<f4", float{});
  both("<f8", double{});
  both("<i4", int32_t{});
  both("<i8", int64_t{});
  both("|u1", uint8_t{});
  both("|i1", int8_t{});
  both("<i2", int16_t{});
  both("<u2", uint16_t{});
  both("<u4", uint32_t{});
  std::string big;
  for (int i = 1; i <= 6; ++i) big += std::string({0, 0, 0, static_cast<char>(i)});
  EXPECT_EQ(Cells(Read(WriteFile("b.npy", NpyFile(">i4", false, "(2, 3)", big))).features.block),
            want);
}

TEST(Npy, VectorsAndCubes) {
  const std::string data = Raw(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
  const FileData vector = Read(WriteFile("v.npy", NpyFile("<f8", false, "(8,)", data)));
  EXPECT_EQ(vector.info.rows, 8);
  EXPECT_EQ(vector.info.cols, 1);
  const FileData cube = Read(WriteFile("c.npy", NpyFile("<f8", false, "(2, 2, 2)", data)));
  EXPECT_EQ(Cells(cube.features.block), (Matrix{{1, 2, 3, 4}, {5, 6, 7, 8}}));
  EXPECT_THAT(cube.shape, ElementsAre(2, 2, 2));
}

TEST(Npy, MapsWithoutCopyingAndWritesStayPrivate) {
  std::vector<double> values(64 * 16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const std::string path = WriteFile("m.npy", NpyFile("<f8", false, "(64, 16)", Raw(values)));
  FileData data = Read(path);
  EXPECT_EQ(data.features.block.stride, 16);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data.features.block.values) % 4096,
            128u);  // the header's length
  data.features.mutable_values<double>()[0] = 99;
  EXPECT_EQ(Cells(Read(path).features.block)[0][0], 0);
}

TEST(MatrixMarket, CoordinateAndArray) {
  const Matrix want{{1, 0, 2.5}, {0, -3, 0}};
  const std::string general =
      "%%MatrixMarket matrix coordinate real general\n% c\n\n2 3 3\n1 3 2.5\n2 2 -3\n1 1 1\n";
  EXPECT_EQ(Cells(Read(WriteFile("g.mtx", general), {.layout = DataLayout::kDense}).features.block),
            want);
  EXPECT_EQ(Cells(Read(WriteFile("g.mtx", general), {.layout = DataLayout::kCsr}).features.block),
            want);
  const std::string array = "%%MatrixMarket MATRIX array real general\n2 3\n1\n0\n0\n-3\n2.5\n0\n";
  EXPECT_EQ(Cells(Read(WriteFile("a.mtx", array)).features.block), want);
  const std::string symmetric =
      "%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 4\n3 1 5\n3 2 6\n";
  EXPECT_EQ(Cells(Read(WriteFile("s.mtx", symmetric)).features.block),
            (Matrix{{4, 0, 5}, {0, 0, 6}, {5, 6, 0}}));
  const std::string packed = "%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n";
  EXPECT_EQ(Cells(Read(WriteFile("p.mtx", packed)).features.block), (Matrix{{1, 2}, {2, 3}}));
  const std::string pattern = "%%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 2\n2 1\n";
  EXPECT_EQ(Cells(Read(WriteFile("q.mtx", pattern)).features.block), (Matrix{{0, 1}, {1, 0}}));
}

TEST(Idx, ImagesAndLabels) {
  const std::string images =
      IdxFile(8, {2, 2, 2}, std::string("\x00\xff\x33\x00\xff\x66\x00\x11", 8));
  const FileData scaled = Read(WriteFile("train-images-idx3-ubyte", images));
  EXPECT_EQ(Cells(scaled.features.block),
            (Matrix{{0, 1, 0x33 / 255.0, 0}, {1, 0x66 / 255.0, 0, 0x11 / 255.0}}));
  EXPECT_THAT(scaled.shape, ElementsAre(2, 2, 2));
  EXPECT_EQ(Cells(Read(WriteFile("i.idx", images), {.scale_images = false}).features.block)[0][1],
            255);
  const FileData labels = Read(WriteFile("l.idx", IdxFile(8, {3}, std::string("\x07\x00\x09", 3))));
  EXPECT_EQ(Cells(labels.features.block), (Matrix{{7}, {0}, {9}}));
  EXPECT_EQ(Cells(Read(WriteFile("f.idx", IdxFile(0x0d, {1}, std::string("\x3f\xc0\x00\x00", 4))))
                      .features.block),
            (Matrix{{1.5}}));
}

TEST(Compressed, ReadsLikePlain) {
  std::string text;
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&text, i % 3, " ", i % 7 + 1, ":", i, "\n");
  const FileData plain = Read(WriteFile("a.svm", text));
  const std::string half = text.substr(0, text.size() / 2), rest = text.substr(text.size() / 2);
  for (const auto& [name, bytes] : std::vector<std::pair<std::string, std::string>>{
           {"a.svm.gz", Gzip(text)},
           {"a.svm.xz", Xz(text)},
           {"two.svm.gz", Gzip(half) + Gzip(rest)},
           {"two.svm.xz", Xz(half) + Xz(rest)},
           {"padded.svm.gz", Gzip(text) + std::string(512, '\0')}}) {
    const FileData data = Read(WriteFile(name, bytes));
    EXPECT_EQ(data.columns[0].values, plain.columns[0].values) << name;
    EXPECT_EQ(Cells(data.features.block), Cells(plain.features.block)) << name;
  }
}

TEST(Formats, ByNameAndByWord) {
  EXPECT_EQ(*FormatOfPath("x/train-images-idx3-ubyte.gz"), FileFormat::kIdx);
  EXPECT_EQ(*FormatOfPath("A.SVM.XZ"), FileFormat::kLibsvm);
  EXPECT_EQ(*FormatOfPath("a.tsv"), FileFormat::kCsv);
  EXPECT_FALSE(FormatOfPath("a.dat").ok());
  EXPECT_EQ(*FormatOfPath("x/docword.nips.txt.gz"), FileFormat::kDocword);
  EXPECT_EQ(*FormatOfPath("docword.nips.txt"), FileFormat::kDocword);
  EXPECT_EQ(*FormatOfPath("docword.d/nips.txt.xz"), FileFormat::kText);
  EXPECT_EQ(*FormatOfPath("nips.docword"), FileFormat::kDocword);
  EXPECT_EQ(*FormatOfPath("ap.lda-c"), FileFormat::kLdac);
  EXPECT_EQ(*FormatOfPath("ap.ldac"), FileFormat::kLdac);
  EXPECT_EQ(*FormatOfPath("ml.ratings"), FileFormat::kRatings);
  for (const FileFormat format :
       {FileFormat::kDocword, FileFormat::kLdac, FileFormat::kText, FileFormat::kRatings})
    EXPECT_FALSE(ReadFile(WriteFile("a.dat", "1 1:2\n"), {.format = format}).ok());
  EXPECT_EQ(*ParseFileFormat("mm"), FileFormat::kMatrixMarket);
  EXPECT_FALSE(ParseFileFormat("parquet").ok());
  EXPECT_EQ(Read(WriteFile("a.txt", "1 1:2\n"), {.format = FileFormat::kLibsvm}).info.rows, 1);
}

// Text whose size is a multiple of the page leaves no zeros of its own after the last byte.
TEST(Pages, TheLastLineMayEndWithThePage) {
  std::string text;
  while (text.size() < 8192 - 64) text += "1 1:1 2:2\n";
  std::string last = "1 1:";
  last += std::string(8192 - text.size() - last.size() - 1, '0') + "7";
  const FileData data = Read(WriteFile("page.svm", text + last), {.layout = DataLayout::kDense});
  EXPECT_EQ(Cells(data.features.block).back()[0], 7);
}

// ---- Shards.

struct Case {
  std::string name, content;
};

std::vector<Case> ShardCases() {
  std::mt19937 random(3);
  std::string svm, csv = "a,b,label\n", mm;
  int entries = 0;
  for (int r = 0; r < 97; ++r) {
    absl::StrAppend(&svm, static_cast<int>(random() % 3));
    for (int c = 1; c < 40; c += 1 + static_cast<int>(random() % 20)) {
      absl::StrAppendFormat(&svm, " %d:%.*f", c, r % 9, static_cast<double>(random()) / 1e9);
      absl::StrAppend(&mm, r + 1, " ", c, " ", c * 0.5, "\n");
      ++entries;
    }
    absl::StrAppend(&svm, r % 10 == 0 ? "\n# a comment line\n\n" : "\n");
    absl::StrAppend(&csv, r, ",", random() % 1000, ",", r % 4, r % 13 == 0 ? "\n\n" : "\n");
  }
  std::vector<float> cells(97 * 5);
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<float>(i % 7);
  const std::string header =
      absl::StrCat("%%MatrixMarket matrix coordinate real general\n97 40 ", entries, "\n");
  return {{"a.svm", svm},
          {"a.csv", csv},
          {"a.mtx", header + mm},
          {"a.svm.gz", Gzip(svm)},
          {"a.csv.xz", Xz(csv)},
          {"a.npy", NpyFile("<f4", false, "(97, 5)", Raw(cells))},
          {"f.npy", NpyFile("<f4", true, "(97, 5)", Raw(cells))},
          {"a.idx", IdxFile(8, {97, 2, 3}, std::string(97 * 6, '\x11'))},
          {"one.svm", "1 1:1\n"}};
}

TEST(Shards, ConcatenateToTheWhole) {
  for (const Case& c : ShardCases()) {
    const std::string path = WriteFile(c.name, c.content);
    const FileData whole = Read(path);
    for (int shards = 1; shards <= 7; ++shards) {
      const auto info = ScanFile(path, {.shards = shards});
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(info->rows, whole.info.rows) << c.name;
      EXPECT_EQ(info->nnz, whole.info.nnz) << c.name;
      EXPECT_DOUBLE_EQ(info->col_nnz.cv, whole.info.col_nnz.cv) << c.name;
      Matrix cells;
      std::vector<double> labels;
      for (int s = 0; s < shards; ++s) {
        // Given the info, and finding it out alone.
        ReadOptions options{.shard = s, .shards = shards, .info = &*info};
        const FileData part = Read(path, options);
        options.info = nullptr;
        const FileData alone = Read(path, options);
        EXPECT_EQ(part.first_row, static_cast<int64_t>(cells.size())) << c.name;
        EXPECT_EQ(part.features.block.format, whole.features.block.format) << c.name;
        EXPECT_EQ(part.features.block.cols, whole.features.block.cols) << c.name;
        EXPECT_EQ(Cells(alone.features.block), Cells(part.features.block)) << c.name;
        EXPECT_EQ(alone.info.rows, whole.info.rows);
        for (auto& row : Cells(part.features.block)) cells.push_back(std::move(row));
        for (const auto& column : part.columns)
          labels.insert(labels.end(), column.values.begin(), column.values.end());
      }
      EXPECT_EQ(cells, Cells(whole.features.block)) << c.name << " in " << shards;
      if (whole.columns.empty()) continue;
      EXPECT_EQ(labels, whole.columns[0].values) << c.name << " in " << shards;
    }
  }
}

// Any range of rows, found by way of the shards of a scan.
TEST(Shards, AnyRangeOfRowsIsRead) {
  for (const Case& c : ShardCases()) {
    const std::string path = WriteFile(c.name, c.content);
    const FileData whole = Read(path);
    const Matrix cells = Cells(whole.features.block);
    const int64_t rows = whole.info.rows;
    for (const int shards : {1, 5, 64}) {
      const auto info = ScanFile(path, {.shards = shards});
      ASSERT_TRUE(info.ok()) << info.status();
      for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{
               {0, rows}, {0, rows / 3}, {rows / 3, rows}, {rows / 2, rows / 2 + 1}, {rows, rows},
               {0, 0}}) {
        if (end > rows) continue;
        const FileData part = Read(path, {.info = &*info, .row_begin = begin, .row_end = end});
        EXPECT_EQ(part.first_row, begin);
        EXPECT_EQ(part.info.rows, rows);
        EXPECT_EQ(part.features.block.cols, whole.features.block.cols);
        EXPECT_EQ(part.features.block.format, whole.features.block.format);
        EXPECT_EQ(Cells(part.features.block), Matrix(cells.begin() + begin, cells.begin() + end))
            << c.name << " " << begin << " to " << end << " of " << shards;
        for (size_t k = 0; k < whole.columns.size(); ++k) {
          const std::vector<double>& all = whole.columns[k].values;
          EXPECT_EQ(part.columns[k].values,
                    std::vector<double>(all.begin() + begin, all.begin() + end));
        }
      }
    }
  }
}

TEST(Shards, AChangedFileIsNoticed) {
  const std::string path = WriteFile("a.svm", "1 1:1\n2 1:2\n3 1:3\n");
  const auto info = ScanFile(path, {.shards = 2});
  ASSERT_TRUE(info.ok());
  const std::string longer = WriteFile("a.svm", "1 1:1\n2 1:2\n3 1:3\n4 1:4\n");
  const auto data = ReadFile(longer, {.info = &*info, .row_begin = 0, .row_end = 3});
  EXPECT_THAT(std::string(data.status().message()), ::testing::HasSubstr("differs"));
}

TEST(Moments, OfPartsAreThoseOfTheWhole) {
  for (const Case& c : ShardCases()) {
    const std::string path = WriteFile(c.name, c.content);
    const FileData whole = Read(path, {.moments = true});
    const Matrix cells = Cells(whole.features.block);
    for (const int shards : {1, 4, 50}) {
      const auto info = ScanFile(path, {.shards = shards, .moments = true});
      ASSERT_TRUE(info.ok());
      ASSERT_EQ(info->moments.mean.size(), static_cast<size_t>(info->cols));
      for (size_t k = 0; k < info->moments.mean.size(); ++k) {
        double mean = 0, square = 0;
        for (const auto& row : cells) mean += row[k] / static_cast<double>(cells.size());
        for (const auto& row : cells) square += (row[k] - mean) * (row[k] - mean);
        EXPECT_NEAR(info->moments.mean[k], mean, 1e-12 * (1 + std::abs(mean))) << c.name;
        EXPECT_NEAR(info->moments.square[k], square, 1e-10 * (1 + square)) << c.name;
        EXPECT_NEAR(whole.info.moments.square[k], square, 1e-10 * (1 + square)) << c.name;
      }
    }
  }
}

TEST(Pack, KeepsEverything) {
  const std::string path = WriteFile(ShardCases()[0].name, ShardCases()[0].content);
  const auto info = ScanFile(path, {.shards = 3, .moments = true});
  const std::string bytes = Pack(*info);
  const auto back = Unpack(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->rows, info->rows);
  EXPECT_EQ(back->shard_rows, info->shard_rows);
  EXPECT_EQ(back->columns[0].values, info->columns[0].values);
  EXPECT_EQ(back->moments.square, info->moments.square);
  EXPECT_EQ(back->row_nnz.max, info->row_nnz.max);
  for (const size_t cut : {size_t{0}, size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_FALSE(Unpack(absl::string_view(bytes).substr(0, cut)).ok());
  }
}

TEST(Shards, AreBalanced) {
  const std::string path = WriteFile(ShardCases()[1].name, ShardCases()[1].content);
  const auto info = ScanFile(path, {.shards = 4});
  ASSERT_TRUE(info.ok());
  for (const int64_t rows : info->shard_rows) EXPECT_NEAR(static_cast<double>(rows), 97 / 4.0, 4);
}

TEST(Shards, ErrorsCountLinesFromTheFirst) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += i == 87 ? "1 1:x\n" : "1 1:1\n";
  const std::string path = WriteFile("a.svm", text);
  DataInfo info;
  info.rows = 100;
  info.cols = 1;
  info.shard_rows = {25, 25, 25, 25};
  const auto data = ReadFile(path, {.shard = 3, .shards = 4, .info = &info});
  EXPECT_THAT(std::string(data.status().message()), ::testing::HasSubstr("a.svm:88: "));
}

TEST(Float32, RoundsTheDouble) {
  const FileData data = Read(WriteFile("a.csv", "0.1,0\n16777217,1\n"), {.type = Type::kFloat32});
  EXPECT_EQ(data.features.block.data<float>()[0], 0.1f);
  EXPECT_EQ(data.features.block.data<float>()[data.features.block.stride], 16777216.0f);
}

}  // namespace
}  // namespace gyre
