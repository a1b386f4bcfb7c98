// What a sum over all keys is in the numbers of one block, against the sum itself.
#include "runtime/all_keys.h"

#include <vector>

#include "dsl/random.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr int64_t kRank = 3, kUsers = 700, kItems = 5, kTimes = 4;
constexpr int kUser = 11, kItem = 12, kTime = 13, kPlace = 14;  // maps
constexpr double kWeight = 0.3, kOffset = -0.2;

// view = offset + sum_k U(user, k) V(item, k) W(time) - b c(item) + d(user); a fourth term has no
// part.
class Model {
 public:
  Model() {
    uint64_t at = 0;
    const rng::Stream draws(3, 1, 0);
    for (std::vector<double>* const numbers : {&u, &v, &w, &b, &c, &d}) {
      for (double& x : *numbers) x = draws.Normal(at++);
    }
    all_.weight.fn = [](const PostArgs& args) { *args.out = kWeight; };
    all_.offset.fn = [](const PostArgs& args) { *args.out = kOffset; };
    all_.scale.resize(4);
    all_.scale[0].fn = all_.scale[2].fn = [](const PostArgs& args) { *args.out = 1; };
    all_.scale[1].fn = [](const PostArgs& args) { *args.out = -1; };
    sum.Bind(all_, {{kUser, 0, true, kRank, kUsers, kRank, u.data(), 0},
                    {kItem, 0, true, kRank, kItems, kRank, v.data(), 1},
                    {kTime, 0, false, kRank, kTimes, 1, w.data(), 0},
                    {-1, 1, false, 1, 1, 1, b.data(), 0},
                    {kItem, 1, false, 1, kItems, 1, c.data(), 0},
                    {kUser, 2, false, 1, kUsers, 1, d.data(), kRank},
                    {kPlace, 3, false, 1, 1, 1, b.data(), 0}});
    const Program program;
    PostContext context;
    context.program = &program;
    EXPECT_TRUE(sum.Settle(context).ok());
    AlignedArray<double> panel(AllKeysSum<double>::kPanel * sum.width());
    for (const int map : {kUser, kItem, kTime}) {
      for (int64_t p = sum.pieces(map) - 1; p >= 0; --p) sum.AddPiece(map, p, panel.data());
      sum.Combine(map);
    }
  }

  // weight * sum of sq(view) over all items and times, for the users [begin, end).
  double Sum(int64_t begin, int64_t end) const {
    double total = 0;
    for (int64_t x = begin; x < end; ++x) {
      for (int64_t y = 0; y < kItems; ++y) {
        for (int64_t z = 0; z < kTimes; ++z) {
          double view = kOffset - b[0] * at(c, y) + at(d, x);
          for (int64_t k = 0; k < kRank; ++k)
            view += at(u, x * kRank + k) * at(v, y * kRank + k) * at(w, z);
          total += kWeight * view * view;
        }
      }
    }
    return total;
  }

  static double at(const std::vector<double>& numbers, int64_t i) {
    return numbers[static_cast<size_t>(i)];
  }

  std::vector<double> u = std::vector<double>(kUsers * kRank),
                      v = std::vector<double>(kItems * kRank), w = std::vector<double>(kTimes),
                      b = std::vector<double>(1), c = std::vector<double>(kItems),
                      d = std::vector<double>(kUsers);
  AllKeysSum<double> sum;

 private:
  AllKeys all_;
};

// 1/2 x'Ax - b'x + c.
double Value(const AllKeysSum<double>::Share& share, int64_t width, const std::vector<double>& x) {
  double value = share.c;
  const auto n = static_cast<int64_t>(x.size());
  for (int64_t i = 0; i < n; ++i) {
    value -= share.b[i] * Model::at(x, i);
    for (int64_t j = 0; j < n; ++j)
      value += 0.5 * share.a[i * width + j] * Model::at(x, i) * Model::at(x, j);
  }
  return value;
}

AllKeysSum<double>::Share ShareOf(Model* model, int symbol) {
  AllKeysSum<double>::Share share{AlignedArray<double>(64), AlignedArray<double>(8)};
  model->sum.ShareOf(symbol, 8, &share);
  return share;
}

TEST(AllKeysSum, IsOneQuadraticForAllKeysOfAMap) {
  Model model;
  EXPECT_GT(model.sum.pieces(kUser), 1);
  const AllKeysSum<double>::Share share = ShareOf(&model, kUser);
  for (const int64_t x : {0, 1, 399, 699}) {
    std::vector<double> numbers(model.u.begin() + x * kRank, model.u.begin() + (x + 1) * kRank);
    numbers.push_back(Model::at(model.d, x));
    EXPECT_NEAR(Value(share, 8, numbers), model.Sum(x, x + 1), 1e-10 * model.Sum(x, x + 1));
  }
}

TEST(AllKeysSum, AddsUpOverTheKeysOfAMap) {
  Model model;
  const double whole = model.Sum(0, kUsers);
  const AllKeysSum<double>::Share item = ShareOf(&model, kItem), time = ShareOf(&model, kTime);
  double items = 0, times = 0;
  for (int64_t y = 0; y < kItems; ++y) {
    std::vector<double> numbers = {Model::at(model.c, y)};
    numbers.insert(numbers.end(), model.v.begin() + y * kRank, model.v.begin() + (y + 1) * kRank);
    items += Value(item, 8, numbers);
  }
  for (int64_t z = 0; z < kTimes; ++z) times += Value(time, 8, {Model::at(model.w, z)});
  EXPECT_NEAR(items, whole, 1e-10 * whole);
  EXPECT_NEAR(times, whole, 1e-10 * whole);
}

TEST(AllKeysSum, IsWholeForWhatAllShareAndForOtherMaps) {
  Model model;
  const double whole = model.Sum(0, kUsers);
  EXPECT_NEAR(Value(ShareOf(&model, -1), 8, {model.b[0]}), whole, 1e-10 * whole);
  EXPECT_FALSE(model.sum.over(kPlace));
  EXPECT_NEAR(Value(ShareOf(&model, kPlace), 8, {5}), whole, 1e-10 * whole);
}

TEST(AllKeysSum, RefusesANegativeWeight) {
  AllKeys all;
  all.weight.fn = [](const PostArgs& args) { *args.out = -1; };
  AllKeysSum<double> sum;
  sum.Bind(all, {});
  const Program program;
  PostContext context;
  context.program = &program;
  EXPECT_FALSE(sum.Settle(context).ok());
}

}  // namespace
}  // namespace gyre
