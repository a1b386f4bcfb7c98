// Update rules on problems with known answers: random quadratics, lasso against long coordinate
// descent, logistic regression, constraints, Rosenbrock's function; noise, failures, checkpoints.
#include "ops/update/update.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

using Vector = std::vector<double>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

double Dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double Distance(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

// f and its gradient.
using Smooth = std::function<double(const Vector& x, Vector* gradient)>;

// rows by cols, standard normal, with column scales falling to 1 / sqrt(condition).
struct Data {
  size_t rows, cols;
  Vector x, y;
  double at(size_t i, size_t j) const { return x[i * cols + j]; }
};
Data MakeData(size_t rows, size_t cols, double condition, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Data d{rows, cols, Vector(rows * cols), Vector(rows)};
  Vector truth(cols);
  for (size_t j = 0; j < cols; ++j) truth[j] = j % 3 == 0 ? normal(random) : 0;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < cols; ++j) {
      const double scale = std::pow(condition, -0.5 * static_cast<double>(j) / static_cast<double>(cols));
      d.x[i * cols + j] = scale * normal(random);
      d.y[i] += d.x[i * cols + j] * truth[j];
    }
    d.y[i] += 0.3 * normal(random);
  }
  return d;
}

// mean (y - X w)^2 / 2 over rows [begin, end)
double LeastSquares(const Data& d, size_t begin, size_t end, const Vector& w, Vector* gradient) {
  std::fill(gradient->begin(), gradient->end(), 0.0);
  double f = 0;
  const double weight = 1 / static_cast<double>(end - begin);
  for (size_t i = begin; i < end; ++i) {
    double r = -d.y[i];
    for (size_t j = 0; j < d.cols; ++j) r += d.at(i, j) * w[j];
    f += 0.5 * weight * r * r;
    for (size_t j = 0; j < d.cols; ++j) (*gradient)[j] += weight * r * d.at(i, j);
  }
  return f;
}
Smooth LeastSquares(const Data& d) {
  return [&d](const Vector& w, Vector* g) { return LeastSquares(d, 0, d.rows, w, g); };
}

// mean log(1 + exp(-sign(y) x.w))
double Logistic(const Data& d, size_t begin, size_t end, const Vector& w, Vector* gradient) {
  std::fill(gradient->begin(), gradient->end(), 0.0);
  double f = 0;
  const double weight = 1 / static_cast<double>(end - begin);
  for (size_t i = begin; i < end; ++i) {
    const double sign = d.y[i] > 0 ? 1 : -1;
    double margin = 0;
    for (size_t j = 0; j < d.cols; ++j) margin += sign * d.at(i, j) * w[j];
    f += weight * (margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin);
    const double slope = -weight * sign / (1 + std::exp(margin));
    for (size_t j = 0; j < d.cols; ++j) (*gradient)[j] += slope * d.at(i, j);
  }
  return f;
}
Smooth Logistic(const Data& d) {
  return [&d](const Vector& w, Vector* g) { return Logistic(d, 0, d.rows, w, g); };
}

struct Result {
  Vector x;
  double objective;      // F at x, evaluated afresh
  int evaluations = 0;
  int rejected = 0;
  UpdateState last;
};

double Objective(const Smooth& f, const Vector& x, const std::vector<Segment>& segments) {
  Vector gradient(x.size());
  double sum = f(x, &gradient);
  for (const Segment& s : segments) sum += s.prox.Value(x.data() + s.begin, s.size);
  return sum;
}

std::vector<Segment> Whole(const Vector& x, const Prox& prox = {}) {
  return {{0, static_cast<int64_t>(x.size()), prox}};
}

Result Solve(const UpdateOptions& options, const Smooth& f, Vector x,
           const std::vector<Segment>& segments, int most = 20000) {
  auto rule = MakeUpdateRule(options).value();
  Result result;
  result.last.status = rule->Start(absl::MakeSpan(x), segments);
  EXPECT_TRUE(result.last.status.ok()) << result.last.status;
  Vector gradient(x.size());
  while (result.last.status.ok() && !result.last.converged && result.evaluations < most) {
    const double value = f(x, &gradient);
    result.last = rule->Step(value, gradient, absl::MakeSpan(x));
    ++result.evaluations;
    if (!result.last.accepted) ++result.rejected;
  }
  result.x.resize(x.size());
  rule->Best(absl::MakeSpan(result.x));
  result.objective = Objective(f, result.x, segments);
  return result;
}

UpdateOptions Options(const std::string& rule, double tolerance = 1e-9) {
  UpdateOptions options;
  options.rule = rule;
  options.tolerance = tolerance;
  return options;
}

// Coordinate descent to the last digits: the reference for lasso and elastic net, with bounds.
Vector CoordinateDescent(const Data& d, const Prox& p) {
  Vector w(d.cols, 0.0), residual(d.y), norm2(d.cols, 0.0);
  const double m = static_cast<double>(d.rows);
  for (size_t j = 0; j < d.cols; ++j)
    for (size_t i = 0; i < d.rows; ++i) norm2[j] += d.at(i, j) * d.at(i, j) / m;
  for (int sweep = 0; sweep < 20000; ++sweep) {
    double moved = 0;
    for (size_t j = 0; j < d.cols; ++j) {
      double c = norm2[j] * w[j];
      for (size_t i = 0; i < d.rows; ++i) c += d.at(i, j) * residual[i] / m;
      const int64_t k = static_cast<int64_t>(j);
      const double soft = std::copysign(std::max(std::abs(c) - p.l1.at(k), 0.0), c);
      const double next = std::clamp(soft / (norm2[j] + 2 * p.l2.at(k)), p.lower.at(k), p.upper.at(k));
      for (size_t i = 0; i < d.rows; ++i) residual[i] -= d.at(i, j) * (next - w[j]);
      moved = std::max(moved, std::abs(next - w[j]));
      w[j] = next;
    }
    if (moved < 1e-14) break;
  }
  return w;
}

class BatchRules : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, BatchRules, testing::Values("fista", "lbfgs", "owlqn"),
                         [](const auto& p) { return p.param; });

TEST_P(BatchRules, Quadratics) {
  for (const double condition : {1.0, 1e2, 1e4}) {
    const Data d = MakeData(200, 40, condition, 3);
    const Prox none;
    const Vector reference = CoordinateDescent(d, none);
    const Vector zero(d.cols, 0.0);
    const Result r = Solve(Options(GetParam()), LeastSquares(d), zero, Whole(zero));
    EXPECT_TRUE(r.last.converged);
    EXPECT_LT(Distance(r.x, reference), 1e-3 * std::sqrt(Dot(reference, reference)));
    EXPECT_LT(r.objective - Objective(LeastSquares(d), reference, Whole(zero)), 1e-8);
    std::printf("%s condition %g: %d evaluations, %d rejected\n", GetParam().c_str(), condition,
                r.evaluations, r.rejected);
  }
}

TEST_P(BatchRules, SquaredPenaltyIsPartOfTheObjective) {
  const Data d = MakeData(100, 30, 100, 4);
  Prox p;
  p.l2.value = 0.05;
  const Vector zero(d.cols, 0.0);
  const Result r = Solve(Options(GetParam()), LeastSquares(d), zero, Whole(zero, p));
  EXPECT_TRUE(r.last.converged);
  EXPECT_LT(Distance(r.x, CoordinateDescent(d, p)), 1e-5);
  EXPECT_NEAR(r.last.best_objective, r.objective, 1e-9);
}

TEST_P(BatchRules, SeparableDataIsNoTrouble) {  // the optimum is finite only through the penalty
  Data d = MakeData(50, 60, 1, 5);
  Prox p;
  p.l2.value = 1e-3;
  const Vector zero(d.cols, 0.0);
  const Result r = Solve(Options(GetParam()), Logistic(d), zero, Whole(zero, p));
  EXPECT_TRUE(r.last.converged);
  Vector gradient(d.cols);
  Logistic(d, 0, d.rows, r.x, &gradient);
  for (size_t j = 0; j < d.cols; ++j) EXPECT_NEAR(gradient[j] + 2e-3 * r.x[j], 0, 1e-7);
}

TEST_P(BatchRules, ScaleOfTheDataDoesNotMatter) {
  for (const double scale : {1e-6, 1.0, 1e6}) {
    Data d = MakeData(100, 20, 10, 6);
    for (double& x : d.x) x *= scale;
    const Vector zero(d.cols, 0.0);
    Prox p;
    p.l2.value = 0.01 * scale * scale;
    const Result r = Solve(Options(GetParam(), 1e-7), LeastSquares(d), zero, Whole(zero, p), 3000);
    EXPECT_TRUE(r.last.converged) << scale;
    const Vector reference = CoordinateDescent(d, p);
    EXPECT_LT(Distance(r.x, reference), 1e-4 * std::sqrt(Dot(reference, reference))) << scale;
    std::printf("%s scale %g: %d evaluations, %d rejected\n", GetParam().c_str(), scale,
                r.evaluations, r.rejected);
  }
}

// What float kernels see: parameters, sums and gradients rounded to float.
Smooth InFloat(const Smooth& f) {
  return [f](const Vector& x, Vector* g) {
    const auto narrow = [](double v) { return static_cast<double>(static_cast<float>(v)); };
    Vector rounded(x);
    for (double& v : rounded) v = narrow(v);
    const double value = narrow(f(rounded, g));
    for (double& v : *g) v = narrow(v);
    return value;
  };
}

TEST_P(BatchRules, EndsCleanlyWhereFIsRoundedToFloat) {
  const Data d = MakeData(300, 40, 1e2, 20);
  for (const double tolerance : {1e-5, 1e-7, 1e-12}) {
    const Vector zero(d.cols, 0.0);
    const Result exact = Solve(Options(GetParam()), LeastSquares(d), zero, Whole(zero));
    const Result r =
        Solve(Options(GetParam(), tolerance), InFloat(LeastSquares(d)), zero, Whole(zero));
    EXPECT_TRUE(r.last.converged) << r.last.status;
    EXPECT_LT(r.objective, exact.objective * (1 + 1e-6));
    std::printf("%s in float to %g: %d evaluations, %d rejected\n", GetParam().c_str(), tolerance,
                r.evaluations, r.rejected);
    EXPECT_LT(r.evaluations, 3000);
  }
}

TEST_P(BatchRules, StartsAtTheOptimum) {
  const Data d = MakeData(100, 20, 10, 7);
  const Vector reference = CoordinateDescent(d, {});
  const Result r = Solve(Options(GetParam(), 1e-6), LeastSquares(d), reference, Whole(reference), 50);
  EXPECT_TRUE(r.last.converged);
  EXPECT_LT(Distance(r.x, reference), 1e-5);
}

TEST_P(BatchRules, StepsBackFromPointsThatAreNotFinite) {
  // log has a wall at 0, which a long step crosses.
  const Smooth f = [](const Vector& x, Vector* g) {
    if (x[0] <= 0) {
      (*g)[0] = kNotANumber;
      return kNotANumber;
    }
    (*g)[0] = 1 - 1 / x[0];
    return x[0] - std::log(x[0]);
  };
  for (const double start : {1e-3, 0.5, 30.0}) {
    const Result r = Solve(Options(GetParam()), f, {start}, Whole({start}));
    EXPECT_TRUE(r.last.converged) << r.last.status;
    EXPECT_NEAR(r.x[0], 1, 1e-4);
  }
}

TEST_P(BatchRules, SaysWhenTheStartIsNotFinite) {
  const Smooth f = [](const Vector&, Vector* g) { return (*g)[0] = kNotANumber; };
  const Result r = Solve(Options(GetParam()), f, {1.0}, Whole({1.0}));
  EXPECT_EQ(r.last.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(r.evaluations, 1);
}

TEST_P(BatchRules, AWrongGradientEnds) {
  const Smooth f = [](const Vector& x, Vector* g) {
    (*g)[0] = -2 * x[0] - 1;  // uphill
    return x[0] * x[0] + x[0];
  };
  const Result r = Solve(Options(GetParam()), f, {3.0}, Whole({3.0}), 2000);
  EXPECT_FALSE(r.last.status.ok());
  EXPECT_LT(r.evaluations, 1000);
}

TEST_P(BatchRules, ConstantFunctionConverges) {
  const Smooth f = [](const Vector&, Vector* g) {
    std::fill(g->begin(), g->end(), 0.0);
    return 4.0;
  };
  const Result r = Solve(Options(GetParam()), f, {3.0, 1.0}, Whole({3.0, 1.0}), 100);
  EXPECT_TRUE(r.last.converged);
  EXPECT_EQ(r.x[0], 3);
}

TEST_P(BatchRules, ContinuesFromASavedState) {
  const Data d = MakeData(80, 25, 1e3, 8);
  const Vector zero(d.cols, 0.0);
  const auto segments = Whole(zero);
  auto first = MakeUpdateRule(Options(GetParam())).value();
  Vector x = zero, gradient(d.cols);
  ASSERT_TRUE(first->Start(absl::MakeSpan(x), segments).ok());
  for (int i = 0; i < 13; ++i) {
    const double value = LeastSquares(d, 0, d.rows, x, &gradient);
    first->Step(value, gradient, absl::MakeSpan(x));
  }
  auto second = MakeUpdateRule(Options(GetParam())).value();
  Vector other = zero;
  ASSERT_TRUE(second->Start(absl::MakeSpan(other), segments).ok());
  const std::string saved = first->Save();
  ASSERT_TRUE(second->Load(saved).ok());
  EXPECT_FALSE(second->Load(saved.substr(0, saved.size() - 1)).ok());
  EXPECT_FALSE(second->Load(saved + "x").ok());
  ASSERT_TRUE(second->Load(saved).ok());
  other = x;
  for (int i = 0; i < 10; ++i) {
    double value = LeastSquares(d, 0, d.rows, x, &gradient);
    first->Step(value, gradient, absl::MakeSpan(x));
    value = LeastSquares(d, 0, d.rows, other, &gradient);
    second->Step(value, gradient, absl::MakeSpan(other));
    ASSERT_EQ(x, other);
  }
}

class SparseRules : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, SparseRules, testing::Values("fista", "owlqn"),
                         [](const auto& p) { return p.param; });

TEST_P(SparseRules, LassoElasticNetAndBounds) {
  const Data d = MakeData(120, 60, 50, 9);
  Prox lasso, net, positive, box;
  lasso.l1.value = 0.05;
  net.l1.value = 0.02, net.l2.value = 0.1;
  positive = lasso, positive.lower.value = 0;
  box.lower.value = -0.1, box.upper.value = 0.2;
  for (const Prox& p : {lasso, net, positive, box}) {
    const Vector zero(d.cols, 0.0);
    const Result r = Solve(Options(GetParam()), LeastSquares(d), zero, Whole(zero, p));
    const Vector reference = CoordinateDescent(d, p);
    EXPECT_TRUE(r.last.converged) << r.last.status;
    EXPECT_LT(Distance(r.x, reference), 1e-5) << r.evaluations;
    int zeros = 0, expected = 0;
    for (size_t j = 0; j < d.cols; ++j) zeros += r.x[j] == 0, expected += reference[j] == 0;
    EXPECT_EQ(zeros, expected);
    std::printf("%s lasso: %d evaluations, %d rejected\n", GetParam().c_str(), r.evaluations, r.rejected);
  }
}

TEST_P(SparseRules, SegmentsHaveTheirOwnPenalty) {
  const Data d = MakeData(100, 30, 10, 10);
  Vector weights(d.cols, 0.1);
  for (size_t j = 0; j < 10; ++j) weights[j] = 0;
  Prox each, l1;
  each.l1.each = weights.data();
  l1.l1.value = 0.1;
  const Vector zero(d.cols, 0.0);
  const std::vector<Segment> segments = {{0, 10, {}}, {10, 0, l1}, {10, 20, l1}};
  const Result a = Solve(Options(GetParam()), LeastSquares(d), zero, segments);
  const Result b = Solve(Options(GetParam()), LeastSquares(d), zero, Whole(zero, each));
  EXPECT_LT(Distance(a.x, CoordinateDescent(d, each)), 1e-5);
  EXPECT_LT(Distance(a.x, b.x), 1e-5);
}

TEST_P(SparseRules, SparseLogistic) {
  const Data d = MakeData(300, 50, 10, 11);
  Prox p;
  p.l1.value = 0.02;
  const Vector zero(d.cols, 0.0);
  const Result r = Solve(Options(GetParam()), Logistic(d), zero, Whole(zero, p));
  EXPECT_TRUE(r.last.converged);
  Vector gradient(d.cols);
  Logistic(d, 0, d.rows, r.x, &gradient);
  for (size_t j = 0; j < d.cols; ++j) {
    if (r.x[j] == 0) {
      EXPECT_LE(std::abs(gradient[j]), 0.02 + 1e-6);
    } else {
      EXPECT_NEAR(gradient[j], -std::copysign(0.02, r.x[j]), 1e-6);
    }
  }
}

TEST(Fista, GroupLassoAndSimplexMeetTheirConditions) {
  const Data d = MakeData(100, 24, 10, 12);
  const Vector zero(d.cols, 0.0);
  Prox group;
  group.group.value = 0.1, group.group_size = 4;
  const Result r = Solve(Options("fista"), LeastSquares(d), zero, Whole(zero, group));
  EXPECT_TRUE(r.last.converged);
  Vector gradient(d.cols);
  LeastSquares(d, 0, d.rows, r.x, &gradient);
  for (size_t g = 0; g < 6; ++g) {  // -gradient_g = w x_g / ||x_g||, or at most w in norm
    double norm = 0, slack = 0;
    for (size_t i = 4 * g; i < 4 * g + 4; ++i) norm += r.x[i] * r.x[i];
    norm = std::sqrt(norm);
    for (size_t i = 4 * g; i < 4 * g + 4; ++i)
      slack += std::pow(gradient[i] + (norm > 0 ? 0.1 * r.x[i] / norm : 0), 2);
    EXPECT_LE(std::sqrt(slack), norm > 0 ? 1e-6 : 0.1 + 1e-6);
  }
  Prox simplex;
  simplex.simplex = 1;
  const Result s = Solve(Options("fista"), LeastSquares(d), zero, Whole(zero, simplex));
  EXPECT_TRUE(s.last.converged);
  LeastSquares(d, 0, d.rows, s.x, &gradient);
  const double least = *std::min_element(gradient.begin(), gradient.end());
  double sum = 0;
  for (size_t j = 0; j < d.cols; ++j) {
    sum += s.x[j];
    if (s.x[j] > 0) {
      EXPECT_NEAR(gradient[j], least, 1e-6);
    }
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

// Evaluations until F is within `gap` of the least.
int EvaluationsToGap(const UpdateOptions& options, const Data& d, double least, double gap) {
  auto rule = MakeUpdateRule(options).value();
  Vector x(d.cols, 0.0), gradient(d.cols);
  EXPECT_TRUE(rule->Start(absl::MakeSpan(x), Whole(x)).ok());
  for (int i = 1; i < 20000; ++i) {
    const double f = LeastSquares(d, 0, d.rows, x, &gradient);
    if (f < least + gap) return i;
    rule->Step(f, gradient, absl::MakeSpan(x));
  }
  return 20000;
}

TEST(Fista, RestartBeatsPlainWhereIllConditioned) {
  const Data d = MakeData(400, 60, 1e3, 13);
  const Vector reference = CoordinateDescent(d, {});
  const double least = Objective(LeastSquares(d), reference, Whole(reference));
  UpdateOptions plain = Options("fista", 0);
  plain.restart = false;
  const int with = EvaluationsToGap(Options("fista", 0), d, least, 1e-9);
  const int without = EvaluationsToGap(plain, d, least, 1e-9);
  std::printf("fista: %d evaluations with restart, %d without\n", with, without);
  EXPECT_LT(with, without);
}

TEST(LBfgs, Rosenbrock) {
  const Smooth f = [](const Vector& x, Vector* g) {
    double sum = 0;
    std::fill(g->begin(), g->end(), 0.0);
    for (size_t i = 0; i + 1 < x.size(); i += 2) {
      const double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
      sum += a * a + 100 * b * b;
      (*g)[i] = -2 * a - 400 * x[i] * b;
      (*g)[i + 1] = 200 * b;
    }
    return sum;
  };
  Vector x(10);
  for (size_t i = 0; i < 10; ++i) x[i] = i % 2 == 0 ? -1.2 : 1;
  const Result r = Solve(Options("lbfgs", 1e-10), f, x, Whole(x));
  EXPECT_TRUE(r.last.converged);
  for (const double v : r.x) EXPECT_NEAR(v, 1, 1e-6);
  EXPECT_LT(r.evaluations, 80);  // SciPy's L-BFGS-B takes about 45
  std::printf("rosenbrock: %d evaluations\n", r.evaluations);
}

TEST(LBfgs, FewEvaluationsPerIteration) {
  const Data d = MakeData(500, 100, 1e3, 14);
  Prox p;
  p.l2.value = 1e-4;
  const Vector zero(d.cols, 0.0);
  const Result r = Solve(Options("lbfgs", 1e-6), Logistic(d), zero, Whole(zero, p));
  const Result fista = Solve(Options("fista", 1e-6), Logistic(d), zero, Whole(zero, p));
  std::printf("logistic: lbfgs %d evaluations (%d rejected), fista %d (%d rejected)\n",
              r.evaluations, r.rejected, fista.evaluations, fista.rejected);
  EXPECT_TRUE(r.last.converged);
  EXPECT_LT(r.rejected * 5, r.evaluations);
  EXPECT_LT(r.evaluations, fista.evaluations);
}

// Elements on very different scales, as columns of rare and of frequent words are: the diagonal that the
// pairs leave behind makes up for their small number.
TEST(LBfgs, LearnsTheScaleOfElements) {
  const Smooth f = [](const Vector& x, Vector* g) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double curvature = std::pow(10, 4 * static_cast<double>(i) / static_cast<double>(x.size()));
      (*g)[i] = curvature * (x[i] - 1);
      sum += 0.5 * curvature * (x[i] - 1) * (x[i] - 1);
    }
    return sum;
  };
  UpdateOptions options{.rule = "lbfgs"};
  options.memory = 5;
  const Result r = Solve(options, f, Vector(200), Whole(Vector(200)));
  EXPECT_LT(Distance(r.x, Vector(200, 1.0)), 1e-2);
  EXPECT_LT(r.evaluations, 200);  // far more from a multiple of the identity
}

TEST(LBfgs, RefusesWhatIsNotSmooth) {
  Vector x(3, 0.0);
  Prox p;
  p.l1.value = 1;
  const auto refuse = [&](const std::string& rule, const Prox& prox) {
    return MakeUpdateRule(Options(rule)).value()->Start(absl::MakeSpan(x), Whole(x, prox));
  };
  EXPECT_EQ(refuse("lbfgs", p).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(refuse("owlqn", p).ok());
  p.simplex = 1;
  EXPECT_EQ(refuse("owlqn", p).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(refuse("fista", p).ok());
  p.l1.value = -1;
  EXPECT_EQ(refuse("fista", p).code(), absl::StatusCode::kInvalidArgument);
}

// Mini-batches of `batch` rows in order; returns the distance to the optimum of the whole.
struct Stochastic {
  const Data& d;
  size_t batch;
  bool logistic;
  Result Solve(const UpdateOptions& options, const Prox& prox, int epochs) const {
    auto rule = MakeUpdateRule(options).value();
    Vector x(d.cols, 0.0), gradient(d.cols);
    const auto segments = Whole(x, prox);
    EXPECT_TRUE(rule->Start(absl::MakeSpan(x), segments).ok());
    Result result;
    for (int e = 0; e < epochs; ++e)
      for (size_t b = 0; b + batch <= d.rows && result.last.status.ok(); b += batch) {
        const double value = logistic ? Logistic(d, b, b + batch, x, &gradient)
                                      : LeastSquares(d, b, b + batch, x, &gradient);
        const double epoch = e + static_cast<double>(b) / static_cast<double>(d.rows);
        result.last = rule->Step(value, gradient, absl::MakeSpan(x), epoch);
        ++result.evaluations;
      }
    result.x.resize(d.cols);
    rule->Best(absl::MakeSpan(result.x));
    result.objective = Objective(logistic ? Logistic(d) : LeastSquares(d), result.x, segments);
    return result;
  }
};

class NoisyRules : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, NoisyRules, testing::Values("sgd", "adagrad", "adam"),
                         [](const auto& p) { return p.param; });

TEST_P(NoisyRules, ConvergeWithoutTuning) {
  const Data d = MakeData(4000, 20, 10, 15);
  for (const bool logistic : {false, true})
    for (const double l1 : {0.0, 0.02}) {
      Prox p;
      p.l1.value = l1;
      p.l2.value = 1e-3;
      const Vector zero(d.cols, 0.0);
      const Smooth f = logistic ? Logistic(d) : LeastSquares(d);
      const Result best = Solve(Options("fista"), f, zero, Whole(zero, p));
      UpdateOptions options = Options(GetParam());
      options.schedule = "sqrt";
      const Result r = Stochastic{d, 50, logistic}.Solve(options, p, 40);
      EXPECT_TRUE(r.last.status.ok()) << r.last.status;
      const double start = Objective(f, zero, Whole(zero));
      const double left = (r.objective - best.objective) / (start - best.objective);
      std::printf("%s %s l1=%g: %.2e of the gap left\n", GetParam().c_str(),
                  logistic ? "logistic" : "squares", l1, left);
      EXPECT_LT(left, 0.02);
    }
}

TEST_P(NoisyRules, SkipBatchesThatAreNotFinite) {
  auto rule = MakeUpdateRule(Options(GetParam())).value();
  Vector x = {1.0}, gradient = {1.0};
  ASSERT_TRUE(rule->Start(absl::MakeSpan(x), Whole(x)).ok());
  UpdateState state;
  for (int i = 0; i < 60; ++i) {
    gradient[0] = x[0];
    state = rule->Step(0.5 * x[0] * x[0], gradient, absl::MakeSpan(x), 0);
  }
  gradient[0] = kNotANumber;
  state = rule->Step(1, gradient, absl::MakeSpan(x), 0);
  EXPECT_TRUE(state.status.ok());
  EXPECT_FALSE(state.accepted);
  EXPECT_TRUE(std::isfinite(x[0]));
  for (int i = 0; i < 100 && state.status.ok(); ++i)
    state = rule->Step(1, gradient, absl::MakeSpan(x), 0);
  EXPECT_EQ(state.status.code(), absl::StatusCode::kAborted);
}

TEST_P(NoisyRules, ContinueFromASavedState) {
  const Data d = MakeData(100, 5, 2, 16);
  const Vector zero(d.cols, 0.0);
  auto first = MakeUpdateRule(Options(GetParam())).value();
  auto second = MakeUpdateRule(Options(GetParam())).value();
  Vector x = zero, y = zero, gradient(d.cols);
  ASSERT_TRUE(first->Start(absl::MakeSpan(x), Whole(zero)).ok());
  ASSERT_TRUE(second->Start(absl::MakeSpan(y), Whole(zero)).ok());
  for (int i = 0; i < 7; ++i) {
    const double f = LeastSquares(d, 0, 50, x, &gradient);
    first->Step(f, gradient, absl::MakeSpan(x), 0);
  }
  ASSERT_TRUE(second->Load(first->Save()).ok());
  y = x;
  for (int i = 0; i < 40; ++i) {
    double f = LeastSquares(d, 0, 50, x, &gradient);
    first->Step(f, gradient, absl::MakeSpan(x), 1);
    f = LeastSquares(d, 0, 50, y, &gradient);
    second->Step(f, gradient, absl::MakeSpan(y), 1);
    ASSERT_EQ(x, y);
  }
}

TEST_P(NoisyRules, ConstraintsHoldAtEveryPoint) {
  const Data d = MakeData(200, 12, 2, 17);
  Prox p;
  p.simplex = 1, p.group_size = 4;
  auto rule = MakeUpdateRule(Options(GetParam())).value();
  Vector x(d.cols, 5.0), gradient(d.cols);
  ASSERT_TRUE(rule->Start(absl::MakeSpan(x), Whole(x, p)).ok());
  for (int i = 0; i < 100; ++i) {
    const double f = LeastSquares(d, 0, 200, x, &gradient);
    const UpdateState state = rule->Step(f, gradient, absl::MakeSpan(x), 0);
    if (state.accepted) {
      EXPECT_TRUE(std::isfinite(p.Value(x.data(), 12)));
    }
  }
}

TEST(Sgd, FindsAStepOnAnyScale) {
  for (const double scale : {1e-3, 1.0, 1e3}) {
    Data d = MakeData(2000, 20, 10, 18);
    for (double& v : d.x) v *= scale;
    const Vector zero(d.cols, 0.0);
    const Result best = Solve(Options("lbfgs"), LeastSquares(d), zero, Whole(zero));
    const Result r = Stochastic{d, 50, false}.Solve(Options("sgd"), {}, 30);
    const double start = Objective(LeastSquares(d), zero, Whole(zero));
    const double left = (r.objective - best.objective) / (start - best.objective);
    std::printf("sgd scale %g: %.2e of the gap left\n", scale, left);
    EXPECT_LT(left, 0.05) << scale;
  }
}

TEST(Sgd, MeasuresUntilItHasAStep) {
  const Data d = MakeData(60, 5, 10, 3);
  const Smooth f = LeastSquares(d);
  for (const char* name : {"sgd", "adam", "adagrad"}) {
    Vector x(5), gradient(5);
    auto rule = MakeUpdateRule({.rule = name}).value();
    ASSERT_TRUE(rule->Start(absl::MakeSpan(x), Whole(x)).ok());
    int steps = 0;
    while (rule->probing() && ++steps < 100) {
      const double value = f(x, &gradient);
      EXPECT_FALSE(rule->Step(value, gradient, absl::MakeSpan(x)).accepted) << name;
    }
    EXPECT_GT(steps, 1) << name;
    EXPECT_LT(steps, 40) << name;
    EXPECT_EQ(x, Vector(5)) << name << " descends from where it was started";
    UpdateOptions given{.rule = name};
    given.step = 0.1;
    auto ready = MakeUpdateRule(given).value();
    ASSERT_TRUE(ready->Start(absl::MakeSpan(x), Whole(x)).ok());
    EXPECT_FALSE(ready->probing()) << name;
  }
}

// One row a step: the points wander about the optimum, their mean does not.
TEST(Sgd, TheModelIsAMeanWhereTheStepFalls) {
  const Data d = MakeData(50, 4, 1, 5);
  UpdateOptions options{.rule = "sgd"};
  options.step = 0.05, options.momentum = 0, options.schedule = "sqrt", options.decay = 0.01;
  Vector x(4), gradient(4), model(4), optimum = Solve({.rule = "lbfgs"}, LeastSquares(d), x, Whole(x)).x;
  auto rule = MakeUpdateRule(options).value();
  ASSERT_TRUE(rule->Start(absl::MakeSpan(x), Whole(x)).ok());
  double last = 0;
  for (size_t t = 0; t < 5000; ++t) {
    const size_t row = (t * 17) % d.rows;
    const double f = LeastSquares(d, row, row + 1, x, &gradient);
    ASSERT_TRUE(rule->Step(f, gradient, absl::MakeSpan(x), static_cast<double>(t) / 50).status.ok());
    if (t >= 4950) last = std::max(last, Distance(x, optimum));
  }
  rule->Best(absl::MakeSpan(model));
  EXPECT_LT(Distance(model, optimum), 0.5 * last);
}

TEST(Sgd, ComesBackFromAStepThatIsTooLong) {
  const Data d = MakeData(500, 10, 2, 19);
  UpdateOptions options = Options("sgd");
  options.step = 50;
  const Result r = Stochastic{d, 50, false}.Solve(options, {}, 100);
  EXPECT_TRUE(r.last.status.ok()) << r.last.status;
  const Vector zero(d.cols, 0.0);
  EXPECT_LT(r.objective, Objective(LeastSquares(d), zero, Whole(zero)));
}

TEST(MakeUpdateRule, NamesWhatIsWrong) {
  UpdateOptions options;
  options.rule = "newton";
  auto rule = MakeUpdateRule(options);
  ASSERT_FALSE(rule.ok());
  EXPECT_NE(std::string(rule.status().message()).find("owlqn"), std::string::npos);
  options = {}, options.momentum = 1;
  EXPECT_FALSE(MakeUpdateRule(options).ok());
  options = {}, options.schedule = "linear";
  EXPECT_FALSE(MakeUpdateRule(options).ok());
  options = {}, options.schedule = "cosine";
  EXPECT_FALSE(MakeUpdateRule(options).ok());
  options.epochs = 3;
  EXPECT_TRUE(MakeUpdateRule(options).ok());
  options = {}, options.memory = 0;
  EXPECT_FALSE(MakeUpdateRule(options).ok());
  options = {}, options.step = kInfinity;
  EXPECT_FALSE(MakeUpdateRule(options).ok());
}

TEST(MakeUpdateRule, Folds) {
  EXPECT_EQ(FoldOf("fista"), UpdateFold::kComplete);
  EXPECT_EQ(FoldOf("lbfgs"), UpdateFold::kComplete);
  EXPECT_EQ(FoldOf("adam"), UpdateFold::kPerClock);
  EXPECT_EQ(MakeUpdateRule(Options("sgd")).value()->fold(), UpdateFold::kPerClock);
}

TEST(UpdateRule, SegmentsMustCoverTheParameters) {
  Vector x(4, 0.0);
  auto rule = MakeUpdateRule({}).value();
  const std::vector<Segment> gap = {{0, 2, {}}, {3, 1, {}}}, shorter = {{0, 3, {}}};
  EXPECT_FALSE(rule->Start(absl::MakeSpan(x), gap).ok());
  EXPECT_FALSE(rule->Start(absl::MakeSpan(x), shorter).ok());
}

}  // namespace
}  // namespace gyre
