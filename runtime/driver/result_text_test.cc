#include "runtime/driver/result_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using ::testing::HasSubstr;

Model SmallModel() {
  Model model;
  model.extent = {100, 4};
  model.parameter = {{}, {}, {0.5, 0, -24.93, 3}, {152.1}, {}};
  return model;
}

TEST(ParameterText, NamesTheLargestByColumn) {
  Model model = SmallModel();
  model.column[testing::kX] = {"age", "sex", "bmi", "bp"};
  const std::string text = ParameterText(testing::Ridge(), model);
  EXPECT_THAT(text,
              HasSubstr("w(Feature)  4 values, 3 not zero; largest bmi -24.93, bp 3, age 0.5\n"));
  EXPECT_THAT(text, HasSubstr("b          152.1\n"));
}

TEST(ParameterText, PositionsWhereThereAreNoNames) {
  EXPECT_THAT(ParameterText(testing::Ridge(), SmallModel()),
              HasSubstr("largest [2] -24.93, [3] 3, [0] 0.5"));
}

TEST(ParameterText, AllZeros) {
  Model model = SmallModel();
  model.parameter[testing::kW] = {0, 0, 0, 0};
  EXPECT_THAT(ParameterText(testing::Ridge(), model),
              HasSubstr("w(Feature)  4 values, 0 not zero\n"));
}

TEST(OutcomeText, SaysWhyItStoppedAndHowGoodItIs) {
  RunResult result;
  result.clocks = 12;
  result.train_seconds = 0.25;
  result.objective = 1.25;
  result.measure = {3.5};
  result.measured_on_test = true;
  const std::string text = OutcomeText(testing::Ridge(), result, "interrupted");
  EXPECT_THAT(text, HasSubstr("stopped    interrupted after 12 clocks, 0.25 s of training\n"));
  EXPECT_THAT(text, HasSubstr("objective  1.25\n"));
  EXPECT_THAT(text, HasSubstr("mse        3.5  (held-out data)\n"));
  result.objective = NAN;
  EXPECT_THAT(OutcomeText(testing::Ridge(), result, "clocks"),
              ::testing::Not(HasSubstr("objective")));
}

// A map from rows to names, and a table of them by topics, of `kind`.
struct Topics {
  explicit Topics(ir::Kind kind) {
    ir::Graph& g = program.graph;
    g.axis.push({"Row"}), g.axis.push({"Word"}), g.axis.push({"Topic"});
    ir::Symbol word;
    word.name = "word", word.kind = ir::Kind::kMap, word.rank = 1, word.axis[0] = 0, word.target = 1;
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
    model.label[0] = {"apple", "bread", "cheese"};
  }
  Program program;
  Model model;
};

TEST(TopicText, LargestTopicsFirstAndTheirNames) {
  for (const ir::Kind kind : {ir::Kind::kCount, ir::Kind::kParam}) {
    const Topics topics(kind);
    EXPECT_EQ(TopicText(topics.program, topics.model),
              "\nTopic, its share of N, and Word with the most of it\n"
              "    1  66.7%  cheese\n"
              "    0  33.3%  bread, apple\n");
  }
}

TEST(TopicText, NothingToTell) {
  Topics negative(ir::Kind::kParam);
  negative.model.parameter[2][0] = -1;  // coefficients are no parts
  EXPECT_EQ(TopicText(negative.program, negative.model), "");
  Topics unnamed(ir::Kind::kCount);
  unnamed.model.label.clear();
  EXPECT_EQ(TopicText(unnamed.program, unnamed.model), "");
  Topics empty(ir::Kind::kCount);
  empty.model.parameter[2].assign(6, 0);
  EXPECT_EQ(TopicText(empty.program, empty.model), "");
}

}  // namespace
}  // namespace gyre::driver
