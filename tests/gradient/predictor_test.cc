// The linear predictor of a Minimize: for which programs it is derived, and that its kernels are what
// was written: losses add up to f, slopes and curvatures are what central differences find, offset
// plus columns times parameters is the view.
#include <cmath>
#include <vector>

#include "dsl/dsl.h"
#include "dsl/random.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Other : Axis<Other> {} o;
constexpr struct Task : Axis<Task> {} t;
constexpr struct Group : Axis<Group> {} g;

constexpr auto X = data<"X">(n, d);
constexpr auto Z = data<"Z">(n, o);
constexpr auto G = data<"G">(n, g, d);
constexpr auto y = data<"y">(n);
constexpr auto weight = data<"weight">(n);
constexpr auto Y = data<"Y">(n, t);
constexpr auto w = param<"w">(d);
constexpr auto v = param<"v">(o);
constexpr auto b = param<"b">();
constexpr auto W = param<"W">(d, t);
constexpr auto V = param<"V">(t, d);
constexpr auto c = param<"c">(t);
constexpr auto u = param<"u">(g, d);
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto score = let<"score">(n, sum(d, X * w) + b);
constexpr auto r = let<"r">(n, y - score);
constexpr auto both = let<"both">(n, sum(d, X * w) - sum(o, Z * v) + 0.5 * b);
constexpr auto tasks = let<"tasks">(n, t, sum(d, X * W) + c);
constexpr auto rows = let<"rows">(n, t, sum(d, X * V));
constexpr auto grouped = let<"grouped">(n, sum(g, d, G * u));

constexpr int64_t kRows = 11, kExtent = 4;

// Random data for every symbol, and the kernels on it.
class Bound {
 public:
  template <class S>
  explicit Bound(const S& statement) : program_(internal::Compile(statement)) {
    const ir::Graph& graph = program_.graph;
    const rng::Stream stream(7, 1, 0);
    uint64_t counter = 0;
    for (int s = 0; s < graph.symbol.size; ++s) {
      const ir::Symbol& symbol = graph.symbol[s];
      int64_t size = 1;
      for (int a = 0; a < symbol.rank; ++a) size *= Extent(symbol.axis[a]);
      value_.emplace_back();
      for (int64_t i = 0; i < size; ++i) value_.back().push_back(0.1 + stream.Uniform(counter++));
      hyper_.push_back(0.3);
    }
    for (int s = 0; s < graph.symbol.size; ++s) {
      const auto size = static_cast<int64_t>(value_[static_cast<size_t>(s)].size());
      const bool row = graph.symbol[s].rank > 0 && graph.axis[graph.symbol[s].axis[0]].data;
      const int64_t cols = row ? size / kRows : 1;
      block_.push_back({Format::kDense, Type::kFloat64, value_[static_cast<size_t>(s)].data(),
                        nullptr, nullptr, size / cols, cols, cols});
    }
    for (int a = 0; a < graph.axis.size; ++a) extent_.push_back(Extent(a));
  }

  const Predictor& predictor() const { return program_.root.predictor; }
  bool derived() const { return predictor().row_axis >= 0; }
  int64_t outputs() const { return predictor().output_axis < 0 ? 1 : kExtent; }

  std::vector<double> Run(RowFn fn, const std::vector<double>& view, int64_t output) const {
    std::vector<double> out(kRows, 0);
    RowArgs args;
    args.data = block_.data();
    args.hyper = hyper_.data();
    args.literal = program_.literal.data();
    args.extent = extent_.data();
    args.end = kRows;
    args.output = output;
    args.view = view.data();
    args.out = out.data();
    fn(args);
    return out;
  }

  // The view where the parameters are what they are, from the parts.
  std::vector<double> View(int64_t output) const {
    std::vector<double> view(kRows, 0);
    if (predictor().offset != nullptr) view = Run(predictor().offset, view, output);
    for (const PredictorPart& part : predictor().part) {
      double scale = 0;
      PostArgs args;
      args.data = block_.data();
      args.hyper = hyper_.data();
      args.literal = program_.literal.data();
      args.extent = extent_.data();
      args.out = &scale;
      part.scale.fn(args);
      const auto& theta = value_[static_cast<size_t>(part.param)];
      const int64_t columns = static_cast<int64_t>(theta.size()) / (part.output < 0 ? 1 : kExtent);
      for (int64_t i = 0; i < kRows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          const int64_t at = part.output < 0 ? j : part.output == 0 ? output * columns + j
                                                                    : j * kExtent + output;
          const double x = part.matrix < 0 ? 1
                                           : value_[static_cast<size_t>(part.matrix)]
                                                   [static_cast<size_t>(i * columns + j)];
          view[static_cast<size_t>(i)] += scale * x * theta[static_cast<size_t>(at)];
        }
      }
    }
    return view;
  }

  // f by the program's own pass, at the parameters.
  double Objective() const {
    const Pass& pass = program_.pass[static_cast<size_t>(program_.root.pass)];
    std::vector<std::vector<double>> total(static_cast<size_t>(program_.graph.total.size),
                                           std::vector<double>(64, 0));
    std::vector<double*> target;
    std::vector<const double*> totals;
    for (const int id : pass.total) target.push_back(total[static_cast<size_t>(id)].data());
    for (const auto& values : total) totals.push_back(values.data());
    std::vector<const void*> param;
    for (const auto& values : value_) param.push_back(values.data());
    std::vector<double> scratch(static_cast<size_t>(
        pass.scratch(block_.data(), extent_.data(), 8) / 8 + 64));
    KernelArgs args;
    args.data = block_.data();
    args.param = param.data();
    args.total = totals.data();
    args.hyper = hyper_.data();
    args.literal = program_.literal.data();
    args.extent = extent_.data();
    args.row_end = kRows;
    args.target = target.data();
    args.scratch = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t{63});
    pass.f64(args);
    double value = 0;
    PostArgs post;
    post.data = block_.data();
    post.total = totals.data();
    post.hyper = hyper_.data();
    post.literal = program_.literal.data();
    post.extent = extent_.data();
    post.out = &value;
    program_.root.value.fn(post);
    return value;
  }

  void Check() const {
    ASSERT_TRUE(derived());
    double sum = 0;
    for (int64_t o_ = 0; o_ < outputs(); ++o_) {
      const std::vector<double> view = View(o_);
      for (const double l : Run(predictor().loss, view, o_)) sum += l;
      CheckDerivative(predictor().loss, predictor().slope, view, o_);
      CheckDerivative(predictor().slope, predictor().curvature, view, o_);
    }
    EXPECT_NEAR(sum, Objective(), 1e-12 * std::fabs(sum));
  }

 private:
  int64_t Extent(int axis) const { return program_.graph.axis[axis].data ? kRows : kExtent; }

  void CheckDerivative(RowFn f, RowFn slope, const std::vector<double>& view, int64_t output) const {
    constexpr double kStep = 1e-5;
    std::vector<double> up = view, down = view;
    for (double& x : up) x += kStep;
    for (double& x : down) x -= kStep;
    const auto high = Run(f, up, output), low = Run(f, down, output), got = Run(slope, view, output);
    for (size_t i = 0; i < view.size(); ++i) {
      const double want = (high[i] - low[i]) / (2 * kStep);
      EXPECT_NEAR(got[i], want, 1e-7 * (1 + std::fabs(want))) << "row " << i;
    }
  }

  Program program_;
  std::vector<std::vector<double>> value_;
  std::vector<double> hyper_;
  std::vector<Block> block_;
  std::vector<int64_t> extent_;
};

TEST(Predictor, Squares) {
  const Bound bound(Minimize(0.5 * mean(n, sq(r)) + lambda * sum(d, abs(w))));
  bound.Check();
  EXPECT_TRUE(bound.predictor().quadratic);
  EXPECT_NE(bound.predictor().offset, nullptr);
  EXPECT_EQ(bound.predictor().part.size(), 2u);
}

TEST(Predictor, WeightedLossesWithAHyperParameter) {
  const Bound bound(Minimize(lambda * sum(n, weight * log1p(exp(-(y * score)))) / size(n)));
  bound.Check();
  EXPECT_FALSE(bound.predictor().quadratic);
  EXPECT_EQ(bound.predictor().offset, nullptr);
}

TEST(Predictor, LossesThatUseThePredictorTwice) {
  Bound(Minimize(mean(n, exp(score) - y * score))).Check();
  Bound(Minimize(mean(n, sq(r)) + mean(n, log1p(exp(score))))).Check();
}

TEST(Predictor, SeveralMatricesWithSigns) {
  const Bound bound(Minimize(mean(n, sq(both - y)) + lambda * sum(o, abs(v))));
  bound.Check();
  EXPECT_EQ(bound.predictor().part.size(), 3u);
}

TEST(Predictor, OutputsOfEitherLayout) {
  Bound(Minimize(mean(n, sum(t, sq(Y - tasks))) + lambda * sum(d, norm(t, W)))).Check();
  Bound(Minimize(0.5 * mean(n, sum(t, weight * sq(Y - rows))))).Check();
}

TEST(Predictor, ColumnsOfSeveralAxes) { Bound(Minimize(mean(n, sq(y - grouped)))).Check(); }

TEST(Predictor, KinksAreWhereTheArgumentsAreZero) {
  const Bound bound(Minimize(mean(n, hinge(1 - y * score)) + lambda * sum(d, sq(w))));
  ASSERT_TRUE(bound.derived());
  EXPECT_TRUE(bound.predictor().kinks_known);
  ASSERT_EQ(bound.predictor().kink.size(), 1u);
  const std::vector<double> zero(kRows, 0), one(kRows, 1);
  const auto at0 = bound.Run(bound.predictor().kink[0], zero, 0),
             at1 = bound.Run(bound.predictor().kink[0], one, 0);
  for (size_t i = 0; i < at0.size(); ++i) {
    std::vector<double> kink(kRows, 0);
    kink[i] = at0[i] / (at0[i] - at1[i]);
    EXPECT_NEAR(bound.Run(bound.predictor().loss, kink, 0)[i], 0, 1e-12);
    kink[i] -= 1e-3;
    EXPECT_GT(bound.Run(bound.predictor().loss, kink, 0)[i], 0);
  }
  EXPECT_FALSE(Bound(Minimize(mean(n, where(abs(r) <= 1, sq(r), abs(r))))).predictor().kinks_known);
}

TEST(Predictor, IsNotThereWhereRowsSeeTheParametersOtherwise) {
  // Coupled outputs; parameters that multiply parameters; columns that are functions of the data;
  // a curved function of sums; a smooth term of Omega.
  EXPECT_FALSE(Bound(Minimize(mean(n, logsumexp(t, tasks) - sum(t, Y * tasks)))).derived());
  EXPECT_FALSE(Bound(Minimize(mean(n, sq(b * score - y)))).derived());
  EXPECT_FALSE(Bound(Minimize(mean(n, sq(y - sum(d, exp(X) * w))))).derived());
  EXPECT_FALSE(Bound(Minimize(sqrt(mean(n, sq(r))))).derived());
  EXPECT_FALSE(Bound(Minimize(mean(n, sq(r)) + lambda * sum(d, exp(w)))).derived());
  EXPECT_FALSE(Bound(Minimize(mean(n, sq(r)) + mean(n, sq(sum(o, Z * v))))).derived());
}

}  // namespace
}  // namespace gyre
