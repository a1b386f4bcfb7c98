// Programs made by hand: score(user, item) = U(user) * V(item), with or without a third key or a
// table.
#include "runtime/driver/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/data/memory.h"

namespace gyre::driver {
namespace {

using ::testing::HasSubstr;

constexpr int kRow = 0, kUser = 1, kItem = 2, kDay = 3;                                   // axes
constexpr int kU = 0, kV = 1, kUserOf = 2, kItemOf = 3, kDayOf = 4, kRating = 5, kB = 6;  // symbols

template <class T>
double At(const Block& block, int64_t row) {
  return static_cast<double>(block.data<T>()[row * block.stride]);
}

template <class T, bool kThree>
void Score(const KernelArgs& args) {
  for (int64_t r = args.row_begin; r < args.row_end; ++r) {
    const auto u = static_cast<int64_t>(At<int32_t>(args.data[kUserOf], r));
    const auto i = static_cast<int64_t>(At<int32_t>(args.data[kItemOf], r));
    T score = static_cast<const T*>(args.param[kU])[u] * static_cast<const T*>(args.param[kV])[i];
    if (kThree) score *= static_cast<T>(1 - 2 * At<int32_t>(args.data[kDayOf], r));
    static_cast<T*>(args.out)[r - args.row_begin] = score;
  }
}

Program Keyed(bool three = false) {
  Program program;
  ir::Graph& g = program.graph;
  for (const char* axis : {"Row", "User", "Item", "Day"}) g.axis.push({axis});
  g.axis[kRow].data = true;
  const auto symbol = [&](std::string_view name, ir::Kind kind, int axis, int target) {
    ir::Symbol s;
    s.name = name, s.kind = kind, s.rank = 1, s.axis[0] = static_cast<int16_t>(axis);
    s.target = static_cast<int16_t>(target);
    g.symbol.push(s);
  };
  symbol("U", ir::Kind::kParam, kUser, -1);
  symbol("V", ir::Kind::kParam, kItem, -1);
  symbol("user", ir::Kind::kMap, kRow, kUser);
  symbol("item", ir::Kind::kMap, kRow, kItem);
  symbol("day", ir::Kind::kMap, kRow, kDay);
  symbol("rating", ir::Kind::kData, kRow, -1);
  symbol("B", ir::Kind::kData, kItem, -1);
  Pass pass;
  pass.id = "predict/rating";
  pass.row_axis = kRow;
  pass.data = {kUserOf, kItemOf};
  if (three) pass.data.push_back(kDayOf);
  pass.f32 = three ? Score<float, true> : Score<float, false>;
  pass.f64 = three ? Score<double, true> : Score<double, false>;
  program.pass.push_back(pass);
  Prediction prediction;
  prediction.name = "score";
  prediction.pass = 0;
  program.prediction.push_back(prediction);
  return program;
}

Model ModelOf(const std::vector<double>& u, const std::vector<double>& v, int days = 1) {
  Model model;
  model.extent = {1, static_cast<int64_t>(u.size()), static_cast<int64_t>(v.size()), days};
  model.parameter = {u, v, {}, {}, {}, {}, {}};
  model.hyper.resize(7);
  return model;
}

Dataset DataOf(const Model& model, const std::vector<std::vector<double>>& keys) {
  Dataset data;
  data.block.resize(7);
  for (size_t k = 0; k < keys.size(); ++k) {
    data.memory.push_back(MakeColumn(Type::kInt32, keys[k]));
    data.block[kUserOf + k] = data.memory.back().block;
  }
  data.info.extent = model.extent;
  data.rows = data.info.extent[kRow] = static_cast<int64_t>(keys[0].size());
  data.info.type = model.type;
  return data;
}

absl::StatusOr<Ranking> RankOf(const Program& program, const Model& model, const Dataset& data,
                               int64_t top) {
  const absl::StatusOr<RankedPrediction> ranked = FindRanked(program, !data.empty());
  if (!ranked.ok()) return ranked.status();
  EvaluateOn on;
  on.type = model.type;
  on.data = data.block;
  on.data.resize(7);
  on.extent = model.extent;
  on.hyper = model.hyper;
  on.parameter = model.parameter;
  Evaluator evaluator(program, std::move(on));
  return Rank(program, model, data, *ranked, top, &evaluator);
}

TEST(Rank, TheBestThatTheDataDoesNotHave) {
  Model model = ModelOf({1, -1, 2}, {3, 1, 2, 4});
  model.label[kUserOf] = {"ann", "bob", "eve, jr"};
  model.label[kItemOf] = {"fig", "plum", "pear", "kiwi"};
  // eve has fig (twice) and kiwi, ann pear; bob is not there.
  const Dataset data = DataOf(model, {{2, 0, 2, 2}, {0, 2, 3, 0}});
  absl::StatusOr<Ranking> ranking = RankOf(Keyed(), model, data, 2);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->csv,
            "user,item,score\n"
            "ann,kiwi,4\n"
            "ann,fig,3\n"
            "\"eve, jr\",pear,4\n"
            "\"eve, jr\",plum,2\n");
  EXPECT_EQ(ranking->asked, 2);
  EXPECT_EQ(ranking->fewer, 0);
  ranking = RankOf(Keyed(), model, data, 3);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->fewer, 1) << "eve has two left";
}

TEST(Rank, EveryoneOfTheModelWithoutData) {
  for (const Type type : {Type::kFloat32, Type::kFloat64}) {
    Model model = ModelOf({1, -1}, {3, 1, 3});
    model.type = type;
    const absl::StatusOr<Ranking> ranking = RankOf(Keyed(), model, Dataset(), 1);
    ASSERT_TRUE(ranking.ok()) << ranking.status();
    EXPECT_EQ(ranking->csv, "user,item,score\n0,0,3\n1,1,-1\n") << "equal ones in order, no names";
  }
}

TEST(Rank, OtherKeysAskTogether) {
  const Model model = ModelOf({1, 2}, {3, 1, 2}, 2);
  const Dataset data = DataOf(model, {{1, 0, 1}, {0, 1, 2}, {1, 0, 0}});
  const absl::StatusOr<Ranking> ranking = RankOf(Keyed(true), model, data, 1);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->csv,
            "user,item,day,score\n"
            "0,0,0,3\n"
            "1,0,0,6\n"
            "1,1,1,-2\n");
  EXPECT_THAT(std::string(RankOf(Keyed(true), model, Dataset(), 1).status().message()),
              HasSubstr("--data=FILE"));
}

TEST(Rank, WhatIsNoNumberComesLast) {
  const Model model = ModelOf({1}, {-5, NAN, 3});
  const absl::StatusOr<Ranking> ranking = RankOf(Keyed(), model, Dataset(), 3);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->csv, "user,item,score\n0,2,3\n0,0,-5\n0,1,nan\n");
}

// More than is predicted at once, by users and by items.
TEST(Rank, ManyOfEither) {
  for (const auto& [users, items] : {std::pair{40000, 3}, std::pair{3, 40000}}) {
    std::vector<double> u(static_cast<size_t>(users), 1), v(static_cast<size_t>(items));
    for (int i = 0; i < items; ++i) v[static_cast<size_t>(i)] = (i * 7919) % items;
    u[1] = -1;
    const absl::StatusOr<Ranking> ranking = RankOf(Keyed(), ModelOf(u, v), Dataset(), 2);
    ASSERT_TRUE(ranking.ok()) << ranking.status();
    EXPECT_EQ(std::count(ranking->csv.begin(), ranking->csv.end(), '\n'), 1 + 2 * users);
    const auto place = [&](double wanted) {
      return std::find(v.begin(), v.end(), wanted) - v.begin();
    };
    for (const int who : {0, users - 1})
      EXPECT_THAT(ranking->csv,
                  HasSubstr(absl::StrFormat("\n%d,%d,%d\n%d,%d,%d\n", who, place(items - 1),
                                            items - 1, who, place(items - 2), items - 2)));
    EXPECT_THAT(ranking->csv,
                HasSubstr(absl::StrFormat("\n1,%d,-0\n1,%d,-1\n", place(0), place(1))));
  }
}

TEST(Rank, WhatCannotBeRanked) {
  const Model model = ModelOf({1, 2}, {3, 1});
  const auto error = [&](const Program& program, int64_t top = 1) {
    const absl::StatusOr<Ranking> ranking = RankOf(program, model, Dataset(), top);
    EXPECT_FALSE(ranking.ok());
    return std::string(ranking.status().message());
  };
  EXPECT_THAT(error(Keyed(), 3),
              HasSubstr("--top=3: there are 2 positions of item; give at most 2"));
  Program program = Keyed();
  program.pass[0].data = {kUserOf};
  EXPECT_THAT(error(program), HasSubstr("score is not of rows that name two keys"));
  program.pass[0].data = {kUserOf, kItemOf, kRating};
  EXPECT_THAT(error(program), HasSubstr("score reads rating of its row"));
  program.pass[0].data = {kUserOf, kItemOf, kB};
  EXPECT_THAT(error(program), HasSubstr("--data=FILE"));
  program = Keyed();
  program.pass[0].row_axes = {kItem};
  EXPECT_THAT(error(program), HasSubstr("score is several numbers a row"));
  program.prediction[0].pass = -1;
  EXPECT_THAT(error(program), HasSubstr("score is not of rows"));
  program.prediction.clear();
  EXPECT_THAT(error(program), HasSubstr("there is no prediction"));
}

}  // namespace
}  // namespace gyre::driver
