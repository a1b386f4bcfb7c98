// Factorisations from their program to their model: planned, run in place by one worker and by
// several, against what the data were made of.
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/compiler.h"
#include "dsl/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/cluster/cluster.h"
#include "runtime/data/layout.h"
#include "runtime/data/memory.h"
#include "runtime/job.h"
#include "tests/keyed/programs.h"

namespace gyre {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Vector = std::vector<double>;

constexpr int64_t kUsers = 150, kItems = 90, kTimes = 20, kRank = 3;

// Ratings of planted factors with noise; users and items are drawn by a power law.
struct Ratings {
  explicit Ratings(int64_t rows, double noise = 0.05, bool positive = false) {
    const rng::Stream draws(7, rng::Hash("ratings"), 0);
    uint64_t at = 0;
    const auto plant = [&](int64_t keys) {
      Vector v(static_cast<size_t>(keys * kRank));
      for (double& x : v) x = positive ? std::abs(draws.Normal(at++)) : draws.Normal(at++);
      return v;
    };
    const Vector u = plant(kUsers), v = plant(kItems), w = plant(kTimes);
    const auto draw = [&](int64_t keys) {
      const double x = draws.Uniform(at++);
      return std::floor(x * x * static_cast<double>(keys));
    };
    for (int64_t r = 0; r < rows; ++r) {
      user.push_back(draw(kUsers)), item.push_back(draw(kItems)), time.push_back(draw(kTimes));
      friends.push_back(draw(kUsers));
      double flat = 0, deep = 0;
      for (int64_t k = 0; k < kRank; ++k) {
        const double uv = u[static_cast<size_t>(user.back() * kRank) + static_cast<size_t>(k)] *
                          v[static_cast<size_t>(item.back() * kRank) + static_cast<size_t>(k)];
        flat += uv;
        deep += uv * w[static_cast<size_t>(time.back() * kRank) + static_cast<size_t>(k)];
      }
      const double e = noise * draws.Normal(at++);
      matrix.push_back(flat + e), tensor.push_back(deep + e);
      biased.push_back(flat + 2 + 0.5 * std::sin(user.back()) + 0.3 * std::cos(item.back()) + e);
    }
  }
  Vector user, item, time, friends, matrix, tensor, biased;
  Vector weight;  // empty but for rows of Feedback
};

// Keys that were seen together, each once, and how often; and all keys as rows that say the same:
// ones for what was seen and zeros of weight `zero`.
struct Feedback {
  explicit Feedback(double zero, int64_t times = 1) {
    const rng::Stream draws(7, rng::Hash("feedback"), 0);
    uint64_t at = 0;
    const auto push = [](Ratings* to, int64_t u, int64_t i, int64_t t) {
      to->user.push_back(static_cast<double>(u)), to->item.push_back(static_cast<double>(i));
      to->time.push_back(static_cast<double>(t));
    };
    for (int64_t u = 0; u < kUsers; ++u) {
      for (int64_t i = 0; i < kItems; ++i) {
        for (int64_t t = 0; t < times; ++t) {
          const double x = draws.Uniform(at++), often = std::floor(8 * draws.Uniform(at++));
          const bool met = x < ((u + i) % 3 == 0 ? 0.3 : 0.05) && u != kUnseen && i != kUnseen;
          if (met) push(&seen, u, i, t), count.push_back(often);
          push(&all, u, i, t);
          all.weight.push_back(met ? 1 + often : zero), target.push_back(met ? 1 : 0);
        }
      }
    }
  }
  static constexpr int64_t kUnseen = 17;  // a user and an item without rows
  Ratings seen = Ratings(0), all = Ratings(0);
  Vector count, target;
};

class Bench {
 public:
  Bench(Program program, const Ratings& ratings, const Vector& rating, Type type = Type::kFloat64)
      : program_(std::move(program)) {
    bound_.type = type;
    const std::map<std::string, int64_t> extents = {{"Rating", static_cast<int64_t>(rating.size())},
                                                    {"User", kUsers},
                                                    {"Item", kItems},
                                                    {"Time", kTimes},
                                                    {"Rank", kRank}};
    const std::map<std::string, const Vector*> columns = {
        {"user", &ratings.user},      {"item", &ratings.item},     {"time", &ratings.time},
        {"friend", &ratings.friends}, {"weight", &ratings.weight}, {"rating", &rating}};
    for (const ir::Axis& axis : program_.graph.axis)
      bound_.extent.push_back(extents.at(std::string(axis.name)));
    block_.resize(static_cast<size_t>(program_.graph.symbol.size));
    hyper_.resize(block_.size());
    for (int i = 0; i < program_.graph.symbol.size; ++i) {
      const ir::Symbol& s = program_.graph.symbol[i];
      if (s.kind == ir::Kind::kHyper)
        hyper_[static_cast<size_t>(i)] = program_.literal[static_cast<size_t>(s.literal)];
      if (s.kind != ir::Kind::kData && s.kind != ir::Kind::kMap) continue;
      const Type kind = s.kind == ir::Kind::kMap ? Type::kInt32 : type;
      owned_.push_back(MakeColumn(kind, *columns.at(std::string(s.name))));
      Block& block = block_[static_cast<size_t>(i)];
      block = owned_.back().block;
      TensorInfo info;
      info.symbol = std::string(s.name);
      info.type = kind;
      info.rows = block.rows, info.cols = block.cols, info.nnz = block.rows;
      bound_.tensor.push_back(info);
    }
  }

  absl::StatusOr<Plan> PlanFor(const Request& request) const {
    return MakePlan(program_, bound_, DefaultProfile(), request);
  }
  absl::StatusOr<RunResult> TryRun(int workers, const std::string& update, int64_t clocks,
                                   double tolerance) const {
    Request request;
    request.workers = workers;
    request.update = update;
    request.max_clocks = clocks;
    request.tolerance = tolerance;
    const absl::StatusOr<Plan> plan = PlanFor(request);
    if (!plan.ok()) return plan.status();
    Job job;
    FillJob(*plan, &job);
    return RunEmbedded(job);
  }
  // In `processes`, of this one's threads, each with some of the workers.
  RunResult RunBetween(int processes, int workers, const std::string& home,
                       const std::string& bridge, int64_t clocks = 200,
                       const std::string& order = "auto", double bandwidth = 0) const {
    Request request;
    request.cluster = "inproc";
    request.workers = workers, request.processes = processes;
    request.topology = home, request.bridge = bridge;
    request.order = order, request.bandwidth = bandwidth;
    if (bandwidth > 0) request.boundary = clocks;  // where nothing waits
    request.update = "dsgd";
    request.max_clocks = clocks;
    request.tolerance = 1e-30;
    const absl::StatusOr<Plan> plan = PlanFor(request);
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return RunResult();
    Job job;
    FillJob(*plan, &job);
    ClusterOptions options;
    options.kind = ClusterOptions::Kind::kInproc;
    options.loader = [this](const WorkerShare& share) -> absl::StatusOr<LoadedShare> {
      LoadedShare loaded;
      for (const auto& [begin, end] : share.rows)
        loaded.worker.push_back({block_.data(), begin, end});
      return loaded;
    };
    absl::StatusOr<RunResult> result = RunCluster(job, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : RunResult();
  }
  RunResult Run(int workers, const std::string& update = "auto", int64_t clocks = 200,
                double tolerance = 1e-7) const {
    absl::StatusOr<RunResult> result = TryRun(workers, update, clocks, tolerance);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : RunResult();
  }
  const Vector& Param(const RunResult& result, const std::string& name) const {
    for (int i = 0; i < program_.graph.symbol.size; ++i)
      if (program_.graph.symbol[i].name == name) return result.parameter[static_cast<size_t>(i)];
    ADD_FAILURE() << name;
    return result.parameter[0];
  }

 private:
  void FillJob(const Plan& plan, Job* job) const {
    job->program = &program_;
    job->plan = &plan;
    job->hyper = hyper_;
    job->extent = bound_.extent;
    job->type = bound_.type;
    const int64_t rows = bound_.extent[0];
    const int workers = plan.cluster().workers();
    for (int w = 0; w < workers; ++w)
      job->worker.push_back({block_.data(), rows * w / workers, rows * (w + 1) / workers});
  }

  const Program program_;
  BoundInfo bound_;
  std::vector<OwnedBlock> owned_;
  std::vector<Block> block_;
  Vector hyper_;
};

std::string RuleOf(const Plan& plan) {
  for (const Task& task : plan.task())
    if (task.kind() == Task::FOLD) return task.update().rule();
  return "";
}

TEST(Keyed, ThePlannerVisitsFactorsInPlaceAndHandsThemRound) {
  const Ratings ratings(4000);
  Request request;
  request.workers = 2;
  const absl::StatusOr<Plan> plan = Bench(Logistic(), ratings, ratings.matrix).PlanFor(request);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(RuleOf(*plan), "dsgd");
  EXPECT_THAT(Explain(*plan), HasSubstr("blocks of user x item"));
  EXPECT_THAT(Explain(*plan), HasSubstr("hybrid, 2 workers"));
}

TEST(Keyed, SaysWhatItNeeds) {
  const Ratings ratings(1000);
  Request request;
  request.update = "dsgd";
  EXPECT_THAT(Bench(Graph(), ratings, ratings.matrix).PlanFor(request).status().message(),
              HasSubstr("one predictor"));
  request.workers = 2, request.partition = "data";
  EXPECT_THAT(Bench(Biased(), ratings, ratings.biased).PlanFor(request).status().message(),
              HasSubstr("hybrid"));
  // What is convex is left to a rule that reaches the minimum.
  const absl::StatusOr<Plan> convex = Bench(Baseline(), ratings, ratings.biased).PlanFor({});
  ASSERT_TRUE(convex.ok()) << convex.status();
  EXPECT_NE(RuleOf(*convex), "dsgd");
}

TEST(Keyed, RecoversPlantedFactors) {
  const Ratings ratings(6000);
  for (const Type type : {Type::kFloat64, Type::kFloat32}) {
    const RunResult result = Bench(Biased(), ratings, ratings.biased, type).Run(1, "dsgd");
    ASSERT_EQ(result.measure.size(), 1u);
    EXPECT_LT(result.measure[0], 0.08);  // the noise is 0.05
  }
}

TEST(Keyed, TheNumbersAreThoseOfOneWorkerHoweverManyThereAre) {
  const Ratings ratings(5000);
  const Bench biased(Biased(), ratings, ratings.biased), tensor(Tensor(), ratings, ratings.tensor);
  for (const Bench* bench : {&biased, &tensor}) {
    const RunResult alone = bench->Run(1, "dsgd", 7, 1e-30);
    for (const int workers : {2, 3, 7, 20}) {
      const RunResult together = bench->Run(workers, "dsgd", 7, 1e-30);
      ASSERT_EQ(together.parameter, alone.parameter) << workers;
    }
  }
}

TEST(Keyed, ReachesTheMinimumOfAConvexProgram) {
  const Ratings ratings(4000);
  const Bench bench(Baseline(), ratings, ratings.biased);
  const double best = bench.Run(1, "lbfgs", 500, 1e-12).objective;
  const double found = bench.Run(2, "dsgd", 1000, 1e-9).objective;
  EXPECT_GE(found, best * (1 - 1e-9));
  EXPECT_LE(found, best * 1.002);
}

TEST(Keyed, FactorsATensorOfThreeKeys) {
  const Ratings ratings(8000);
  const RunResult result = Bench(Tensor(), ratings, ratings.tensor).Run(2);
  EXPECT_LT(result.measure[0], 0.12);
}

TEST(Keyed, HoldsWhatIsVisitedOftenByAsMuch) {
  const Ratings ratings(6000);
  const Bench bench(Weighted(), ratings, ratings.biased);
  const RunResult exact = bench.Run(1, "lbfgs", 3000, 1e-12),
                  found = bench.Run(2, "dsgd", 2000, 1e-8);
  EXPECT_LE(found.objective, exact.objective * 1.02);
  EXPECT_GE(found.objective, exact.objective * 0.9);
}

TEST(Keyed, StaysWithinBounds) {
  const Ratings ratings(6000, 0.05, true);
  const Bench bench(NonNegative(), ratings, ratings.matrix);
  const RunResult result = bench.Run(2, "dsgd", 1000);
  for (const char* name : {"U", "V"})
    for (const double x : bench.Param(result, name)) ASSERT_GE(x, 0);
  EXPECT_LT(result.measure[0], 0.09);
}

TEST(Keyed, TakesAnySmoothLoss) {
  const Ratings ratings(6000);
  const Bench bench(Logistic(), ratings, ratings.matrix);
  const double best = bench.Run(1, "lbfgs", 2000, 1e-10).objective;
  EXPECT_LE(bench.Run(2, "dsgd", 1000, 1e-7).objective, best * 1.1 + 1e-3);
}

TEST(Keyed, LeavesKeysWithoutRowsAtTheLeastPenalty) {
  Ratings ratings(3000);
  for (double& u : ratings.user) u = u == 149 ? 148 : u;
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult result = bench.Run(2);
  for (int64_t k = 0; k < kRank; ++k)
    EXPECT_EQ(bench.Param(result, "U")[static_cast<size_t>(149 * kRank + k)], 0);
  EXPECT_EQ(bench.Param(result, "bu")[149], 0);
}

// ---- Copies between processes.

TEST(Copies, OfOneProcessAreTheRunItself) {
  const Ratings ratings(5000);
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult alone = bench.Run(1, "dsgd", 7, 1e-30),
                  between = bench.RunBetween(1, 1, "star", "auto", 7);
  for (size_t p = 0; p < alone.parameter.size(); ++p)
    EXPECT_THAT(between.parameter[p], Pointwise(DoubleNear(1e-12), alone.parameter[p]));
}

TEST(Copies, AreOfRowsThatNameTwoKeys) {
  const Ratings ratings(1000);
  Request request;
  request.cluster = "inproc", request.workers = request.processes = 2;
  request.update = "dsgd";
  EXPECT_THAT(Bench(Tensor(), ratings, ratings.tensor).PlanFor(request).status().message(),
              HasSubstr("two keys at most"));
}

TEST(Copies, OfProcessesWithoutRowsMoveNothing) {
  Ratings ratings(2000);
  for (double& u : ratings.user) u = std::fmod(u, 3);
  for (double& i : ratings.item) i = std::fmod(i, 2);
  const Bench bench(Biased(), ratings, ratings.biased);
  const double alone = bench.Run(1, "dsgd", 100, 1e-30).objective;
  EXPECT_LE(bench.RunBetween(5, 5, "p2p", "bsp", 400).objective, 1.02 * alone);
}

TEST(Copies, LetWaitWhatTheLinksDoNotCarry) {
  const Ratings ratings(6000);
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult clock = bench.RunBetween(3, 3, "p2p", "ssp:4", 24, "clock", 100e3);
  for (const char* order : {"magnitude", "deadline", "fifo", "random"}) {
    const RunResult managed = bench.RunBetween(3, 3, "p2p", "ssp:4", 24, order, 100e3);
    EXPECT_LT(managed.bytes_sent, 0.8 * static_cast<double>(clock.bytes_sent)) << order;
    EXPECT_LT(managed.objective, 2 * clock.objective) << order;
    EXPECT_LE(managed.staleness.max, 4);
  }
}

TEST(Copies, OfProcessesThatWaitForEachOtherAreTheSameWhereverTheyAreAddedUp) {
  const Ratings ratings(5000);
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult star = bench.RunBetween(3, 3, "star", "bsp", 9);
  EXPECT_EQ(bench.RunBetween(3, 3, "star", "bsp", 9).parameter, star.parameter);
  EXPECT_EQ(bench.RunBetween(3, 3, "p2p", "bsp", 9).parameter, star.parameter);
  // Nor does it matter who visits the blocks of a process.
  EXPECT_EQ(bench.RunBetween(3, 6, "star", "bsp", 9).parameter, star.parameter);
}

TEST(Copies, ComeToTheSameMinimum) {
  const Ratings ratings(6000), positive(6000, 0.05, true);
  struct Case {
    const char* name;
    Bench bench;
  };
  const Case cases[] = {{"biased", {Biased(), ratings, ratings.biased}},
                        {"float", {Biased(), ratings, ratings.biased, Type::kFloat32}},
                        {"visits", {Weighted(), ratings, ratings.biased}},
                        {"convex", {Baseline(), ratings, ratings.biased}},
                        {"bounds", {NonNegative(), positive, positive.matrix}},
                        {"logistic", {Logistic(), ratings, ratings.matrix}}};
  for (const auto& [name, bench] : cases) {
    const double alone = bench.Run(1, "dsgd", 200, 1e-30).objective;
    for (const char* home : {"star", "p2p"}) {
      for (const char* bridge : {"bsp", "ssp:2"}) {
        // Late reads make moves smaller, and AdaGrad's get smaller by themselves.
        const bool late = bridge != std::string("bsp");
        const RunResult found = bench.RunBetween(4, 4, home, bridge, 300);
        EXPECT_LE(found.objective, (late ? 1.5 : 1.1) * alone)
            << name << ", " << home << ", " << bridge;
        EXPECT_LE(found.staleness.max, late ? 2 : 0);
      }
    }
  }
}

TEST(Copies, WithoutABoundComeThereAsWell) {
  const Ratings ratings(6000);
  const Bench bench(Biased(), ratings, ratings.biased);
  const double alone = bench.Run(1, "dsgd", 200, 1e-30).objective;
  // How late reads are is the machine's to say.
  EXPECT_LE(bench.RunBetween(4, 4, "star", "async", 400).objective, 2 * alone);
  EXPECT_LE(bench.RunBetween(4, 4, "p2p", "async", 400).objective, 2 * alone);
}

TEST(Copies, LeaveKeysWithoutRowsAtTheLeastPenalty) {
  Ratings ratings(3000);
  for (double& u : ratings.user) u = u == 149 ? 148 : u;
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult result = bench.RunBetween(2, 2, "star", "bsp", 5);
  for (int64_t k = 0; k < kRank; ++k)
    EXPECT_EQ(bench.Param(result, "U")[static_cast<size_t>(149 * kRank + k)], 0);
}

// ---- Blocks in turn.

TEST(Alternate, SolvesInTheOrderThatTheProgramSays) {
  const Ratings ratings(3000);
  const absl::StatusOr<Plan> plan = Bench(Alternating(), ratings, ratings.biased).PlanFor({});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(RuleOf(*plan), "als");
  EXPECT_THAT(Explain(*plan),
              HasSubstr("what all rows share, then of each user, then of each item"));
  EXPECT_THAT(Explain(*Bench(AlternatingSparse(), ratings, ratings.matrix).PlanFor({})),
              HasSubstr("each item, then of each user, from"));
}

TEST(Alternate, SaysWhatItNeeds) {
  const Ratings ratings(1000);
  Request request;
  request.update = "als";
  for (const auto& program : {Logistic(), Graph()}) {
    EXPECT_THAT(Bench(program, ratings, ratings.matrix).PlanFor(request).status().message(),
                HasSubstr("als"));
  }
  request.workers = 2, request.partition = "data";
  EXPECT_THAT(Bench(Biased(), ratings, ratings.biased).PlanFor(request).status().message(),
              HasSubstr("hybrid"));
}

TEST(Alternate, UsersSolveTheirNormalEquationsAgainstTheItemsBefore) {
  const Ratings ratings(2000);
  const Bench bench(Biased(), ratings, ratings.biased);
  const RunResult one = bench.Run(1, "als", 1, 1e-30), two = bench.Run(1, "als", 2, 1e-30);
  const double lambda = 0.02;
  const Vector &U = bench.Param(two, "U"), &bu = bench.Param(two, "bu"), &V = bench.Param(one, "V"),
               &bi = bench.Param(one, "bi");
  const double b = bench.Param(two, "b")[0];
  // In the second clock users were solved against items of the first: their slope is zero there.
  for (size_t u = 0; u < kUsers; ++u) {
    double slope[kRank + 1] = {};
    for (size_t r = 0; r < ratings.user.size(); ++r) {
      if (static_cast<size_t>(ratings.user[r]) != u) continue;
      const auto i = static_cast<size_t>(ratings.item[r]);
      double view = b + bi[i] + bu[u] - ratings.biased[r];
      for (size_t k = 0; k < kRank; ++k) view += U[u * kRank + k] * V[i * kRank + k];
      for (size_t k = 0; k < kRank; ++k) slope[k] += 2 * view * V[i * kRank + k];
      slope[kRank] += 2 * view;
    }
    for (size_t k = 0; k < kRank; ++k)
      EXPECT_NEAR(slope[k] + 2 * lambda * U[u * kRank + k], 0, 1e-7);
    EXPECT_NEAR(slope[kRank] + 2 * lambda * bu[u], 0, 1e-7);
  }
}

TEST(Alternate, TheNumbersAreThoseOfOneWorkerHoweverManyThereAre) {
  const Ratings ratings(20000);
  const Bench biased(Biased(), ratings, ratings.biased), tensor(Tensor(), ratings, ratings.tensor),
      weighted(Weighted(), ratings, ratings.biased, Type::kFloat32);
  for (const Bench* bench : {&biased, &tensor, &weighted}) {
    const RunResult alone = bench->Run(1, "als", 5, 1e-30);
    for (const int workers : {2, 3, 7, 20})
      ASSERT_EQ(bench->Run(workers, "als", 5, 1e-30).parameter, alone.parameter) << workers;
  }
}

TEST(Alternate, IsWhatSolveSaysStepByStep) {
  const Ratings ratings(3000);
  const Bench derived(Plain(), ratings, ratings.matrix),
      written(Explicit(), ratings, ratings.matrix);
  const RunResult one = derived.Run(2, "auto", 3, 1e-30), other = written.Run(2, "auto", 3, 1e-30);
  for (const char* name : {"U", "V"}) {
    const Vector &found = derived.Param(one, name), &expected = written.Param(other, name);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-8 * (1 + std::abs(expected[i])));
  }
}

TEST(Alternate, EveryClockLowersTheObjective) {
  const Ratings ratings(5000);
  for (const Bench& bench :
       {Bench(Biased(), ratings, ratings.biased), Bench(Weighted(), ratings, ratings.biased),
        Bench(NonNegative(), ratings, ratings.matrix), Bench(Tensor(), ratings, ratings.tensor),
        Bench(AlternatingSparse(), ratings, ratings.matrix)}) {
    double before = std::numeric_limits<double>::infinity();
    for (const int clocks : {1, 2, 3, 5, 9, 20}) {
      const double now = bench.Run(2, "als", clocks, 1e-30).objective;
      EXPECT_LE(now, before * (1 + 1e-9)) << clocks;
      before = now;
    }
  }
}

// Known from the solutions, without a pass of its own.
TEST(Alternate, TheObjectiveAlongTheWayIsThatOfTheModel) {
  const Ratings ratings(20000);
  for (const Bench& bench :
       {Bench(Biased(), ratings, ratings.biased), Bench(Weighted(), ratings, ratings.biased),
        Bench(NonNegative(), ratings, ratings.matrix), Bench(Tensor(), ratings, ratings.tensor),
        Bench(AlternatingSparse(), ratings, ratings.matrix)}) {
    int compared = 0;
    for (const TracePoint& point : bench.Run(2, "als", 6, 1e-30).trace) {
      if (point.clock < 1 || point.clock > 5 || std::isnan(point.objective)) continue;
      const double objective = bench.Run(2, "als", point.clock, 1e-30).objective;
      EXPECT_NEAR(point.objective, objective, 1e-8 * objective);
      ++compared;
    }
    EXPECT_GT(compared, 2);
  }
}

TEST(Alternate, RecoversPlantedFactors) {
  const Ratings ratings(6000), positive(6000, 0.05, true);
  for (const Type type : {Type::kFloat64, Type::kFloat32})
    EXPECT_LT(Bench(Alternating(), ratings, ratings.biased, type).Run(2).measure.at(0),
              0.08);  // the noise is 0.05
  EXPECT_LT(Bench(Tensor(), ratings, ratings.tensor).Run(2, "als").measure.at(0), 0.12);
  const Bench bounded(NonNegative(), positive, positive.matrix);
  const RunResult result = bounded.Run(2, "als", 500);
  EXPECT_LT(result.measure.at(0), 0.08);
  for (const char* name : {"U", "V"})
    for (const double x : bounded.Param(result, name)) ASSERT_GE(x, 0);
}

TEST(Alternate, IsExactWhereTheProgramIsConvex) {
  const Ratings ratings(4000);
  const Bench bench(Baseline(), ratings, ratings.biased);
  const double best = bench.Run(1, "lbfgs", 500, 1e-12).objective;
  EXPECT_NEAR(bench.Run(2, "als", 100, 1e-12).objective, best,
              1e-5 * best);  // blocks converge linearly
}

// ---- A sum over all keys beside the rows.

TEST(AllKeys, IsWhatRowsForAllOfThemSay) {
  const Feedback one(1), half(0.5), triples(1, kTimes);
  struct Case {
    Bench derived, written;
    std::vector<const char*> param;
  };
  const Case cases[] = {
      {Bench(Implicit(), one.seen, one.count), Bench(AllRows(), one.all, one.target), {"U", "V"}},
      {Bench(ImplicitBiased(), half.seen, half.count),
       Bench(AllRowsBiased(), half.all, half.target),
       {"U", "V", "bu", "bi", "b"}},
      {Bench(ImplicitTensor(), triples.seen, triples.count),
       Bench(AllRowsTensor(), triples.all, triples.target),
       {"U", "V", "W"}}};
  for (const Case& c : cases) {
    for (const int clocks : {1, 2, 3, 6}) {
      const RunResult found = c.derived.Run(2, "als", clocks, 1e-30),
                      expected = c.written.Run(2, "als", clocks, 1e-30);
      EXPECT_NEAR(found.objective, expected.objective, 1e-9 * expected.objective);
      for (const char* name : c.param) {
        const Vector &x = c.derived.Param(found, name), &y = c.written.Param(expected, name);
        ASSERT_EQ(x.size(), y.size());
        for (size_t i = 0; i < x.size(); ++i)
          ASSERT_NEAR(x[i], y[i], 1e-8 * (1 + std::abs(y[i]))) << name << clocks;
      }
    }
  }
}

TEST(AllKeys, TheNumbersAreThoseOfOneWorkerHoweverManyThereAre) {
  const Feedback half(0.5), triples(1, kTimes);
  const Bench biased(ImplicitBiased(), half.seen, half.count),
      part(ImplicitInPart(), half.seen, half.count),
      tensor(ImplicitTensor(), triples.seen, triples.count, Type::kFloat32);
  for (const Bench* bench : {&biased, &part, &tensor}) {
    const RunResult alone = bench->Run(1, "als", 5, 1e-30);
    for (const int workers : {2, 3, 7}) {
      const RunResult together = bench->Run(workers, "als", 5, 1e-30);
      ASSERT_EQ(together.parameter, alone.parameter) << workers;
      ASSERT_EQ(together.objective, alone.objective) << workers;
    }
  }
}

// Known from the solutions; measured with all keys in turn.
TEST(AllKeys, TheObjectiveIsThatOfTheModelAndFalls) {
  const Feedback feedback(0.5);
  for (const Bench& bench : {Bench(Implicit(), feedback.seen, feedback.count),
                             Bench(ImplicitBiased(), feedback.seen, feedback.count),
                             Bench(ImplicitInPart(), feedback.seen, feedback.count)}) {
    double before = std::numeric_limits<double>::infinity();
    for (const int clocks : {1, 2, 3, 5, 9, 20}) {
      const RunResult result = bench.Run(2, "als", clocks, 1e-30);
      EXPECT_NEAR(result.objective, result.measure.at(0), 1e-9 * result.objective) << clocks;
      EXPECT_LE(result.objective, before * (1 + 1e-9)) << clocks;
      before = result.objective;
    }
  }
  const RunResult single =
      Bench(Implicit(), feedback.seen, feedback.count, Type::kFloat32).Run(2, "als", 5, 1e-30);
  EXPECT_NEAR(single.objective, single.measure.at(0), 1e-5 * single.objective);
}

TEST(AllKeys, HoldsKeysWithoutRows) {
  const Feedback feedback(1);
  const Bench bench(Implicit(), feedback.seen, feedback.count);
  const RunResult result = bench.Run(2, "als", 5, 1e-30);
  for (const char* name : {"U", "V"}) {
    const Vector& x = bench.Param(result, name);
    for (int64_t k = 0; k < kRank; ++k)
      EXPECT_EQ(x[static_cast<size_t>(Feedback::kUnseen * kRank + k)], 0);
  }
}

TEST(AllKeys, RulesThatFollowGradientsTakeItToo) {
  const Feedback feedback(1);
  const Bench bench(Implicit(), feedback.seen, feedback.count);
  const double solved = bench.Run(2, "als", 200, 1e-9).objective,
               followed = bench.Run(1, "lbfgs", 500, 1e-9).objective;
  EXPECT_NEAR(solved, followed, 1e-2 * followed);
}

TEST(AllKeys, ThePlannerSolvesAndNothingElseInPlaceTakesIt) {
  const Feedback feedback(1);
  const Bench bench(Implicit(), feedback.seen, feedback.count);
  const absl::StatusOr<Plan> plan = bench.PlanFor({});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(RuleOf(*plan), "als");
  EXPECT_THAT(Explain(*plan), HasSubstr("a sum over all keys, by their Gram matrices"));
  Request request;
  request.update = "dsgd";
  EXPECT_THAT(bench.PlanFor(request).status().message(), HasSubstr("sums over all keys"));
  for (const char* rule : {"cd", "sdca", "mspg"}) {
    request.update = rule;
    EXPECT_THAT(bench.PlanFor(request).status().message(), HasSubstr("one linear predictor"));
  }
  request.update = "als";
  EXPECT_THAT(
      Bench(FourthPowers(), feedback.seen, feedback.count).PlanFor(request).status().message(),
      HasSubstr("als"));
}

TEST(Keyed, RefusesARowWithoutAKey) {
  Ratings ratings(500);
  ratings.item[17] = -1;
  const absl::Status status =
      Bench(Biased(), ratings, ratings.biased).TryRun(1, "dsgd", 5, 1e-4).status();
  EXPECT_THAT(status.message(), HasSubstr("row 17 has no \"item\""));
}

}  // namespace
}  // namespace gyre
