// Files of keyed rows bound to the maps of a program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "runtime/data/bind.h"
#include "runtime/data/testing.h"

namespace gyre {
namespace {

using ::testing::ElementsAre;
using testing::Gzip;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::WriteFile;
using Column = std::vector<double>;

Want Map(const std::string& name, const std::string& to) {
  return {.name = name, .kind = WantKind::kMap, .axes = {"Token"}, .to = to};
}
const Want kDoc = Map("doc", "Doc"), kWord = Map("word", "Word");
const Want kCount{.name = "count", .axes = {"Token"}};
const Want kWeight{.name = "weight", .axes = {"Token"}, .ones = true};

const BindOptions kOptions{.data_axes = {"Token"}};

constexpr char kDocword[] = "3\n4\n3\n1 2 2\n1 4 1\n3 2 1\n";

BoundData Bind(const std::vector<Want>& wants, const std::vector<DataInput>& inputs,
               const BindOptions& options = kOptions) {
  auto bound = BindFiles(wants, inputs, options);
  EXPECT_TRUE(bound.ok()) << bound.status();
  if (bound.ok()) return *std::move(bound);
  BoundData none;
  none.tensor.resize(wants.size());
  return none;
}

std::string Error(const std::vector<Want>& wants, const std::vector<DataInput>& inputs,
                  const BindOptions& options = kOptions) {
  const auto bound = BindFiles(wants, inputs, options);
  EXPECT_FALSE(bound.ok());
  const std::string message(bound.status().message());
  EXPECT_THAT(message, HasSubstr("; "));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("\n")));
  return message;
}

Column Values(const BoundTensor& tensor) {
  Column out;
  EXPECT_TRUE(tensor.bound);
  if (tensor.data.block.rows == 0) return out;
  EXPECT_EQ(tensor.info.rows, tensor.data.block.rows);
  EXPECT_EQ(tensor.info.nnz, tensor.data.block.rows);
  EXPECT_EQ(tensor.info.cols, 1);
  for (const auto& row : testing::Cells(tensor.data.block)) out.push_back(row.at(0));
  return out;
}

// A file beside `path`.
std::string Beside(const std::string& path, const std::string& name, const std::string& content) {
  const std::string beside = path.substr(0, path.rfind('/') + 1) + name;
  std::ofstream(beside, std::ios::binary) << content;
  return beside;
}

TEST(BindKeyed, TokensOfADocwordFile) {
  for (const std::string& path :
       {WriteFile("docword.x.txt", kDocword), WriteFile("x.docword.gz", Gzip(kDocword))}) {
    // Words first: the names say which is which.
    const BoundData bound = Bind({kWord, kDoc, kWeight}, {{"", path}});
    EXPECT_EQ(Values(bound.tensor[0]), (Column{1, 1, 3, 1}));
    EXPECT_EQ(Values(bound.tensor[1]), (Column{0, 0, 0, 2}));
    EXPECT_EQ(Values(bound.tensor[2]), (Column{1, 1, 1, 1}));
    EXPECT_EQ(bound.tensor[0].data.block.type, Type::kInt32);
    EXPECT_EQ(bound.tensor[0].path, path);
    EXPECT_EQ(bound.extents.at("Token"), 4);
    EXPECT_EQ(bound.extents.at("Doc"), 3);
    EXPECT_EQ(bound.extents.at("Word"), 4);
    EXPECT_EQ(bound.first_row.at("Token"), 0);
    EXPECT_TRUE(bound.complete);
    EXPECT_THAT(bound.tensor[0].labels, IsEmpty());
    EXPECT_THAT(bound.notes, IsEmpty());
  }
}

TEST(BindKeyed, CountsWhereTheProgramHasThem) {
  BindOptions options = kOptions;
  options.type = Type::kFloat32;
  const BoundData bound =
      Bind({kWeight, kDoc, kWord, kCount}, {{"", WriteFile("x.docword", kDocword)}}, options);
  EXPECT_EQ(Values(bound.tensor[0]), (Column{1, 1, 1}));
  EXPECT_EQ(Values(bound.tensor[1]), (Column{0, 0, 2}));
  EXPECT_EQ(Values(bound.tensor[2]), (Column{1, 3, 1}));
  EXPECT_EQ(Values(bound.tensor[3]), (Column{2, 1, 1}));
  EXPECT_EQ(bound.tensor[3].data.block.type, Type::kFloat32);
}

TEST(BindKeyed, WhichMapTakesWhichKey) {
  const std::string path = WriteFile("x.docword", kDocword);
  const Want a = Map("a", "A"), b = Map("b", "B");
  const auto extents = [&](const std::vector<Want>& wants, const std::string& columns) {
    BindOptions options = kOptions;
    options.columns = columns;
    const BoundData bound = Bind(wants, {{"", path}}, options);
    return std::make_pair(bound.extents.at(wants[0].to), bound.extents.at(wants[1].to));
  };
  using Pair = std::pair<int64_t, int64_t>;  // documents are 3, words 4
  EXPECT_EQ(extents({a, b}, ""), (Pair{3, 4}));
  EXPECT_EQ(extents({a, b}, "a=2,b=1"), (Pair{4, 3}));
  EXPECT_EQ(extents({a, b}, "a=2"), (Pair{4, 3}));
  EXPECT_EQ(extents({Map("term", "A"), b}, ""), (Pair{4, 3}));
  EXPECT_EQ(extents({a, Map("document", "B")}, ""), (Pair{4, 3}));
  EXPECT_EQ(extents({kWord, kDoc}, "word=1"), (Pair{3, 4}));

  BindOptions options = kOptions;
  options.columns = "weight=3";
  EXPECT_EQ(Values(Bind({kDoc, kWord, kWeight}, {{"", path}}, options).tensor[2]),
            (Column{2, 1, 1}));
  for (const auto& [columns, message] : std::vector<std::pair<std::string, std::string>>{
           {"doc=4", "has no such column for doc; in --columns maps take 1 (document) or 2 (word)"},
           {"doc=3", "has no such column for doc"},
           {"doc=id", "has no such column for doc"},
           {"count=1", "has no such column for count"},
           {"doc=1,word=1", "--columns gives the document twice"}}) {
    options.columns = columns;
    EXPECT_THAT(Error({kDoc, kWord, kCount}, {{"", path}}, options), HasSubstr(message));
  }
}

TEST(BindKeyed, ProgramsWithoutTwoMaps) {
  const std::string path = WriteFile("x.docword", kDocword);
  EXPECT_THAT(Error({kDoc, kCount}, {{"", path}}),
              HasSubstr("x.docword: holds a document and a word a row, where the program has not "
                        "two maps over one axis left (its data is doc, count)"));
  EXPECT_THAT(Error({kDoc, kWord}, {{"", path}, {"", path}}), HasSubstr("two maps over one axis"));
  EXPECT_THAT(Error({kDoc, kWord}, {{"word", path}}), HasSubstr("give it without a name"));
  EXPECT_EQ(Error({kDoc, kWord, Map("topic", "Topic")}, {{"", path}}),
            "no data for topic; give it as --data=topic=FILE");
}

TEST(BindKeyed, TheVocabularyBesideIsFound) {
  const std::string path = WriteFile("docword.x.txt", kDocword);
  const std::string vocabulary = Beside(path, "vocab.x.txt", "ant\nbee\r\ncat\ndog\n");
  const BoundData bound = Bind({kDoc, kWord}, {{"", path}});
  EXPECT_THAT(bound.tensor[1].labels, ElementsAre("ant", "bee", "cat", "dog"));
  EXPECT_THAT(bound.tensor[0].labels, IsEmpty());
  EXPECT_THAT(bound.notes, ElementsAre(path + ": words are named by " + vocabulary));
  Beside(path, "vocab.x.txt", "ant\nbee\n");
  EXPECT_THAT(
      Error({kDoc, kWord}, {{"", path}}),
      HasSubstr(path + ":2: says that there are 4 words, where " + vocabulary + " names 2; "));
  // Named otherwise, what is beside does not matter.
  BindOptions options = kOptions;
  options.names = {{"word", Beside(path, "words", "a\nb\nc\nd\n")},
                   {"doc", Beside(path, "titles", "One\nTwo\nThe third\n")}};
  const BoundData named = Bind({kDoc, kWord}, {{"", path}}, options);
  EXPECT_THAT(named.tensor[0].labels, ElementsAre("One", "Two", "The third"));
  EXPECT_THAT(named.tensor[1].labels, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(named.notes, IsEmpty());
  options.names["doc"] = options.names["word"];
  EXPECT_THAT(Error({kDoc, kWord}, {{"", path}}, options),
              HasSubstr(":1: says that there are 3 documents, where " + options.names["word"] +
                        " names 4; "));
}

TEST(BindKeyed, NamesAreForPositionsThatFilesDoNotName) {
  const std::string path = WriteFile("a.ratings", "1 2 3\n");
  BindOptions options = kOptions;
  options.names = {{"item", Beside(path, "titles", "Alien\n")}};
  const std::vector<Want> wants = {Map("user", "User"), Map("item", "Item")};
  EXPECT_THAT(Error(wants, {{"", path}}, options), HasSubstr("--names=item="));
  EXPECT_THAT(Error(wants, {{"", WriteFile("a.csv", "1,2\n")}}, options),
              HasSubstr("the values of item have the names that their file gives them"));
}

TEST(BindKeyed, Ldac) {
  const std::string path = WriteFile("a.lda-c", "2 3:1 0:2\n0\n");
  const BoundData bound = Bind({kDoc, kWord}, {{"", path}});
  EXPECT_EQ(Values(bound.tensor[1]), (Column{3, 0, 0}));
  EXPECT_EQ(bound.extents.at("Doc"), 2);
  EXPECT_EQ(bound.extents.at("Word"), 4);
  BindOptions options = kOptions;
  options.names = {{"word", Beside(path, "words", "a\nb\nc\nd\ne\n")}};
  EXPECT_EQ(Bind({kDoc, kWord}, {{"", path}}, options).extents.at("Word"), 5);
}

TEST(BindKeyed, TextAndItsFlags) {
  const std::string path = WriteFile("a.txt", "Apple pie\napple tree\nplum pie\nfig\n");
  BindOptions options = kOptions;
  options.min_count = 2;
  const BoundData bound = Bind({kDoc, kWord}, {{"", path}}, options);
  EXPECT_EQ(Values(bound.tensor[0]), (Column{0, 0, 1, 2}));
  EXPECT_EQ(Values(bound.tensor[1]), (Column{0, 1, 0, 1}));
  EXPECT_THAT(bound.tensor[0].labels, ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(bound.tensor[1].labels, ElementsAre("apple", "pie"));
  options.stop_words = Beside(path, "stop", "pie\n");
  EXPECT_THAT(Bind({kDoc, kWord}, {{"", path}}, options).tensor[1].labels, ElementsAre("apple"));

  const std::string common = WriteFile("a.txt", "the fig\nthe plum\nfig\nplum\n");
  options.stop_words = "none";
  EXPECT_THAT(Bind({kDoc, kWord}, {{"", common}}, options).tensor[1].labels,
              ElementsAre("fig", "plum", "the"));
  options.stop_words = "";
  EXPECT_THAT(Bind({kDoc, kWord}, {{"", common}}, options).tensor[1].labels,
              ElementsAre("fig", "plum"));
  const std::string docword = WriteFile("x.docword", kDocword);
  EXPECT_THAT(Error({kDoc, kWord}, {{"", docword}}, options),
              HasSubstr("--min_count is about raw text, and no data is; "));
  options = kOptions;
  options.stop_words = "none";
  EXPECT_THAT(Error({kDoc, kWord}, {{"", docword}}, options), HasSubstr("--stop_words is about"));
  EXPECT_THAT(Error({kDoc, kWord}, {{"", path}}), HasSubstr("a.txt:1: no word is left"));
}

TEST(BindKeyed, TestDataFollowsTheTrainingData) {
  BindOptions options = kOptions;
  options.extents = {{"Doc", 3}, {"Word", 5}};
  options.labels = {{"word", {"apple", "fig", "pie", "plum", "tea"}}};
  const BoundData text =
      Bind({kDoc, kWord}, {{"", WriteFile("a.txt", "Apple cake\npie and plum, apple\n")}}, options);
  EXPECT_EQ(Values(text.tensor[0]), (Column{0, 1, 1, 1}));
  EXPECT_EQ(Values(text.tensor[1]), (Column{0, 2, 3, 0}));
  EXPECT_EQ(text.extents.at("Doc"), 3);
  EXPECT_EQ(text.extents.at("Word"), 5);

  const std::string path = WriteFile("docword.x.txt", kDocword);
  const BoundData bag = Bind({kDoc, kWord}, {{"", path}}, options);
  EXPECT_EQ(bag.extents.at("Word"), 5);
  EXPECT_EQ(bag.tensor[1].labels.size(), 5u);
  const std::string other = WriteFile("docword.y.txt", kDocword);
  const std::string named = Beside(other, "vocab.y.txt", "fig\npie\nplum\ntea\n");
  EXPECT_THAT(Error({kDoc, kWord}, {{"", other}}, options),
              HasSubstr("its words are named by " + named + ", not as in the training data; "));
  // What was said of training data in another format.
  options.min_count = 2;
  options.names = {{"word", named}};
  options.labels = {{"word", {"0", "1", "7"}}};
  options.extents = {{"Word", 3}};
  EXPECT_EQ(
      Values(Bind({kDoc, kWord}, {{"", WriteFile("a.csv", "4,7\n5,1\n")}}, options).tensor[1]),
      (Column{2, 1}));
  options = kOptions;
  options.labels = {{"word", {"apple", "fig", "pie", "plum", "tea"}}};
  options.extents["Doc"] = 2;
  EXPECT_THAT(Error({kDoc, kWord}, {{"", WriteFile("x.docword", kDocword)}}, options),
              HasSubstr("has 3 of axis Doc where what was given or trained on has 2"));
}

const std::vector<Want> kRatings = {
    Map("user", "User"), Map("item", "Item"), {.name = "rating", .axes = {"Token"}}};

TEST(BindKeyed, Ratings) {
  const std::string path = WriteFile("a.ratings", "30::alien::4.5::99\n4::jaws::1::99\n");
  const BoundData bound = Bind(kRatings, {{"", path}});
  EXPECT_EQ(Values(bound.tensor[0]), (Column{1, 0}));
  EXPECT_EQ(Values(bound.tensor[1]), (Column{0, 1}));
  EXPECT_EQ(Values(bound.tensor[2]), (Column{4.5, 1}));
  EXPECT_THAT(bound.tensor[0].labels, ElementsAre("4", "30"));
  EXPECT_THAT(bound.tensor[1].labels, ElementsAre("alien", "jaws"));
  EXPECT_EQ(bound.extents.at("Item"), 2);
  BindOptions options = kOptions;
  options.format = FileFormat::kRatings;
  options.columns = "item=1,user=2";
  EXPECT_THAT(Bind(kRatings, {{"", path}}, options).tensor[0].labels, ElementsAre("alien", "jaws"));
}

// As of CSV: a value that the training data has not is an error.
TEST(BindKeyed, RatingsToPredict) {
  BindOptions options = kOptions;
  options.extents = {{"User", 3}, {"Item", 2}};
  options.labels = {{"user", {"4", "30", "31"}}, {"item", {"alien", "jaws"}}};
  std::vector<Want> wants = kRatings;
  wants[2].needed = false;
  const BoundData bare = Bind(wants, {{"", WriteFile("p.ratings", "31 jaws\n")}}, options);
  EXPECT_EQ(Values(bare.tensor[0]), (Column{2}));
  EXPECT_EQ(Values(bare.tensor[1]), (Column{1}));
  EXPECT_FALSE(bare.tensor[2].bound);
  EXPECT_FALSE(bare.complete);
  EXPECT_EQ(bare.extents.at("User"), 3);
  EXPECT_TRUE(Bind(wants, {{"", WriteFile("p.ratings", "31 jaws 2\n")}}, options).complete);
  EXPECT_THAT(Error(wants, {{"", WriteFile("p.ratings", "4 jaws\n5 jaws\n")}}, options),
              HasSubstr("p.ratings:2: user 5 is not among 4, 30, 31; "));
}

TEST(BindKeyed, AreNotCutIntoShards) {
  const std::string path = WriteFile("x.docword", kDocword);
  BindOptions options = kOptions;
  options.describe = true;
  EXPECT_THAT(Error({kDoc, kWord}, {{"", path}}, options),
              HasSubstr("are not cut into shards yet"));
  options = kOptions;
  options.shards = 2;
  EXPECT_EQ(BindFiles({kDoc, kWord}, {{"", path}}, options).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace gyre
