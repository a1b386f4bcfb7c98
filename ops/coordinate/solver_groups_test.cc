// Groups, several outputs and single-precision columns, against proximal gradient descent by hand.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/coordinate/solver.h"
#include "ops/coordinate/testing.h"

namespace gyre {
namespace {

constexpr int64_t kRows = 40, kColumns = 24;

struct Shape {
  std::string name;
  Format format;
  Type type;
  int64_t columns, outputs;  // of a group
  bool logistic;
  double group, l1, l2;      // group and l1 as shares of what makes everything zero
};

struct Problem {
  explicit Problem(const Shape& s) : shape(s), parts(1) {
    std::mt19937_64 random(11);
    x.resize(kRows * kColumns);
    for (double& v : x) v = random() % 2 == 0 ? 0 : static_cast<double>(random() % 17) / 8 - 1;
    // Columns of a group are alike, so that groups are worth solving together.
    for (size_t j = 1; j < kColumns; j += 2)
      for (size_t i = 0; i < kRows; ++i) x[j * kRows + i] += x[(j - 1) * kRows + i];
    offset.push_back(0);
    for (size_t j = 0; j < kColumns; ++j) {
      for (size_t i = 0; i < kRows; ++i) {
        single.push_back(static_cast<float>(x[j * kRows + i]));
        if (x[j * kRows + i] == 0) continue;
        value.push_back(x[j * kRows + i]);
        single_value.push_back(static_cast<float>(value.back()));
        index.push_back(static_cast<int32_t>(i));
      }
      offset.push_back(static_cast<int64_t>(value.size()));
    }
    for (int64_t i = 0; i < kRows * s.outputs; ++i) {
      const double view = x[static_cast<size_t>(i / s.outputs)] - 2 * x[static_cast<size_t>(2 * kRows + i / s.outputs)];
      const double noise = static_cast<double>(random() % 100) / 50 - 1;
      y.push_back(s.logistic ? (view + noise > 0 ? 1 : -1) : view * static_cast<double>(1 + i % s.outputs) + noise);
    }
    theta.resize(static_cast<size_t>(kColumns * s.outputs));
    Part& part = parts[0];
    part.outputs = s.outputs;
    part.column_stride = s.outputs;
    part.theta = theta.data();
    part.columns.rows = kRows, part.columns.size = kColumns;
    const bool f32 = s.type == Type::kFloat32;
    if (s.format == Format::kDense) {
      const void* const values = f32 ? static_cast<const void*>(single.data()) : x.data();
      part.columns.block = {Format::kDense, s.type, values, nullptr, nullptr, kColumns, kRows, kRows};
    } else {
      const void* const values = f32 ? static_cast<const void*>(single_value.data()) : value.data();
      part.columns.block = {Format::kCsc, s.type, values, index.data(), offset.data(), kColumns, kRows, 0};
    }
  }
  Problem(const Problem&) = delete;

  size_t units() const { return static_cast<size_t>(kColumns / shape.columns); }
  size_t numbers() const { return static_cast<size_t>(shape.columns * shape.outputs); }
  void View(const std::vector<double>& t, std::vector<double>* view) const {
    const auto m = static_cast<size_t>(shape.outputs);
    std::fill(view->begin(), view->end(), 0.0);
    for (size_t j = 0; j < kColumns; ++j)
      for (size_t i = 0; i < kRows; ++i)
        for (size_t c = 0; c < m; ++c) (*view)[i * m + c] += x[j * kRows + i] * t[j * m + c];
  }
  std::vector<double> Gradient(RowLoss* loss, const std::vector<double>& t) const {
    const auto m = static_cast<size_t>(shape.outputs);
    std::vector<double> view(kRows * m), slope(kRows * m), g(t.size());
    View(t, &view);
    loss->Slopes(view.data(), slope.data());
    for (size_t j = 0; j < kColumns; ++j)
      for (size_t i = 0; i < kRows; ++i)
        for (size_t c = 0; c < m; ++c) g[j * m + c] += x[j * kRows + i] * slope[i * m + c];
    return g;
  }
  void Penalise(RowLoss* loss) {
    const std::vector<double> g = Gradient(loss, std::vector<double>(theta.size()));
    double most = 0, most_norm = 0;
    for (size_t u = 0; u < units(); ++u) {
      double norm2 = 0;
      for (size_t k = u * numbers(); k < (u + 1) * numbers(); ++k) {
        most = std::max(most, std::abs(g[k]));
        norm2 += g[k] * g[k];
      }
      most_norm = std::max(most_norm, std::sqrt(norm2));
    }
    Prox& prox = parts[0].prox;
    prox.l1.value = shape.l1 * most, prox.l2.value = shape.l2;
    if (shape.group == 0) return;
    prox.group.value = shape.group * most_norm;
    prox.group_size = static_cast<int64_t>(numbers());
  }
  double Objective(RowLoss* loss, const std::vector<double>& t) const {
    std::vector<double> view(y.size()), losses(kRows);
    View(t, &view);
    loss->Losses(view.data(), losses.data());
    const Prox& prox = parts[0].prox;
    double sum = 0;
    for (const double l : losses) sum += l;
    for (size_t u = 0; u < units(); ++u) {
      double norm2 = 0;
      for (size_t k = u * numbers(); k < (u + 1) * numbers(); ++k) {
        sum += prox.l1.value * std::abs(t[k]) + prox.l2.value * t[k] * t[k];
        norm2 += t[k] * t[k];
      }
      sum += prox.group.value * std::sqrt(norm2);
    }
    return sum;
  }
  // Proximal gradient descent with a step below 1 / |X|_F^2.
  double Minimum(RowLoss* loss) const {
    double bound = 0;
    for (const double v : x) bound += v * v;
    const double step = (shape.logistic ? 4 : 1) / bound;
    const Prox& prox = parts[0].prox;
    std::vector<double> t(theta.size()), before = t, at = t;
    double momentum = 1;
    for (int n = 0; n < 60000; ++n) {
      const std::vector<double> g = Gradient(loss, at);
      before = t;
      for (size_t u = 0; u < units(); ++u) {
        double norm2 = 0;
        for (size_t k = u * numbers(); k < (u + 1) * numbers(); ++k) {
          const double z = at[k] - step * g[k];
          t[k] = std::copysign(std::max(0.0, std::abs(z) - step * prox.l1.value), z);
          norm2 += t[k] * t[k];
        }
        const double over = std::sqrt(norm2) - step * prox.group.value;
        for (size_t k = u * numbers(); k < (u + 1) * numbers(); ++k)
          t[k] *= over > 0 ? over / std::sqrt(norm2) / (1 + 2 * step * prox.l2.value) : 0;
      }
      double uphill = 0;
      for (size_t k = 0; k < t.size(); ++k) uphill += (at[k] - t[k]) * (t[k] - before[k]);
      const double next = uphill > 0 ? 1 : (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2;
      for (size_t k = 0; k < t.size(); ++k)
        at[k] = t[k] + (uphill > 0 ? 0 : (momentum - 1) / next) * (t[k] - before[k]);
      momentum = next;
      if (t == before && uphill == 0 && n > 10) break;
    }
    return Objective(loss, t);
  }

  const Shape shape;
  std::vector<double> x, y, theta, value;
  std::vector<float> single, single_value;
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
  std::vector<Part> parts;
};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const Format format : {Format::kDense, Format::kCsc}) {
    for (const Type type : {Type::kFloat64, Type::kFloat32}) {
      const std::string where = std::string(format == Format::kDense ? "Dense" : "Sparse") +
                                (type == Type::kFloat64 ? "64" : "32");
      shapes.push_back({where + "Groups", format, type, 4, 1, false, 0.1, 0, 0});
      shapes.push_back({where + "SparseGroups", format, type, 3, 1, false, 0.02, 0.05, 0});
      shapes.push_back({where + "GroupsAndRidge", format, type, 2, 1, false, 0.05, 0.01, 0.3});
      shapes.push_back({where + "LogisticGroups", format, type, 4, 1, true, 0.3, 0, 0});
      shapes.push_back({where + "LogisticSparseGroups", format, type, 3, 1, true, 0.2, 0.1, 0.01});
      shapes.push_back({where + "Tasks", format, type, 1, 3, false, 0.1, 0, 0});
      shapes.push_back({where + "GroupsOfTasks", format, type, 2, 2, false, 0.05, 0.01, 0.1});
      shapes.push_back({where + "OutputsApart", format, type, 1, 2, false, 0, 0.1, 0});
    }
  }
  return shapes;
}

class GroupsTest : public testing::TestWithParam<Shape> {};

TEST_P(GroupsTest, ReachesTheMinimumAndBoundsIt) {
  Problem p(GetParam());
  Squares squares(p.y, std::vector<double>(kRows, 1.0));
  Logistic logistic(p.y);
  RowLoss* const loss = GetParam().logistic ? static_cast<RowLoss*>(&logistic) : &squares;
  p.Penalise(loss);
  const double minimum = p.Minimum(loss);
  CoordinateSolver::Options options;
  options.tolerance = 1e-9;
  CoordinateSolver solver(options, &p.parts, loss, nullptr, kRows, GetParam().outputs);
  ASSERT_TRUE(solver.Start().ok());
  for (int round = 0; round < 2000 && !solver.converged(); ++round) {
    solver.Work(0);
    solver.Turn();
    EXPECT_LE(solver.objective() - minimum, solver.gap() + 1e-9 * minimum) << round;
  }
  ASSERT_TRUE(solver.converged());
  EXPECT_NEAR(solver.objective(), minimum, 3e-9 * minimum);
  EXPECT_NEAR(p.Objective(loss, p.theta), solver.objective(), 1e-10 * minimum);
  EXPECT_GT(solver.active(), 0);
  EXPECT_LT(solver.active(), static_cast<int64_t>(p.units()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, GroupsTest, testing::ValuesIn(Shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace gyre
