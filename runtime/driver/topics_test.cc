#include "runtime/driver/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "runtime/data/memory.h"

namespace gyre::driver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kWord = 0, kTable = 2;  // symbols

// A map from rows to names, and a table of them by topics, of `kind`.
struct Topics {
  explicit Topics(ir::Kind kind) {
    ir::Graph& g = program.graph;
    g.axis.push({"Row"}), g.axis.push({"Word"}), g.axis.push({"Topic"});
    ir::Symbol word;
    word.name = "word", word.kind = ir::Kind::kMap, word.rank = 1, word.axis[0] = 0,
    word.target = 1;
    ir::Symbol z = word;
    z.name = "z", z.kind = ir::Kind::kLatent, z.target = 2;
    ir::Symbol table;
    table.name = "N", table.kind = kind, table.rank = 2, table.axis[0] = 1, table.axis[1] = 2;
    for (int16_t i = 0; i < 2; ++i) {
      ir::Node key;
      key.op = ir::Op::kKey, key.symbol = i;
      g.node.push(key);
      table.key[i] = i;
    }
    g.symbol.push(word), g.symbol.push(z), g.symbol.push(table);
    model.extent = {9, 3, 2};
    model.parameter = {{}, {}, {1, 0, 2, 0, 0, 6}};
    model.label[kWord] = {"apple", "bread", "cheese"};
  }
  std::string Text(const std::vector<Block>& data = {}) const {
    return TopicText(program, model, FindTopics(program, model, data));
  }
  Program program;
  Model model;
};

TEST(TopicText, LargestTopicsFirstAndTheirNames) {
  for (const ir::Kind kind : {ir::Kind::kCount, ir::Kind::kParam}) {
    EXPECT_EQ(Topics(kind).Text(),
              "\nTopic, its share of N, and Word with the most of it\n"
              "    1  66.7%  cheese\n"
              "    0  33.3%  bread, apple\n");
  }
}

TEST(TopicText, NothingToTell) {
  Topics negative(ir::Kind::kParam);
  negative.model.parameter[kTable][0] = -1;  // coefficients are no parts
  EXPECT_EQ(negative.Text(), "");
  Topics unnamed(ir::Kind::kCount);
  unnamed.model.label.clear();
  EXPECT_EQ(unnamed.Text(), "");
  Topics empty(ir::Kind::kCount);
  empty.model.parameter[kTable].assign(6, 0);
  EXPECT_EQ(empty.Text(), "");
}

TEST(FindTopics, TopWordsWhateverTheOrderOfTheAxes) {
  Topics topics(ir::Kind::kCount);
  topics.model.extent = {9, 12, 2};
  std::vector<double>& n = topics.model.parameter[kTable];
  n.assign(24, 0);
  for (size_t w = 0; w < 12; ++w) n[2 * w] = static_cast<double>((w * 5) % 12);
  std::vector<TopicTable> found = FindTopics(topics.program, topics.model);
  ASSERT_EQ(found.size(), 1u);
  // 5 w modulo 12 is its own inverse: the word with n of topic 0 is 5 n modulo 12.
  EXPECT_THAT(found[0].top[0], ElementsAre(7, 2, 9, 4, 11, 6, 1, 8, 3, 10));
  EXPECT_TRUE(found[0].top[1].empty());
  EXPECT_THAT(found[0].size, ElementsAre(66, 0));

  ir::Symbol& table = topics.program.graph.symbol[kTable];
  std::swap(table.axis[0], table.axis[1]), std::swap(table.key[0], table.key[1]);
  std::vector<double> turned(24, 0);
  for (size_t w = 0; w < 12; ++w) turned[w] = n[2 * w];
  n = turned;
  std::vector<TopicTable> again = FindTopics(topics.program, topics.model);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].top, found[0].top);
  EXPECT_EQ(again[0].size, found[0].size);
}

// The same with documents, named by a map before the words'.
struct Documents : Topics {
  explicit Documents(ir::Kind kind) : Topics(kind) {
    ir::Graph& g = program.graph;
    ir::Symbol doc = g.symbol[kWord], word = doc;
    doc.name = "doc", doc.target = static_cast<int16_t>(g.axis.push({"Doc"}));
    g.symbol[kWord] = doc;
    model.label[g.symbol.push(word)] = model.label[kWord];
    model.label.erase(kWord);
    g.node[0].symbol = 3;
    model.parameter.emplace_back();
    model.extent.push_back(4);
    // Documents: bread bread apple; bread; bread apple; cheese.
    memory = {MakeColumn(Type::kInt32, {0, 0, 0, 1, 2, 2, 3}),
              MakeColumn(Type::kInt32, {1, 1, 0, 1, 1, 0, 2})};
    data.resize(4);
    data[0] = memory[0].block, data[3] = memory[1].block;
  }
  std::vector<OwnedBlock> memory;
  std::vector<Block> data;
};

TEST(TopicText, CoherenceWhereRowsNameWordsInDocuments) {
  for (const ir::Kind kind : {ir::Kind::kCount, ir::Kind::kParam}) {
    Documents documents(kind);
    // Topic 0: bread, apple: log((2 + 1) / 3). Topic 1: cheese, then bread: log((0 + 1) / 1).
    documents.model.parameter[kTable] = {1, 0, 2, 3, 0, 6};
    EXPECT_EQ(documents.Text(documents.data),
              "\nTopic, its share of N, its coherence, and Word with the most of it\n"
              "    1  75.0%     0.0  cheese, bread\n"
              "    0  25.0%     0.0  bread, apple\n"
              "coherence  0  (mean over the topics of N; UMass of 10 words)\n");
    // Topic 1: bread, then cheese: log((0 + 1) / 3).
    documents.model.parameter[kTable] = {1, 0, 2, 3, 0, 2};
    const std::vector<TopicTable> tables =
        FindTopics(documents.program, documents.model, documents.data);
    ASSERT_EQ(tables.size(), 1u);
    EXPECT_NEAR(tables[0].coherence[0], 0, 1e-12);
    EXPECT_NEAR(tables[0].coherence[1], -std::log(3), 1e-12);
    EXPECT_NEAR(tables[0].mean_coherence, -std::log(3) / 2, 1e-12);
    // One word alone has none, and is no part of the mean.
    documents.model.parameter[kTable] = {1, 0, 2, 0, 0, 6};
    EXPECT_THAT(documents.Text(documents.data), HasSubstr("    1  66.7%       -  cheese\n"));
    EXPECT_THAT(documents.Text(), Not(HasSubstr("coherence"))) << "rows are elsewhere";
  }
}

TEST(TopicText, CoherenceOfWordsWithoutNames) {
  Documents documents(ir::Kind::kCount);
  documents.model.label.clear();
  EXPECT_EQ(documents.Text(documents.data),
            "coherence  0  (mean over the topics of N; UMass of 10 words)\n");
}

// Documents by topics are not asked which words they share.
TEST(TopicText, NoCoherenceOfDocuments) {
  Documents documents(ir::Kind::kCount);
  ir::Graph& g = documents.program.graph;
  g.node[0].symbol = 0;
  g.symbol[kTable].axis[0] = g.symbol[0].target;
  documents.model.extent[3] = 3;
  documents.model.label[0] = {"one", "two", "three"};
  EXPECT_THAT(documents.Text(documents.data), Not(HasSubstr("coherence")));
}

}  // namespace
}  // namespace gyre::driver
