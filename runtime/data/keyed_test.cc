// What the readers of keyed rows make of small files, against what the files say.
#include "runtime/data/keyed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/data/names.h"
#include "runtime/data/testing.h"

namespace gyre {
namespace {

using testing::Cells;
using ::testing::ElementsAre;
using testing::Gzip;
using ::testing::IsEmpty;
using testing::WriteFile;
using testing::Xz;
using Ints = std::vector<int32_t>;

KeyedRows Read(const std::string& content, const KeyedOptions& options,
               const std::string& name = "data") {
  auto rows = ReadKeyed(WriteFile(name, content), options);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *std::move(rows) : KeyedRows{};
}

Ints At(const KeyedRows& rows, size_t k) {
  const Block& block = rows.key[k].at.block;
  EXPECT_EQ(block.type, Type::kInt32);
  EXPECT_EQ(block.rows, rows.rows);
  EXPECT_EQ(block.cols, 1);
  EXPECT_EQ(block.stride, 1);
  return {block.data<int32_t>(), block.data<int32_t>() + block.rows};
}

std::vector<double> Values(const KeyedRows& rows) {
  std::vector<double> out;
  if (!rows.has_value) return out;
  for (const auto& row : Cells(rows.value.block)) out.push_back(row[0]);
  return out;
}

std::optional<KnownNames> Known(std::vector<std::string> names, bool exact = false) {
  return KnownNames{std::move(names), "somewhere", exact};
}

constexpr char kDocword[] = "4\n5\n4\n1 2 2\n1 5 1\n3 1 1\n3 2 3\n";

TEST(Docword, EntriesAreTokensOrCounts) {
  const KeyedRows tokens = Read(kDocword, {});
  EXPECT_EQ(At(tokens, 0), (Ints{0, 0, 0, 2, 2, 2, 2}));
  EXPECT_EQ(At(tokens, 1), (Ints{1, 1, 4, 0, 1, 1, 1}));
  EXPECT_FALSE(tokens.has_value);
  for (const Type type : {Type::kFloat32, Type::kFloat64}) {
    const KeyedRows counts = Read(kDocword, {.type = type, .values = KeyedValues::kRequired});
    EXPECT_EQ(At(counts, 0), (Ints{0, 0, 2, 2}));
    EXPECT_EQ(At(counts, 1), (Ints{1, 4, 0, 1}));
    EXPECT_EQ(counts.value.block.type, type);
    EXPECT_THAT(Values(counts), ElementsAre(2, 1, 1, 3));
  }
}

TEST(Docword, ExtentsAreThoseOfTheHeader) {
  const KeyedRows rows = Read(kDocword, {});
  EXPECT_EQ(rows.key[0].extent, 4);
  EXPECT_EQ(rows.key[1].extent, 5);
  EXPECT_THAT(rows.key[0].names, IsEmpty());
  const KeyedRows known =
      Read(kDocword, {.known = {std::nullopt, Known({"a", "b", "c", "d", "e", "f"})}});
  EXPECT_EQ(known.key[1].extent, 6);
  EXPECT_EQ(known.key[1].names.size(), 6u);
}

TEST(Docword, LineEndsBlanksAndCompression) {
  const std::string dos = "4 \r\n5\r\n4\r\n1 2 2\r\n\r\n1\t5 1 \r\n3 1 1\r\n3 2 3";
  EXPECT_EQ(At(Read(dos, {}), 1), (Ints{1, 1, 4, 0, 1, 1, 1}));
  EXPECT_EQ(At(Read(Gzip(kDocword), {}, "a.gz"), 1), (Ints{1, 1, 4, 0, 1, 1, 1}));
  EXPECT_EQ(At(Read(Xz(kDocword), {}, "a.xz"), 1), (Ints{1, 1, 4, 0, 1, 1, 1}));
}

TEST(Ldac, ALineIsADocument) {
  const KeyedOptions options{.format = FileFormat::kLdac};
  const KeyedRows rows = Read("2 3:2 0:1\n0\n1 4:1\n0\n", options);
  EXPECT_EQ(At(rows, 0), (Ints{0, 0, 0, 2}));
  EXPECT_EQ(At(rows, 1), (Ints{3, 3, 0, 4}));
  EXPECT_EQ(rows.key[0].extent, 4);
  EXPECT_EQ(rows.key[1].extent, 5);
  const KeyedRows counts = Read("2  3:2\t0:1 \r\n1 4:1",
                                {.format = FileFormat::kLdac,
                                 .values = KeyedValues::kRequired,
                                 .known = {std::nullopt, Known({"a", "b", "c", "d", "e", "f"})}});
  EXPECT_EQ(At(counts, 1), (Ints{3, 0, 4}));
  EXPECT_THAT(Values(counts), ElementsAre(2, 1, 1));
  EXPECT_EQ(counts.key[1].extent, 6);
}

// The same corpus in both formats, of random counts.
TEST(Ldac, AgreesWithDocword) {
  std::mt19937 draws(7);
  std::string entries, ldac;
  int documents = 60, total = 0;
  for (int d = 0; d < documents; ++d) {
    std::vector<std::string> line;
    for (int w = 0; w < 40; ++w) {
      if (draws() % 4 != 0 && w != 39) continue;
      const auto count = draws() % 3 + 1;
      absl::StrAppend(&entries, d + 1, " ", w + 1, " ", count, "\n");
      line.push_back(absl::StrCat(w, ":", count));
    }
    total += static_cast<int>(line.size());
    absl::StrAppend(&ldac, line.size(), " ", absl::StrJoin(line, " "), "\n");
  }
  for (const auto values : {KeyedValues::kNone, KeyedValues::kRequired}) {
    const KeyedRows a =
        Read(absl::StrCat(documents, "\n40\n", total, "\n", entries), {.values = values});
    const KeyedRows b = Read(ldac, {.format = FileFormat::kLdac, .values = values});
    EXPECT_GT(a.rows, total / 2);
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(At(a, k), At(b, k));
      EXPECT_EQ(a.key[k].extent, b.key[k].extent);
    }
    ASSERT_EQ(a.has_value, b.has_value);
    EXPECT_EQ(Values(a), Values(b));
  }
}

std::vector<std::string> Words(const KeyedRows& rows) {
  std::vector<std::string> out;
  for (const int32_t w : At(rows, 1)) out.push_back(rows.key[1].names[static_cast<size_t>(w)]);
  return out;
}

KeyedOptions Text(int64_t min_count) {
  return {.format = FileFormat::kText, .min_count = min_count};
}

TEST(Text, CutsIntoLowerCaseWords) {
  const KeyedRows rows = Read(
      "The Cat's h2o; ab 'tis-don't rock'n'roll\xc3\x9c\n"
      "n\xc3\xa4h \xc3\xa4\xc3\xb6 x\xc3\xa4\xc3\xb6 abc123def ZEBRA' ''\n"
      "\n\n",
      Text(1));
  EXPECT_THAT(Words(rows), ElementsAre("cat's", "tis", "rock'n'roll\xc3\x9c", "n\xc3\xa4h",
                                       "x\xc3\xa4\xc3\xb6", "abc", "def", "zebra"));
  EXPECT_EQ(At(rows, 0), (Ints{0, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(rows.key[0].extent, 4);
  EXPECT_THAT(rows.key[1].names, ::testing::BeginEndDistanceIs(8));
  EXPECT_TRUE(std::is_sorted(rows.key[1].names.begin(), rows.key[1].names.end()));
  EXPECT_THAT(rows.key[0].names, ElementsAre("1", "2", "3", "4"));
}

TEST(Text, DropsRareCommonAndStopWords) {
  const std::string text = "apple apple pear and\napple plum plum\nplum pear fig\nfig the\n";
  // Of four documents apple is in two, plum in two, pear in two, fig in two; and in one.
  EXPECT_THAT(Read(text, Text(2)).key[1].names, ElementsAre("apple", "fig", "pear", "plum"));
  EXPECT_THAT(Read(text, Text(3)).key[1].names, ElementsAre("apple", "plum"));
  EXPECT_THAT(Read(text + "apple\n", Text(3)).key[1].names, ElementsAre("plum"));  // 3 of 5
  const std::vector<std::string> stop = {"plum"};
  KeyedOptions options = Text(1);
  options.stop_words = &stop;
  EXPECT_THAT(Read(text, options).key[1].names, ElementsAre("and", "apple", "fig", "pear", "the"));
}

TEST(Text, CountsMergeAWordWithinItsDocument) {
  KeyedOptions options = Text(1);
  options.values = KeyedValues::kRequired;
  const KeyedRows rows = Read("pear apple pear pear\nfig\napple fig\nplum\n", options);
  EXPECT_EQ(At(rows, 0), (Ints{0, 0, 1, 2, 2, 3}));
  EXPECT_THAT(Values(rows), ::testing::BeginEndDistanceIs(6));
  double sum = 0;
  for (const double v : Values(rows)) sum += v;
  EXPECT_EQ(sum, 8);
  for (int64_t r = 0; r < rows.rows; ++r)
    EXPECT_EQ(Values(rows)[static_cast<size_t>(r)],
              Words(rows)[static_cast<size_t>(r)] == "pear" ? 3 : 1);
}

TEST(Text, LabelsNameDocuments) {
  const std::string text =
      "\xef\xbb\xbf"
      "first\tapple pear\nno label\tapple\nthird\tpear fig\nfig\n";
  EXPECT_THAT(Read(text, Text(1)).key[0].names, ElementsAre("first", "2", "third", "4"));
  // A label of several documents names none.
  EXPECT_THAT(Read("a\tfig\na\tplum\n", Text(1)).key[0].names, ElementsAre("1", "2"));
}

TEST(Text, KnownWordsAreTheVocabulary) {
  KeyedOptions options = Text(5);
  options.known = {Known({"one", "two", "2"}), Known({"pear", "the", "apple"})};
  const KeyedRows rows = Read("two\tThe apple FIG\npear pear\n", options);
  EXPECT_EQ(At(rows, 0), (Ints{1, 1, 2, 2}));
  EXPECT_EQ(At(rows, 1), (Ints{1, 2, 0, 0}));
  EXPECT_EQ(rows.key[0].extent, 3);
  EXPECT_THAT(rows.key[1].names, ElementsAre("pear", "the", "apple"));
}

TEST(Text, StopWordsAreSortedFunctionWords) {
  const auto& words = EnglishStopWords();
  EXPECT_GT(words.size(), 300u);
  EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
  EXPECT_EQ(std::adjacent_find(words.begin(), words.end()), words.end());
  for (const char* word : {"the", "and", "don't", "which"})
    EXPECT_TRUE(std::binary_search(words.begin(), words.end(), word)) << word;
  EXPECT_FALSE(std::binary_search(words.begin(), words.end(), "model"));
}

KeyedOptions Ratings() {
  return {.format = FileFormat::kRatings, .values = KeyedValues::kRequired};
}

TEST(Ratings, SeparatorsCommentsAndFieldsBeyond) {
  for (const std::string content :
       {"# user item rating\n30 7 4.5 881250949\n4 7 1\n\n% end\n30 100 -2e0",
        "30\t7\t4.5\t881250949\n4\t7\t1\r\n30\t100\t-2\n",
        "30::7::4.5::881250949\n4::7::1\n30::100::-2\n",
        "30,7,4.5,881250949\n4, 7, 1 ,x\n30 ,100,-2\n", "  30   7 4.5\n 4 7 1 \r\n30 100 -2\n"}) {
    const KeyedRows rows = Read(content, Ratings());
    EXPECT_EQ(At(rows, 0), (Ints{1, 0, 1})) << content;
    EXPECT_EQ(At(rows, 1), (Ints{0, 0, 1})) << content;
    EXPECT_THAT(Values(rows), ElementsAre(4.5, 1, -2)) << content;
    EXPECT_THAT(rows.key[0].names, ElementsAre("4", "30")) << content;
    EXPECT_THAT(rows.key[1].names, ElementsAre("7", "100")) << content;
    EXPECT_EQ(rows.key[0].extent, 2) << content;
  }
}

TEST(Ratings, IdsAreNumbersOrElseWords) {
  const KeyedRows words = Read("30,The Third Man,5\n4,Alien,3\nbob,Alien,2\n", Ratings());
  EXPECT_THAT(words.key[0].names, ElementsAre("30", "4", "bob"));
  EXPECT_EQ(At(words, 0), (Ints{0, 1, 2}));
  EXPECT_THAT(words.key[1].names, ElementsAre("Alien", "The Third Man"));
  const KeyedRows zeros = Read("007 1 1\n7 1 1\n", Ratings());
  EXPECT_THAT(zeros.key[0].names, ElementsAre("007", "7"));
}

TEST(Ratings, KnownNamesAndMissingValues) {
  KeyedOptions options{.format = FileFormat::kRatings,
                       .values = KeyedValues::kWhenThere,
                       .known = {Known({"4", "30", "31"}), std::nullopt}};
  const KeyedRows rows = Read("30 b\n4 a\n", options);
  EXPECT_FALSE(rows.has_value);
  EXPECT_EQ(At(rows, 0), (Ints{1, 0}));
  EXPECT_EQ(rows.key[0].extent, 3);
  EXPECT_EQ(At(rows, 1), (Ints{1, 0}));
  const KeyedRows rated = Read("30 b 2\n4 a 3\n", options);
  EXPECT_THAT(Values(rated), ElementsAre(2, 3));
}

TEST(Names, Utf8) {
  for (const char* good : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_TRUE(io::IsUtf8(good)) << good;
  for (const char* bad : {"\xe4", "\xc3", "\xc0\x80", "a\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                          "\xe2\x82", "\xe0\x80\x80", "\xf4\x90\x80\x80",
                          "\xc3"
                          "a"})
    EXPECT_FALSE(io::IsUtf8(bad)) << bad;
}

TEST(Names, TheVocabularyBesideADocwordFile) {
  const std::string path = WriteFile("docword.nips.txt.gz", "x");
  EXPECT_EQ(io::VocabularyBeside(WriteFile("docword.none.txt", "x")), "");
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  std::filesystem::remove(folder + "vocab.nips.txt");  // of a run before
  { std::ofstream(folder + "vocab.nips.txt.xz") << "x"; }
  EXPECT_EQ(io::VocabularyBeside(path), folder + "vocab.nips.txt.xz");
  { std::ofstream(folder + "vocab.nips.txt") << "x"; }
  EXPECT_EQ(io::VocabularyBeside(path), folder + "vocab.nips.txt");
  EXPECT_EQ(io::VocabularyBeside(folder + "nips.docword"), "");
}

}  // namespace
}  // namespace gyre
