#include "ops/coordinate/dual.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Kind {
  kHinge,
  kSquaredHinge,
  kLogistic,
  kSquares,
  kAbsolute,
  kInsensitive,
  kPoisson,
  kBentLogistic,  // log(1 + exp(-y v)) + |v - y| / 2: curved on both sides of a kink
};

constexpr double kWidth = 0.3;  // of the flat part of kInsensitive

double LossOf(Kind kind, double y, double v) {
  switch (kind) {
    case Kind::kHinge: return std::max(0.0, 1 - y * v);
    case Kind::kSquaredHinge: return y * v < 1 ? (1 - y * v) * (1 - y * v) : 0;
    case Kind::kLogistic: return std::max(0.0, -y * v) + std::log1p(std::exp(-std::abs(y * v)));
    case Kind::kSquares: return 0.5 * (v - y) * (v - y);
    case Kind::kAbsolute: return std::abs(v - y);
    case Kind::kInsensitive: return std::max(0.0, std::abs(v - y) - kWidth);
    case Kind::kPoisson: return std::exp(v) - (y + 2) * v;
    case Kind::kBentLogistic:
      return LossOf(Kind::kLogistic, y, v) + 0.5 * std::abs(v - y);
  }
  return 0;
}

ScalarLoss::Derivatives DerivativesOf(Kind kind, double y, double v) {
  const double p = 1 / (1 + std::exp(y * v));
  switch (kind) {
    case Kind::kHinge: return {y * v < 1 ? -y : 0, 0};
    case Kind::kSquaredHinge:
      return y * v < 1 ? ScalarLoss::Derivatives{-2 * y * (1 - y * v), 2 * y * y}
                       : ScalarLoss::Derivatives{0, 0};
    case Kind::kLogistic: return {-y * p, y * y * p * (1 - p)};
    case Kind::kSquares: return {v - y, 1};
    case Kind::kAbsolute: return {v < y ? -1.0 : 1.0, 0};
    case Kind::kInsensitive:
      return {v < y - kWidth ? -1.0 : v > y + kWidth ? 1.0 : 0.0, 0};
    case Kind::kPoisson: return {std::exp(v) - (y + 2), std::exp(v)};
    case Kind::kBentLogistic: return {-y * p + (v < y ? -0.5 : 0.5), y * y * p * (1 - p)};
  }
  return {};
}

// sup_v u v - loss(v), for those that have a formula, and its domain.
double Conjugate(Kind kind, double y, double u) {
  const auto entropy = [](double p) { return p > 0 ? p * std::log(p) : 0; };
  switch (kind) {
    case Kind::kHinge: return u / y;
    case Kind::kSquaredHinge: return u / y + u * u / (4 * y * y);
    case Kind::kLogistic: return entropy(-u / y) + entropy(1 + u / y);
    case Kind::kSquares: return 0.5 * u * u + u * y;
    case Kind::kAbsolute: return u * y;
    case Kind::kInsensitive: return u * y + kWidth * std::abs(u);
    case Kind::kPoisson: return entropy(u + y + 2) - (u + y + 2);
    case Kind::kBentLogistic: break;
  }
  return kInfinity;
}

std::pair<double, double> Domain(Kind kind, double y) {
  constexpr double kFar = 50;
  switch (kind) {
    case Kind::kHinge:
    case Kind::kLogistic: return {std::min(0.0, -y), std::max(0.0, -y)};
    case Kind::kSquaredHinge: return {y > 0 ? -kFar : 0, y > 0 ? 0 : kFar};
    case Kind::kSquares: return {-kFar, kFar};
    case Kind::kAbsolute:
    case Kind::kInsensitive: return {-1, 1};
    case Kind::kPoisson: return {-(y + 2), kFar};
    case Kind::kBentLogistic: break;
  }
  return {0, 0};
}

class TestLoss final : public ScalarLoss {
 public:
  TestLoss(Kind kind, const std::vector<double>* y, const std::vector<double>* weight)
      : kind_(kind), y_(*y), weight_(*weight) {}
  Derivatives At(int64_t row, double v) override {
    const auto i = static_cast<size_t>(row);
    const Derivatives d = DerivativesOf(kind_, y_[i], v);
    return {weight_[i] * d.slope, weight_[i] * d.curvature};
  }
  void Losses(int64_t begin, int64_t end, const double* view, double* loss) override {
    for (int64_t i = begin; i < end; ++i) {
      const auto k = static_cast<size_t>(i);
      loss[i] = weight_[k] * LossOf(kind_, y_[k], view[i]);
    }
  }
  int kinks() const override {
    switch (kind_) {
      case Kind::kLogistic:
      case Kind::kSquares:
      case Kind::kPoisson: return 0;
      case Kind::kInsensitive: return 3;  // the third is nowhere
      default: return 1;
    }
  }
  double Kink(int k, int64_t row) override {
    const double y = y_[static_cast<size_t>(row)];
    if (kind_ == Kind::kInsensitive) return k == 0 ? y + kWidth : k == 1 ? kInfinity : y - kWidth;
    return kind_ == Kind::kHinge || kind_ == Kind::kSquaredHinge ? 1 / y : y;
  }
  bool quadratic() const override {
    return kind_ != Kind::kLogistic && kind_ != Kind::kPoisson && kind_ != Kind::kBentLogistic;
  }

 private:
  const Kind kind_;
  const std::vector<double>& y_;
  const std::vector<double>& weight_;
};

// A matrix in every shape that the solver reads. Values are whole eighths: the same in float.
struct Matrix {
  Matrix(int64_t n, int64_t d) : rows(n), cols(d), x(static_cast<size_t>(n * d)) {}
  double& at(int64_t i, int64_t j) { return x[static_cast<size_t>(i * cols + j)]; }
  double at(int64_t i, int64_t j) const { return x[static_cast<size_t>(i * cols + j)]; }

  Block Make(Format format, Type type) {
    Block b;
    b.format = format, b.type = type, b.rows = rows, b.cols = cols, b.stride = cols;
    values = x;
    if (format == Format::kCsr) {
      values.clear(), index.clear(), offset.assign(1, 0);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < cols; ++j) {
          if (at(i, j) == 0) continue;
          values.push_back(at(i, j)), index.push_back(static_cast<int32_t>(j));
        }
        offset.push_back(static_cast<int64_t>(values.size()));
      }
      b.index = index.data(), b.offset = offset.data();
    }
    single.assign(values.begin(), values.end());
    b.values = type == Type::kFloat32 ? static_cast<const void*>(single.data()) : values.data();
    return b;
  }

  int64_t rows, cols;
  std::vector<double> x, values;
  std::vector<float> single;
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
};

// The whole problem, and its parameters in one array: [matrix][ones][second matrix, by sign -1].
struct Problem {
  Problem(Kind k, int64_t n, int64_t d, uint32_t seed) : kind(k), main(n, d), second(n, 2) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> eighth(-8, 8), coin(0, 1);
    for (double& a : main.x) a = coin(random) == 0 ? 0 : eighth(random) / 8.0;
    for (double& a : second.x) a = eighth(random) / 8.0;
    for (int64_t i = 0; i < n; ++i) {
      y.push_back((coin(random) == 0 ? -1 : 1) * (k == Kind::kLogistic || k == Kind::kHinge
                                                       ? 1 : 1 + eighth(random) / 16.0));
      weight.push_back(1 + eighth(random) / 16.0);
      offset.push_back(eighth(random) / 16.0);
    }
    const auto size = static_cast<size_t>(d + 3);
    l1.assign(size, 0), l2.assign(size, 0.5), theta.assign(size, 0);
  }
  int64_t rows() const { return main.rows; }
  size_t size() const { return theta.size(); }
  double X(int64_t i, size_t j) const {
    const auto d = static_cast<size_t>(main.cols);
    if (j < d) return main.at(i, static_cast<int64_t>(j));
    return j == d ? 1 : -second.at(i, static_cast<int64_t>(j - d - 1));
  }
  void EachPenalty(uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0.2, 1);
    for (double& a : l2) a = uniform(random);
  }
  std::vector<RowPart> Parts(Format format, Type type, bool each) {
    const int64_t d = main.cols;
    std::vector<RowPart> parts(3);
    parts[0].ones = true, parts[0].theta = theta.data() + d;
    parts[0].size = 1;
    parts[1].block = main.Make(format, type), parts[1].size = d, parts[1].theta = theta.data();
    parts[2].block = second.Make(Format::kDense, type), parts[2].size = 2, parts[2].sign = -1;
    parts[2].theta = theta.data() + d + 1;
    for (RowPart& part : parts) {
      const int64_t begin = part.theta - theta.data();
      part.prox.l1 = {l1[static_cast<size_t>(begin)], each ? l1.data() + begin : nullptr};
      part.prox.l2 = {l2[static_cast<size_t>(begin)], each ? l2.data() + begin : nullptr};
    }
    return parts;
  }
  double Objective(const std::vector<double>& t) const {
    double sum = 0;
    for (int64_t i = 0; i < rows(); ++i) {
      const auto k = static_cast<size_t>(i);
      double v = offset[k];
      for (size_t j = 0; j < size(); ++j) v += X(i, j) * t[j];
      sum += weight[k] * LossOf(kind, y[k], v);
    }
    for (size_t j = 0; j < size(); ++j) sum += l1[j] * std::abs(t[j]) + l2[j] * t[j] * t[j];
    return sum;
  }

  Kind kind;
  Matrix main, second;
  std::vector<double> y, weight, offset, l1, l2, theta;
};

// Upper and lower bounds of the minimum by what is slow and plain: the dual, from the formulas of the
// conjugates, by golden section in one variable after the other.
std::pair<double, double> Bounds(const Problem& p, int epochs) {
  std::vector<double> u(static_cast<size_t>(p.rows())), z(p.size()), theta(p.size());
  for (size_t i = 0; i < u.size(); ++i) {
    const auto [low, high] = Domain(p.kind, p.y[i]);
    u[i] = p.weight[i] * std::clamp(0.0, low, high);
    for (size_t j = 0; j < p.size(); ++j) z[j] -= u[i] * p.X(static_cast<int64_t>(i), j);
  }
  const auto term = [&](size_t i, double to) {
    if (p.weight[i] == 0) return 0.0;
    return p.weight[i] * Conjugate(p.kind, p.y[i], to / p.weight[i]) - to * p.offset[i];
  };
  const auto omega = [&](size_t i, double change) {
    double sum = 0;
    for (size_t j = 0; j < p.size(); ++j) {
      const double m =
          std::abs(z[j] - change * p.X(static_cast<int64_t>(i), j)) - p.l1[j];
      if (m > 0) sum += m * m / (4 * p.l2[j]);
    }
    return sum;
  };
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (size_t i = 0; i < u.size(); ++i) {
      const auto value = [&](double to) { return term(i, to) + omega(i, to - u[i]); };
      auto [a, b] = Domain(p.kind, p.y[i]);
      a *= p.weight[i], b *= p.weight[i];
      const double ratio = (std::sqrt(5.0) - 1) / 2;
      double c = b - ratio * (b - a), d = a + ratio * (b - a), fc = value(c), fd = value(d);
      for (int n = 0; n < 60; ++n) {
        if (fc < fd) {
          b = d, d = c, fd = fc, c = b - ratio * (b - a), fc = value(c);
        } else {
          a = c, c = d, fc = fd, d = a + ratio * (b - a), fd = value(d);
        }
      }
      const double to = (a + b) / 2;
      for (size_t j = 0; j < p.size(); ++j) z[j] -= (to - u[i]) * p.X(static_cast<int64_t>(i), j);
      u[i] = to;
    }
  }
  double dual = 0;
  for (size_t i = 0; i < u.size(); ++i) dual -= term(i, u[i]);
  dual -= omega(0, 0);
  for (size_t j = 0; j < p.size(); ++j)
    theta[j] = std::copysign(std::max(std::abs(z[j]) - p.l1[j], 0.0), z[j]) / (2 * p.l2[j]);
  return {p.Objective(theta), dual};
}

struct Setting {
  Format format = Format::kDense;
  Type type = Type::kFloat64;
  bool each = false;  // penalties by element
  DualSolver::Options options;
};

// Runs to convergence; every measurement must be right and every bound must hold.
void Solve(Problem* p, const Setting& setting, double minimum, int64_t most_epochs,
           int64_t* epochs = nullptr) {
  TestLoss loss(p->kind, &p->y, &p->weight);
  std::vector<RowPart> parts = p->Parts(setting.format, setting.type, setting.each);
  DualSolver solver(setting.options, &parts, &loss, p->offset.data(), p->rows());
  ASSERT_TRUE(solver.Start().ok());
  int64_t measured = 0;
  double dual = -kInfinity;
  while (!solver.converged() && solver.iterations() < most_epochs) {
    for (int w = setting.options.workers - 1; w >= 0; --w) solver.Work(w);
    solver.Turn();
    if (solver.measured() == measured) continue;
    measured = solver.measured();
    const double objective = p->Objective(p->theta);
    ASSERT_NEAR(solver.objective(), objective, 1e-11 * std::abs(objective));
    ASSERT_LE(solver.dual(), minimum + 1e-11 * std::abs(minimum)) << solver.iterations();
    ASSERT_GE(solver.dual(), dual);
    dual = solver.dual();
  }
  EXPECT_TRUE(solver.converged()) << solver.iterations() << " epochs, gap " << solver.gap();
  EXPECT_LE(solver.gap(), setting.options.tolerance * std::abs(solver.objective()));
  EXPECT_LE(p->Objective(p->theta) - minimum, solver.gap() + 1e-11 * std::abs(minimum));
  if (epochs != nullptr) *epochs = solver.iterations();
}

Setting Exact() {
  Setting setting;
  setting.options.tolerance = 1e-9;
  return setting;
}

const std::vector<Kind> kWithConjugate = {Kind::kHinge,    Kind::kSquaredHinge, Kind::kLogistic,
                                          Kind::kSquares,  Kind::kAbsolute,     Kind::kInsensitive,
                                          Kind::kPoisson};

class DualTest : public ::testing::TestWithParam<Kind> {};

TEST_P(DualTest, ReachesTheMinimumInEveryShape) {
  for (const double l1 : {0.0, 0.7}) {
    for (const bool each : {false, true}) {
      Problem p(GetParam(), 30, 5, 1);
      if (each) p.EachPenalty(2);
      std::fill(p.l1.begin(), p.l1.end(), l1);
      for (int64_t j = 0; j < p.main.cols; ++j) {
        p.main.at(3, j) = 0;                      // a row of zeros
        p.main.at(8, j) = p.main.at(7, j);        // and one twice, by other offsets
      }
      p.weight[5] = 0;
      p.y[8] = p.y[7];
      const auto [above, below] = Bounds(p, 1500);
      ASSERT_LE(above - below, 1e-8 * std::abs(above)) << "the reference has not converged";
      for (const Format format : {Format::kDense, Format::kCsr}) {
        for (const Type type : {Type::kFloat64, Type::kFloat32}) {
          for (const int workers : {1, 2, 4}) {
            SCOPED_TRACE(std::to_string(l1) + (each ? " each" : " uniform") +
                         (format == Format::kCsr ? " csr " : " dense ") +
                         (type == Type::kFloat32 ? "float " : "double ") +
                         std::to_string(workers) + " workers");
            Setting setting = Exact();
            setting.format = format, setting.type = type, setting.each = each;
            setting.options.workers = workers;
            std::fill(p.theta.begin(), p.theta.end(), 0);
            Solve(&p, setting, above, 20000);
            EXPECT_LE(p.Objective(p.theta) - below, 2e-8 * std::abs(below) + 1e-14);
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, DualTest, ::testing::ValuesIn(kWithConjugate));

TEST(DualSolver, FindsTheRootBesideAKinkOfACurvedLoss) {
  Problem p(Kind::kBentLogistic, 40, 5, 3);
  Setting setting = Exact();
  setting.options.tolerance = 1e-10;
  Solve(&p, setting, kInfinity, 20000);
  const double objective = p.Objective(p.theta);
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  for (int n = 0; n < 2000; ++n) {
    std::vector<double> other = p.theta;
    const double size = std::pow(10.0, -n % 6);
    for (double& t : other) t += size * normal(random);
    ASSERT_GE(p.Objective(other), objective * (1 - 1e-10));
  }
}

TEST(DualSolver, TakesOneRowAndOneFeature) {
  for (const Kind kind : kWithConjugate) {
    for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{1, 4}, {12, 1}, {1, 1}}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(kind)) + " " + std::to_string(rows));
      Problem p(kind, rows, cols, 5);
      const auto [above, below] = Bounds(p, 1000);
      Setting setting = Exact();
      setting.options.workers = 2;  // more workers than rows
      Solve(&p, setting, above, 20000);
      EXPECT_LE(p.Objective(p.theta) - below, 1e-7 * std::abs(below) + 1e-14);
    }
  }
}

TEST(DualSolver, SolvesRowsThatTheDataDoNotReach) {
  // Every row is zero and there is no intercept: nothing moves, and the gap is zero at once.
  Problem p(Kind::kHinge, 6, 3, 6);
  std::fill(p.main.x.begin(), p.main.x.end(), 0);
  TestLoss loss(p.kind, &p.y, &p.weight);
  for (const Format format : {Format::kDense, Format::kCsr}) {
    std::vector<RowPart> parts = p.Parts(format, Type::kFloat64, false);
    parts = {parts[1]};
    DualSolver solver(Exact().options, &parts, &loss, nullptr, p.rows());
    ASSERT_TRUE(solver.Start().ok());
    for (int round = 0; round < 2; ++round) solver.Work(0), solver.Turn();
    EXPECT_TRUE(solver.converged());
    double sum = 0;
    for (const double w : p.weight) sum += w;
    EXPECT_NEAR(solver.objective(), sum, 1e-12);
    EXPECT_EQ(solver.gap(), 0);
  }
}

TEST(DualSolver, ShrinksAndLooksAgain) {
  Problem p(Kind::kHinge, 400, 8, 7);
  std::fill(p.weight.begin(), p.weight.end(), 20.0);
  TestLoss loss(p.kind, &p.y, &p.weight);
  double objective[2];
  for (const bool shrinking : {false, true}) {
    std::fill(p.theta.begin(), p.theta.end(), 0);
    std::vector<RowPart> parts = p.Parts(Format::kDense, Type::kFloat64, false);
    DualSolver::Options options = Exact().options;
    options.shrinking = shrinking;
    DualSolver solver(options, &parts, &loss, p.offset.data(), p.rows());
    ASSERT_TRUE(solver.Start().ok());
    bool grew = false;
    int64_t least = solver.active();
    for (int64_t round = 0; round < 40000 && !solver.converged(); ++round) {
      const int64_t before = solver.active();
      solver.Work(0), solver.Turn();
      least = std::min(least, solver.active());
      grew |= solver.active() > before;
    }
    ASSERT_TRUE(solver.converged()) << solver.gap();
    objective[shrinking] = p.Objective(p.theta);
    if (shrinking) {
      EXPECT_LT(least, p.rows() / 2);
      EXPECT_TRUE(grew);
    } else {
      EXPECT_EQ(least, p.rows());
    }
  }
  EXPECT_NEAR(objective[0], objective[1], 1e-8 * objective[0]);
}

// Rows enough for an epoch to say how much of the workers' changes goes the same way; then rows that all are
// the same, whose changes all do.
TEST(DualSolver, WorkersAddUpWhatManyRowsChange) {
  for (const bool same : {false, true}) {
    std::vector<double> objective;
    for (const int workers : {1, 4}) {
      Problem p(Kind::kHinge, 6000, 8, 10);
      for (int64_t i = 0; same && i < p.rows(); ++i) {
        std::copy_n(p.main.x.begin(), p.main.cols, p.main.x.begin() + i * p.main.cols);
        std::copy_n(p.second.x.begin(), 2, p.second.x.begin() + i * 2);
      }
      for (double& a : p.l2) a = 20;
      TestLoss loss(p.kind, &p.y, &p.weight);
      std::vector<RowPart> parts = p.Parts(Format::kDense, Type::kFloat64, false);
      DualSolver::Options options;
      options.workers = workers;
      DualSolver solver(options, &parts, &loss, p.offset.data(), p.rows());
      ASSERT_TRUE(solver.Start().ok());
      while (!solver.converged() && solver.iterations() < 2000) {
        for (int w = 0; w < workers; ++w) solver.Work(w);
        solver.Turn();
      }
      EXPECT_TRUE(solver.converged()) << workers << " workers: " << solver.gap();
      objective.push_back(p.Objective(p.theta));
    }
    EXPECT_NEAR(objective[1], objective[0], 2e-6 * objective[0]);
  }
}

TEST(DualSolver, IsRepeatableBySeed) {
  for (const int workers : {1, 3}) {
    std::vector<std::vector<double>> theta;
    for (const uint64_t seed : {1, 1, 2}) {
      Problem p(Kind::kLogistic, 50, 6, 8);
      TestLoss loss(p.kind, &p.y, &p.weight);
      std::vector<RowPart> parts = p.Parts(Format::kCsr, Type::kFloat32, false);
      DualSolver::Options options;
      options.seed = seed, options.workers = workers;
      DualSolver solver(options, &parts, &loss, p.offset.data(), p.rows());
      ASSERT_TRUE(solver.Start().ok());
      for (int round = 0; round < 3; ++round) {
        // In either order.
        for (int w = 0; w < workers; ++w) solver.Work(theta.empty() ? w : workers - 1 - w);
        solver.Turn();
      }
      theta.push_back(p.theta);
    }
    EXPECT_EQ(theta[0], theta[1]);
    EXPECT_NE(theta[0], theta[2]);
  }
}

TEST(DualSolver, StartsFromWhatIsThere) {
  for (const Kind kind : {Kind::kHinge, Kind::kLogistic}) {
    Problem p(kind, 200, 8, 9);
    TestLoss loss(p.kind, &p.y, &p.weight);
    std::vector<RowPart> parts = p.Parts(Format::kDense, Type::kFloat64, false);
    const auto run = [&](DualSolver* solver) {
      EXPECT_TRUE(solver->Start().ok());
      while (!solver->converged() && solver->iterations() < 20000) solver->Work(0), solver->Turn();
      EXPECT_TRUE(solver->converged());
      return solver->iterations();
    };
    DualSolver solver(Exact().options, &parts, &loss, p.offset.data(), p.rows());
    const int64_t cold = run(&solver);
    const double objective = solver.objective();
    EXPECT_LE(run(&solver), 2) << "of " << cold;  // its own dual variables
    EXPECT_NEAR(solver.objective(), objective, 2e-9 * objective);

    DualSolver other(Exact().options, &parts, &loss, p.offset.data(), p.rows());
    const int64_t warm = run(&other);  // the slopes at theta
    EXPECT_NEAR(other.objective(), objective, 2e-9 * objective);
    if (kind == Kind::kLogistic) {
      EXPECT_LT(warm, cold);
    }

    // Other penalties and other losses: the dual variables at hand need not be feasible.
    for (RowPart& part : parts) part.prox.l2.value = 2;
    for (double& y : p.y) y = -y;
    std::fill(p.l2.begin(), p.l2.end(), 2);
    run(&solver);
    EXPECT_NEAR(solver.objective(), p.Objective(p.theta), 1e-10 * objective);
    EXPECT_LE(solver.gap(), 1e-9 * solver.objective());
    const auto [above, below] = Bounds(p, 200);
    EXPECT_LE(solver.dual(), above * (1 + 1e-11));
    EXPECT_GE(solver.objective(), below * (1 - 1e-11));
  }
}

TEST(DualSolver, StopsWhereNothingMovesAnyMore) {
  Problem p(Kind::kSquares, 10, 3, 10);
  Setting setting;
  setting.options.tolerance = 0;
  TestLoss loss(p.kind, &p.y, &p.weight);
  std::vector<RowPart> parts = p.Parts(Format::kDense, Type::kFloat64, false);
  DualSolver solver(setting.options, &parts, &loss, p.offset.data(), p.rows());
  ASSERT_TRUE(solver.Start().ok());
  while (!solver.converged() && solver.iterations() < 3000) solver.Work(0), solver.Turn();
  EXPECT_LE(solver.gap(), 1e-14 * solver.objective());
}

TEST(DualSolver, NamesWhatItCannotSolve) {
  Problem p(Kind::kHinge, 4, 3, 11);
  TestLoss loss(p.kind, &p.y, &p.weight);
  std::vector<RowPart> parts = p.Parts(Format::kDense, Type::kFloat64, false);
  const auto start = [&](const std::vector<RowPart>& of) {
    std::vector<RowPart> copy = of;
    return DualSolver({}, &copy, &loss, nullptr, p.rows()).Start().code();
  };
  EXPECT_EQ(start(parts), absl::StatusCode::kOk);
  EXPECT_EQ(start({}), absl::StatusCode::kInvalidArgument);
  std::vector<RowPart> other = parts;
  other[2].prox.l2.value = 0;
  EXPECT_EQ(start(other), absl::StatusCode::kInvalidArgument);
  other = parts, other[2].prox.lower.value = 0;
  EXPECT_EQ(start(other), absl::StatusCode::kUnimplemented);
  other = parts, other[1].prox.group.value = 1;
  EXPECT_EQ(start(other), absl::StatusCode::kUnimplemented);
  other = parts, other[1].block.format = Format::kCsc;
  EXPECT_EQ(start(other), absl::StatusCode::kUnimplemented);
  std::fill(p.weight.begin(), p.weight.end(), -1);  // concave
  EXPECT_EQ(start(parts), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gyre
