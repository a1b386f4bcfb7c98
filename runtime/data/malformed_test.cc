// What a user reads when a file is wrong: one line, with place, cause and cure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/data/keyed.h"
#include "runtime/data/reader.h"
#include "runtime/data/testing.h"

namespace gyre {
namespace {

using testing::Gzip;
using ::testing::HasSubstr;
using testing::IdxFile;
using ::testing::Not;
using testing::NpyFile;
using testing::Raw;
using testing::WriteFile;
using testing::Xz;

struct Bad {
  std::string name, content;
  std::string message;  // part of the line, which begins with the path
  ReadOptions options = {};
};

void ExpectAll(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases) {
    const std::string path = WriteFile(bad.name, bad.content);
    const auto data = ReadFile(path, bad.options);
    ASSERT_FALSE(data.ok()) << bad.name << ": " << bad.content.substr(0, 80) << " wanted "
                            << bad.message;
    const std::string message(data.status().message());
    EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(message, ::testing::StartsWith(path + ":"));
    EXPECT_THAT(message, HasSubstr(bad.message));
    EXPECT_THAT(message, HasSubstr("; ")) << "says how to fix it";
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    ReadOptions scan = bad.options;
    scan.shards = 3;
    EXPECT_FALSE(ScanFile(path, scan).ok());
  }
}

TEST(Malformed, Libsvm) {
  const std::string ok = "1 1:1 2:2\n";
  ExpectAll({
      {"a.svm", ok + "1 1:1 2\n", ".svm:2: '2' is not an entry; write index:value"},
      {"a.svm", ok + "1 1:1 abc:2\n", ".svm:2: 'abc:2' is not an entry"},
      {"a.svm", ok + "1 0:1\n", ".svm:2: feature index 0 is out of range; indices start at 1"},
      {"a.svm", ok + "1 -3:1\n", ".svm:2: feature index -3 is out of range"},
      {"a.svm", ok + "1 2147483648:1\n", ".svm:2: feature index 2147483648 is too large"},
      {"a.svm", ok + "1 99999999999999999999999:1\n", "is too large"},
      {"a.svm", ok + "1 2:1 1:1\n", ".svm:2: feature index 1 comes after 2; sort"},
      {"a.svm", ok + "1 2:1 2:1\n", ".svm:2: feature index 2 appears twice"},
      {"a.svm", ok + "1 2:\n", ".svm:2: value of feature 2 is missing"},
      {"a.svm", ok + "1 2:nan\n", ".svm:2: value of feature 2 is nan; "},
      {"a.svm", ok + "1 2:-Inf\n", ".svm:2: value of feature 2 is -Inf; "},
      {"a.svm", ok + "1 2:1e999\n", ".svm:2: value of feature 2 1e999 is too large"},
      {"a.svm", ok + "1 2:1e39\n", "too large for the element type", {.type = Type::kFloat32}},
      {"a.svm", ok + "1 2:1x\n", ".svm:2: value of feature 2 '1x' is not a number"},
      {"a.svm", ok + "1 2:1,3:1\n", ".svm:2: value of feature 2 '1,3:1' is not a number"},
      {"a.svm", ok + "cat 2:1\n", ".svm:2: label 'cat' is not a number"},
      {"a.svm", ok + "1,2 2:1\n", ".svm:2: label '1,2' is not a number"},
      {"a.svm", ok + "nan 2:1\n", ".svm:2: label is nan"},
      {"a.svm", ok + "2:1\n", ".svm:2: row starts with '2:1' where its label should be"},
      {"a.svm", "1:1\n1 1:2\n", ".svm:2: '1' is not an entry"},
      {"a.svm", "1:1\n", ".svm:1: row starts with '1:1'", {.labels = LabelColumns::kRequired}},
      {"a.svm",
       ok + "1 9:1\n",
       ".svm:2: feature index 9 is beyond the 5 features expected",
       {.cols = 5}},
      {"a.svm", ok + std::string("1 1:1\0 2:2\n", 11), ".svm:2: "},
      {"a.svm", ok + "\n# c\n1 1:1 \x01\n", ".svm:4: '?' is not an entry"},
      {"a.svm", "# only\n\n", ":1: no row in the file"},
      {"a.svm", ok + "1 1:1 3", ".svm:2: '3' is not an entry"},
  });
}

TEST(Malformed, Csv) {
  const std::string ok = "a,b,y\n1,2,3\n";
  ExpectAll({
      {"a.csv", ok + "1,,3\n", ".csv:3: column 2 (b) is missing; fill it in or drop the row"},
      {"a.csv", ok + "1,2,\n", ".csv:3: column 3 (y) is missing"},
      {"a.csv", ok + "1,2,NaN\n", ".csv:3: column 3 (y) is NaN"},
      {"a.csv", ok + "1,NA,3\n", ".csv:3: column 2 (b) is NA"},
      {"a.csv", ok + "1,inf,3\n", ".csv:3: column 2 (b) is inf"},
      {"a.csv", ok + "1,-1e500,3\n", ".csv:3: column 2 (b) -1e500 is too large"},
      {"a.csv", ok + "1,x,3\n", ".csv:3: column 2 (b) 'x' is not a number"},
      {"a.csv", ok + "1,2.5.1,3\n", ".csv:3: column 2 (b) '2.5.1' is not a number"},
      {"a.csv", ok + "1,\"x\",3\n", ".csv:3: column 2 (b) 'x' is not a number"},
      {"a.csv", ok + "1,2\n", ".csv:3: the line has 2 fields where 3 are expected"},
      {"a.csv", ok + "1,2,3,4\n", ".csv:3: the line has 4 fields where 3 are expected"},
      {"a.csv", ok + "1,2,3,\n", ".csv:3: the line has 4 fields where 3 are expected"},
      {"a.csv", ok + "1,\"2,3\n4,5,6\n", ".csv:3: "},
      {"a.csv", "1,2\nnan,3\n", ".csv:2: column 1 is nan"},
      {"a.csv", "nan,2\n1,3\n", ".csv:1: column 1 is nan"},
      {"a.csv", ok, ": the file has 2 feature columns where 7 are expected", {.cols = 7}},
      {"a.csv", ok, "there is no column 'z'", {.split = {"z"}}},
      {"a.csv", ok, "there is no column '4'", {.drop = {"4"}}},
      {"a.csv", "a,b\n", ":1: no row in the file"},
      {"a.csv", "\n\n", ":1: no row in the file"},
      {"a.csv", "\"a,b\n1,2\n", ":1: a quote is not closed"},
  });
}

TEST(Malformed, Npy) {
  const std::string cells = Raw(std::vector<double>{1, 2, 3, 4, 5, 6});
  const std::string ok = NpyFile("<f8", false, "(2, 3)", cells);
  ExpectAll({
      {"a.npy", "hello world, this is text\n", "is not a NumPy file"},
      {"a.npy", ok.substr(0, 9), "the header is cut short"},
      {"a.npy", ok.substr(0, 40), "the header is cut short"},
      {"a.npy", ok.substr(0, ok.size() - 1), "is cut short: 175 bytes where its header needs 176"},
      {"a.npy", NpyFile("<c16", false, "(2, 3)", cells), "element type '<c16' is not supported"},
      {"a.npy", NpyFile("|O", false, "(2, 3)", cells), "element type '|O' is not supported"},
      {"a.npy", NpyFile("<f8", false, "(0, 3)", cells), "holds no values"},
      {"a.npy", NpyFile("<f8", false, "()", cells), "holds a single value"},
      {"a.npy", NpyFile("<f8", false, "(2, x)", cells), "the shape in the header is not valid"},
      {"a.npy", NpyFile("<f8", false, "(9999999999, 9999999999)", cells), "impossibly large"},
      {"a.npy",
       NpyFile("<f8", false, "(2, 3)", cells),
       "rows have 3 values where 4 are expected",
       {.cols = 4}},
      {"a.npy",
       NpyFile("<f8", false, "(2, 3)", Raw(std::vector<double>{1, 2, 3, 4, std::nan(""), 6})),
       "row 2, column 2 is NaN"},
      {"a.npy",
       NpyFile("<f4", true, "(2, 1)",
               Raw(std::vector<float>{1, std::numeric_limits<float>::infinity()})),
       "row 2, column 1 is infinite"},
      {"a.npy",
       NpyFile("<f8", false, "(1, 1)", Raw(std::vector<double>{1e300})),
       "too large for the element type",
       {.type = Type::kFloat32}},
  });
}

TEST(Malformed, MatrixMarket) {
  const std::string head = "%%MatrixMarket matrix coordinate real general\n";
  ExpectAll({
      {"a.mtx", "1 2 3\n", ":1: is not a MatrixMarket file"},
      {"a.mtx", "%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 1\n",
       ":1: values of kind 'complex'"},
      {"a.mtx", "%%MatrixMarket matrix coordinate real hermitian\n1 1 1\n1 1 1\n",
       ":1: symmetry 'hermitian'"},
      {"a.mtx", head, "the size line is missing"},
      {"a.mtx", head + "2 2\n1 1 1\n", ":2: the size line is not valid"},
      {"a.mtx", head + "0 2 0\n", ":2: rows and columns must lie"},
      {"a.mtx", head + "2 2 2\n1 1 1\n", ":4: the file ends after 1 of 2 entries"},
      {"a.mtx", head + "2 2 99999\n1 1 1\n", ":2: the file is too short"},
      {"a.mtx", head + "2 2 1\n1 1 1\n2 2 2\n", ":4: there are more than the 1 entries"},
      {"a.mtx", head + "2 2 1\n3 1 1\n", ":3: entry (3, 1) lies outside the 2 x 2 matrix"},
      {"a.mtx", head + "2 2 1\n1 0 1\n", ":3: entry (1, 0) lies outside"},
      {"a.mtx", head + "2 2 1\n1 -1 1\n", ":3: '1 -1 1' is not an entry"},
      {"a.mtx", head + "2 2 1\n1 1\n", ":3: value is missing"},
      {"a.mtx", head + "2 2 1\n1 1 nan\n", ":3: value is nan"},
      {"a.mtx", head + "2 2 1\n1 1 x\n", ":3: value 'x' is not a number"},
      {"a.mtx", head + "2 2 1\n1 1 1 1\n", ":3: '1' follows the value"},
      {"a.mtx", head + "2 2 3\n1 1 1\n\n2 1 1\n1 1 2\n", ":6: entry (1, 1) appears twice"},
      {"a.mtx", "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 2 1\n2 1 1\n",
       ":4: entry (2, 1) appears twice, here or mirrored"},
      {"a.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n",
       "the file ends after 3 of 4 entries"},
  });
}

TEST(Malformed, Idx) {
  ExpectAll({
      {"a.idx", "text", "is not an IDX file"},
      {"a.idx", std::string("\0\0\x08", 3), "the header is cut short"},
      {"a.idx", std::string("\0\0\x08\0\x01", 5), "holds a single value"},
      {"a.idx", std::string("\0\0\x08\x03\0\0", 6), "the header is cut short"},
      {"a.idx", IdxFile(0x42, {1}, "a"), "cell type 66 is unknown"},
      {"a.idx", IdxFile(8, {2, 2, 2}, "1234567"),
       "is cut short: 23 bytes where its header needs 24"},
      {"a.idx", IdxFile(8, {0, 2}, ""), "holds no values"},
  });
}

struct BadKeys {
  std::string content;
  std::string message;  // part of the line
};

void ExpectAllKeyed(const KeyedOptions& options, const std::vector<BadKeys>& cases) {
  for (const BadKeys& bad : cases) {
    const std::string path = WriteFile("a", bad.content);
    const auto data = ReadKeyed(path, options);
    ASSERT_FALSE(data.ok()) << bad.content << " wanted " << bad.message;
    const std::string message(data.status().message());
    EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(message, ::testing::StartsWith(path + ":"));
    EXPECT_THAT(message, HasSubstr(bad.message)) << bad.content;
    EXPECT_THAT(message, HasSubstr("; ")) << "says how to fix it";
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST(Malformed, Docword) {
  const std::string ok = "2\n3\n2\n1 1 1\n";
  const std::vector<BadKeys> cases = {
      {"", "is empty"},
      {"2\n", ":2: '' is not the number of words; begin with documents, words and entries"},
      {"2 3 2\n1 1 1\n", ":1: '2 3 2' is not the number of documents"},
      {"2\n-3\n2\n", ":2: '-3' is not the number of words"},
      {"2\n3\nmany\n", ":3: 'many' is not the number of entries"},
      {"2\n3.5\n2\n", ":2: '3.5' is not the number of words"},
      {"2\n3000000000\n2\n", ":2: there are more than 2147483647 words"},
      {"0\n0\n0\n", ":3: the corpus has no words"},
      {"2\n3\n0\n", ":3: the corpus has no words"},
      {"2\n3\n0", ":3: the corpus has no words"},
      {ok, ":5: the file ends after 1 of 2 entries; it is cut short"},
      {ok + "2 1 1\n2 2 1\n", ":6: there are more than the 2 entries announced"},
      {ok + "0 1 1\n", ":5: document 0 lies outside 1 to 2"},
      {ok + "3 1 1\n", ":5: document 3 lies outside 1 to 2, which the header says"},
      {ok + "2 0 1\n", ":5: word 0 lies outside 1 to 3"},
      {ok + "2 4 1\n", ":5: word 4 lies outside 1 to 3"},
      {ok + "2 1 0\n", ":5: the count is 0; leave the entry out"},
      {ok + "2 1 -1\n", ":5: '2 1 -1' is not an entry; write document word count"},
      {ok + "2 1 1.5\n", ":5: '2 1 1.5' is not an entry"},
      {ok + "2 one 1\n", ":5: '2 one 1' is not an entry"},
      {ok + "2 1 1 1\n", ":5: '2 1 1 1' is not an entry"},
      {ok + "2 1", ":5: '2 1' is not an entry"},
      {ok + "2 1 99999999999999999999\n", ":5: '2 1 999"},
      {ok + std::string("2 1\0 1\n", 7), ":5: '2 1' is not an entry"},
      {ok + "1 1 4\n", ":5: word 1 of document 1 appears twice; add the counts up"},
      {"2\n3\n2\n2 1 1\n1 1 1\n", ":5: document 1 comes after 2; sort"},
  };
  ExpectAllKeyed({}, cases);
  ExpectAllKeyed({.values = KeyedValues::kRequired}, cases);
  ExpectAllKeyed({}, {{"1\n2\n2\n1 1 2147483647\n1 2 1\n",
                       ":5: here the corpus exceeds 2147483647 tokens"}});
  const KnownNames vocabulary{{"a", "b"}, "vocab.txt", true};
  ExpectAllKeyed({.known = {std::nullopt, vocabulary}},
                 {{ok, ":2: says that there are 3 words, where vocab.txt names 2; give"}});
  const KnownNames trained{{"a", "b"}, "the training data", false};
  ExpectAllKeyed({.known = {std::nullopt, trained}},
                 {{ok, ":2: says that there are 3 words, where the training data names 2"}});
}

TEST(Malformed, Ldac) {
  const KeyedOptions options{.format = FileFormat::kLdac};
  ExpectAllKeyed(options, {
                              {"0\n0\n", ":1: the corpus has no words"},
                              {"1 0:1\n2 0:1\n", ":2: the line announces 2 words and has 1"},
                              {"1 0:1\n1 0:1 2:1\n", ":2: the line has more than the 1 words"},
                              {"1 0:1\n0 0:1\n", ":2: the line has more than the 0 words"},
                              {"1 0:1\n-1 0:1\n", ":2: the line begins with '-1' where"},
                              {"1 0:1\n\n1 0:1\n", ":2: the line begins with '' where"},
                              {"1 0:1\nx 0:1\n", ":2: the line begins with 'x' where"},
                              {"1 0:1\n1 0\n", ":2: '0' is not an entry; write word:count"},
                              {"1 0:1\n1 0:\n", ":2: '0:' is not an entry"},
                              {"1 0:1\n1 -2:1\n", ":2: '-2:1' is not an entry"},
                              {"1 0:1\n1 2:-1\n", ":2: '2:-1' is not an entry"},
                              {"1 0:1\n1 2:1.5\n", ":2: '2:1.5' is not an entry"},
                              {"1 0:1\n1 2:0\n", ":2: the count of word 2 is 0"},
                              {"1 0:1\n2 2:1 2:3\n", ":2: word 2 appears twice"},
                              {"1 0:1\n1 2147483647:1\n", ":2: word 2147483647 is beyond"},
                              {"1 0:2147483647\n1 0:1\n", ":2: here the corpus exceeds"},
                          });
  const KnownNames names{{"a", "b"}, "names.txt", true};
  ExpectAllKeyed({.format = FileFormat::kLdac, .known = {std::nullopt, names}},
                 {{"1 0:1\n1 2:1\n", ":2: word 2 is beyond the 2 words of names.txt"}});
  ExpectAllKeyed({.format = FileFormat::kLdac, .known = {names, std::nullopt}},
                 {{"1 0:1\n", ": has 1 documents, where names.txt names 2"},
                  {"0\n1 0:1\n0\n", ":3: there are more than the 2 documents of names.txt"}});
}

TEST(Malformed, Text) {
  const KeyedOptions options{.format = FileFormat::kText};
  ExpectAllKeyed(options, {{"few words here\n", ":1: no word is left: each is short, a stop word"},
                           {"fine\nn\xe4her\n", ":2: the text is not UTF-8; convert"},
                           {"\xe4\tfine\n", ":1: the text is not UTF-8"}});
  const KnownNames words{{"a", "b"}, "the training data", false};
  ExpectAllKeyed({.format = FileFormat::kText, .known = {std::nullopt, words}},
                 {{"nothing\n", ":1: no word is among those of the training data"}});
  ExpectAllKeyed({.format = FileFormat::kText, .known = {words, std::nullopt}, .min_count = 1},
                 {{"a\tfig\nplum\n", ":2: document '2' is not among a, b; use documents"}});
}

TEST(Malformed, Ratings) {
  ExpectAllKeyed({.format = FileFormat::kRatings, .values = KeyedValues::kRequired},
                 {{"# nothing\n", ":1: there is no rating in the file"},
                  {"1 2 3\n1 2\n", ":2: '1 2' has too few fields; write user item rating"},
                  {"1 2 3\n1\n", ":2: '1' has too few fields"},
                  {"1::2::3\n1::2\n", ":2: '1::2' has too few fields"},
                  {"1 2 3\n1 2 x\n", ":2: the rating 'x' is not a number"},
                  {"1,2,3\n1,2,4 x\n", ":2: the rating '4 x' is not a number"},
                  {"1 2 3\n1 2 4x\n", ":2: the rating '4x' is not a number"},
                  {"1::2::3\n1::2::nan\n", ":2: the rating is nan; "},
                  {"1,2,3\n1,2,-inf\n", ":2: the rating is -inf; "},
                  {"1,2,3\n1,2,\n", ":2: the rating is missing"},
                  {"1,2,3\n,2,3\n", ":2: the user is missing"},
                  {"1,2,3\n1,,3\n", ":2: the item is missing"},
                  {"1,2,3\n1,2,1e400\n", "is too large"},
                  {"1,\xe4,3\n", ":1: the item is not UTF-8"}});
  const KnownNames users{{"3", "5"}, "the training data", false};
  ExpectAllKeyed(
      {.format = FileFormat::kRatings, .known = {users, std::nullopt}},
      {{"5::1::2\n4::1::2\n",
        ":2: user 4 is not among 3, 5; use data with the users of the training data"},
       {"5\t1\t2\nbob\t1\t2\n", ":2: user bob is not among 3, 5"}});
}

TEST(Malformed, Compressed) {
  std::string text;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, "1 1:", i * 7919 % 10007, "\n");
  const std::string gz = Gzip(text), xz = Xz(text);
  std::string bent_gz = gz, bent_xz = xz;
  bent_gz[gz.size() / 2] = static_cast<char>(bent_gz[gz.size() / 2] ^ 0x5a);
  bent_xz[xz.size() / 2] = static_cast<char>(bent_xz[xz.size() / 2] ^ 0x5a);
  ExpectAll({
      {"a.svm.gz", gz.substr(0, gz.size() - 3), "the gzip stream ends early"},
      {"a.svm.gz", gz.substr(0, gz.size() / 2), "the gzip stream ends early"},
      {"a.svm.gz", gz.substr(0, 5), "the gzip stream ends early"},
      {"a.svm.gz", bent_gz, "the gzip stream"},
      {"a.svm.gz", gz + "garbage", "the gzip stream"},
      {"a.svm.gz", text, "is not a gzip file"},
      {"a.svm.xz", xz.substr(0, xz.size() - 3), "the xz stream ends early"},
      {"a.svm.xz", xz.substr(0, xz.size() / 2), "the xz stream ends early"},
      {"a.svm.xz", bent_xz, "the xz stream"},
      {"a.svm.xz", text, "is not a xz file"},
      {"a.svm.gz", Gzip(""), "is empty"},
      {"a.svm.gz", Gzip("1 1:1\n1 1:x\n"), ".gz:2: value of feature 1 'x' is not a number"},
      {"a.npy.gz", Gzip(NpyFile("<f8", false, "(2, 3)", "short")), "is cut short"},
      {"a.idx.xz", Xz(IdxFile(8, {9}, "short")), "is cut short"},
  });
}

TEST(Malformed, Files) {
  ExpectAll({{"a.svm", "", "is empty; give a file with at least one row"},
             {"a.parquet", "1 1:1\n", "cannot tell the format from the name"},

             {"a.svm", "1 1:1\n", "float32 or float64", {.type = Type::kInt32}}});
  const std::string path = WriteFile("a.svm", "1 1:1\n");
  EXPECT_THAT(std::string(ReadFile(path, {.shard = 3, .shards = 2}).status().message()),
              HasSubstr("shard 3 of 2 does not exist; "));
  const auto missing = ReadFile(path + ".none.svm");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.status().message(),
            absl::StrCat(path, ".none.svm: no such file; check the path"));
  const auto folder = ReadFile(::testing::TempDir());
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("is a directory; name a file in it"));
}

}  // namespace
}  // namespace gyre
