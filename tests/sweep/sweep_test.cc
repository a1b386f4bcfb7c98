// Sweeps from their program to their model: planned, run by one worker and by several, against the
// solution of the linear system that the minimum is.
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/compiler.h"
#include "dsl/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/data/layout.h"
#include "runtime/data/memory.h"
#include "runtime/job.h"
#include "tests/sweep/programs.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;

using Vector = std::vector<double>;

// A ring of items with chords, and the matrix (1 + rate weight) - rate W of Smooth's minimum.
struct Graph {
  explicit Graph(int64_t n) : items(n), matrix(static_cast<size_t>(n * n)) {
    const rng::Stream draws(3, rng::Hash("graph"), 0);
    for (int64_t i = 0; i < items; ++i) Join(i, (i + 1) % items, 1);
    for (int64_t i = 0; i < items; ++i) {
      const double far = draws.Uniform(static_cast<uint64_t>(i)) * static_cast<double>(items);
      Join(i, static_cast<int64_t>(far), 0.5 + 0.1 * static_cast<double>(i % 7));
    }
    for (int64_t i = 0; i < items; ++i) {
      At(i, i) += 1;
      centre.push_back(draws.Normal(static_cast<uint64_t>(1000 + i)));
      diagonal.push_back(At(i, i));
    }
  }
  double& At(int64_t i, int64_t j) { return matrix[static_cast<size_t>(i * items + j)]; }
  void Join(int64_t i, int64_t j, double weight_of) {
    if (i == j) return;
    first.push_back(static_cast<double>(i));
    second.push_back(static_cast<double>(j));
    joint.push_back(weight_of);
    At(i, i) += 2 * weight_of;
    At(j, j) += 2 * weight_of;
    At(i, j) -= 2 * weight_of;
    At(j, i) -= 2 * weight_of;
  }

  int64_t items;
  Vector first, second, joint, centre, diagonal, matrix;
};

// x of matrix x = right, by elimination; the matrix is diagonally dominant.
Vector Solve(Graph graph) {
  Vector right = graph.centre;
  for (int64_t k = 0; k < graph.items; ++k) {
    for (int64_t i = k + 1; i < graph.items; ++i) {
      const double factor = graph.At(i, k) / graph.At(k, k);
      for (int64_t j = k; j < graph.items; ++j) graph.At(i, j) -= factor * graph.At(k, j);
      right[static_cast<size_t>(i)] -= factor * right[static_cast<size_t>(k)];
    }
  }
  for (int64_t i = graph.items - 1; i >= 0; --i) {
    double& value = right[static_cast<size_t>(i)];
    for (int64_t j = i + 1; j < graph.items; ++j)
      value -= graph.At(i, j) * right[static_cast<size_t>(j)];
    value /= graph.At(i, i);
  }
  return right;
}

// A program over a graph, bound, for plans and runs.
class Bench {
 public:
  Bench(Program program, const Graph& graph, Type type = Type::kFloat64, bool sparse = true)
      : program_(std::move(program)) {
    bound_.type = type;
    const std::map<std::string, const Vector*> columns = {{"from", &graph.first},
                                                          {"to", &graph.second},
                                                          {"w", &graph.joint},
                                                          {"c", &graph.centre},
                                                          {"diag", &graph.diagonal}};
    for (const ir::Axis& axis : program_.graph.axis) {
      bound_.extent.push_back(axis.name == "Edge" ? static_cast<int64_t>(graph.joint.size())
                                                  : graph.items);
    }
    block_.resize(static_cast<size_t>(program_.graph.symbol.size));
    hyper_.resize(block_.size());
    for (int i = 0; i < program_.graph.symbol.size; ++i) {
      const ir::Symbol& s = program_.graph.symbol[i];
      if (s.kind == ir::Kind::kHyper)
        hyper_[static_cast<size_t>(i)] = program_.literal[static_cast<size_t>(s.literal)];
      if (s.kind != ir::Kind::kData && s.kind != ir::Kind::kMap) continue;
      const std::string name(s.name);
      const Type kind = s.kind == ir::Kind::kMap ? Type::kInt32 : type;
      if (name == "Q") {
        owned_.push_back(MakeDense(type, graph.items, graph.items));
        FillTable(graph, &owned_.back().block);
        if (sparse) owned_.push_back(ToCsr(owned_.back().block));
      } else {
        owned_.push_back(MakeColumn(kind, *columns.at(name)));
      }
      Block& block = block_[static_cast<size_t>(i)];
      block = owned_.back().block;
      TensorInfo info;
      info.symbol = name;
      info.format = block.format;
      info.type = kind;
      info.rows = block.rows;
      info.cols = block.cols;
      info.nnz = block.format == Format::kDense ? block.rows * block.cols : block.offset[block.rows];
      bound_.tensor.push_back(info);
    }
  }

  absl::StatusOr<Plan> MakePlanFor(int workers) const {
    Request request;
    request.workers = workers;
    request.max_clocks = 400;
    request.tolerance = 1e-14;
    return MakePlan(program_, bound_, DefaultProfile(), request);
  }

  Vector Run(int workers) const {
    const absl::StatusOr<Plan> plan = MakePlanFor(workers);
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return {};
    EXPECT_EQ(plan->cluster().workers(), workers);
    Job job;
    job.program = &program_;
    job.plan = &*plan;
    job.hyper = hyper_;
    job.extent = bound_.extent;
    job.type = bound_.type;
    const int64_t rows = bound_.extent[0];
    for (int k = 0; k < workers; ++k)
      job.worker.push_back({block_.data(), rows * k / workers, rows * (k + 1) / workers});
    const absl::StatusOr<RunResult> result = RunEmbedded(job);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->parameter[static_cast<size_t>(program_.root.param[0])] : Vector();
  }

 private:
  void FillTable(Graph graph, Block* table) const {
    for (int64_t i = 0; i < graph.items; ++i) {
      for (int64_t j = 0; j < graph.items; ++j) {
        const int64_t at = i * table->stride + j;
        if (table->type == Type::kFloat64) {
          const_cast<double*>(table->data<double>())[at] = graph.At(i, j);
        } else {
          const_cast<float*>(table->data<float>())[at] = static_cast<float>(graph.At(i, j));
        }
      }
    }
  }

  const Program program_;
  BoundInfo bound_;
  std::vector<OwnedBlock> owned_;
  std::vector<Block> block_;
  Vector hyper_;
};

void ExpectNear(const Vector& got, const Vector& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << i;
}

TEST(Sweep, OverEdgesReachesTheSolutionOfTheLinearSystem) {
  const Graph graph(120);
  ExpectNear(Bench(Smooth(), graph).Run(1), Solve(graph), 1e-9);
}

TEST(Sweep, OverTheRowsOfATableDoesToo) {
  const Graph graph(90);
  const Vector want = Solve(graph);
  ExpectNear(Bench(Quadratic(), graph).Run(1), want, 1e-9);
  ExpectNear(Bench(Quadratic(), graph, Type::kFloat64, false).Run(1), want, 1e-9);
  ExpectNear(Bench(Quadratic(), graph, Type::kFloat32).Run(1), want, 1e-4);
}

TEST(Sweep, IsTheSameForAnyNumberOfWorkers) {
  const Graph graph(150);
  for (const Program& program : {Smooth(), Sparse()}) {
    const Bench bench(program, graph);
    const Vector one = bench.Run(1);
    // The sums of weights, before the first clock, are added worker by worker.
    for (const int workers : {2, 4, 7}) ExpectNear(bench.Run(workers), one, 1e-13);
  }
}

TEST(Sweep, IsTheSameToTheBitWhereWorkersSumNothing) {
  const Bench bench(Quadratic(), Graph(150));
  const Vector one = bench.Run(1);
  for (const int workers : {2, 4, 7}) EXPECT_EQ(bench.Run(workers), one) << workers;
}

TEST(Sweep, LeavesItemsAtZeroWhereTheThresholdSays) {
  const Graph graph(150);
  const Vector solution = Bench(Sparse(), graph).Run(2);
  // The conditions of the minimum of 0.5 x'Mx - c'x + 0.1 |x|.
  Graph m = graph;
  int zeros = 0;
  for (int64_t i = 0; i < graph.items; ++i) {
    double gradient = -graph.centre[static_cast<size_t>(i)];
    for (int64_t j = 0; j < graph.items; ++j)
      gradient += m.At(i, j) * solution[static_cast<size_t>(j)];
    const double value = solution[static_cast<size_t>(i)];
    zeros += value == 0 ? 1 : 0;
    if (value == 0) {
      EXPECT_LE(std::fabs(gradient), 0.1 + 1e-9);
    } else {
      EXPECT_NEAR(gradient, value > 0 ? -0.1 : 0.1, 1e-9);
    }
  }
  EXPECT_GT(zeros, 0);
  EXPECT_LT(zeros, graph.items);
}

TEST(Sweep, OverADenseTableHasOneWorker) {
  const Bench bench(Quadratic(), Graph(30), Type::kFloat64, false);
  const absl::StatusOr<Plan> plan = bench.MakePlanFor(2);
  EXPECT_THAT(std::string(plan.status().message()),
              HasSubstr("those of this Sweep are coupled by Q(Item,Item')"));
}

TEST(Sweep, ItsPlanSaysWhatJoinsTheItems) {
  const absl::StatusOr<Plan> plan = Bench(Smooth(), Graph(30)).MakePlanFor(2);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::string text = plan->DebugString();
  EXPECT_THAT(text, HasSubstr("coupled where an Edge joins them: from, to"));
  EXPECT_THAT(text, HasSubstr("visits 30 Item by the workers, colour by colour"));
}

}  // namespace
}  // namespace gyre
