// What lowering derives, against the reference interpreter: for every operator, the objective taken
// apart into f and Omega is still the objective, and its derived gradient is the slope that central
// differences find. Kernels are not involved (kernel_test.cc).
#include <algorithm>
#include <cmath>
#include <memory>

#include "compiler/interpreter/interpreter.h"
#include "dsl/lower.h"
#include "dsl/random.h"
#include "dsl/statement.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr struct Sample : Axis<Sample> {
} n;
constexpr struct Feature : Axis<Feature> {
} d;
constexpr struct Class : Axis<Class> {
} c;
constexpr struct Rank : Axis<Rank, 2> {
} k;
constexpr auto e = d.prime();

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto t = sign<"t">(n);
constexpr auto factor = data<"factor">(d);
constexpr auto label = map<"label">(n, c);
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto W = param<"W">(c, d);
constexpr auto V = param<"V">(c, k);
constexpr auto U = param<"U">(d, k);
constexpr auto Q = param<"Q">(d, e);
constexpr auto lambda = hyper<"lambda">(0.3);

constexpr auto s = let<"s">(n, sum(d, X* w) + b);
constexpr auto p = let<"p">(n, 1 + sq(s));  // positive
constexpr auto z = let<"z">(n, c, sum(d, X* W));

// A program lowered at run time, bound to random data.
class Derivation {
 public:
  template <class S>
  explicit Derivation(const S& statement) : ir_(std::make_unique<internal::ProgramIr>()) {
    ir_->root = statement.emit(*ir_);
    internal::Lowering(*ir_).Run();
    Bind();
  }

  const internal::StatementIr& statement() const { return ir_->statement[ir_->root]; }
  int error() const { return ir_->builder.error; }

  void Check() {
    ASSERT_EQ(ir_->builder.error, 0);
    const internal::StatementIr& minimize = statement();
    ASSERT_EQ(minimize.kind, StatementKind::kMinimize);
    const int f = ir_->post[minimize.value].node;
    double whole = oracle_->Eval(f);
    if (minimize.smooth_value >= 0) whole += oracle_->Eval(ir_->post[minimize.smooth_value].node);
    for (const internal::PenaltyIr& penalty : minimize.penalty) whole += Value(penalty);
    EXPECT_NEAR(whole, oracle_->Eval(minimize.objective), 1e-10 * (1 + std::fabs(whole)));
    for (const internal::AssignIr& gradient : minimize.assign) CheckGradient(gradient, f, "f");
    if (minimize.smooth_value >= 0) {
      for (const internal::AssignIr& gradient : minimize.smooth) {
        CheckGradient(gradient, ir_->post[minimize.smooth_value].node, "smooth");
      }
    }
    EXPECT_TRUE(oracle_->status().ok()) << oracle_->status();
  }

  // Posts of assignments, starts and measures, against what was written.
  void CheckPosts() {
    ASSERT_EQ(ir_->builder.error, 0);
    for (const internal::AssignIr& assign : statement().assign) CheckPost(assign.post, assign.node);
    for (const internal::AssignIr& assign : ir_->start) CheckPost(assign.post, assign.node);
    for (const internal::NamedIr& measure : ir_->measure) CheckPost(measure.post, measure.node);
    EXPECT_TRUE(oracle_->status().ok()) << oracle_->status();
  }

 private:
  const ir::Graph& graph() const { return ir_->builder.graph; }

  void Bind() {
    Bindings bind = Bindings::For(graph());
    bind.literal.assign(ir_->builder.literal, ir_->builder.literal + graph().literals);
    for (int a = 0; a < graph().axis.size; ++a) {
      const auto at = static_cast<size_t>(a);
      if (bind.extent[at] == 0) bind.extent[at] = graph().axis[a].data ? 7 : 3;
    }
    for (int id = 0; id < graph().symbol.size; ++id) {
      const ir::Symbol& symbol = graph().symbol[id];
      if (symbol.kind == ir::Kind::kHyper) continue;
      std::vector<int64_t> shape;
      for (int a = 0; a < symbol.rank; ++a) {
        shape.push_back(bind.extent[static_cast<size_t>(symbol.axis[a])]);
      }
      Tensor tensor = Tensor::Zero(shape);
      const rng::Stream stream(3, rng::Hash(symbol.name), 0);
      for (size_t i = 0; i < tensor.value.size(); ++i) {
        double v = stream.Normal(i);
        if (symbol.kind == ir::Kind::kSign) v = v < 0 ? -1 : 1;
        if (symbol.target >= 0) {
          v = std::floor(stream.Uniform(i) *
                         static_cast<double>(bind.extent[static_cast<size_t>(symbol.target)]));
        }
        tensor.value[i] = v;
      }
      bind.tensor[static_cast<size_t>(id)] = tensor;
    }
    oracle_ = std::make_unique<Interpreter>(graph(), bind);
  }

  void CheckPost(int id, int written) {
    const internal::PostIr& post = ir_->post[id];
    const std::vector<int> indices(post.index, post.index + post.rank);
    const std::vector<double> got = oracle_->EvalTensor(post.node, indices);
    const std::vector<double> want = oracle_->EvalTensor(written, indices);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], want[i], 1e-10 * (1 + std::fabs(want[i]))) << i;
    }
  }

  void CheckGradient(const internal::AssignIr& gradient, int value, const char* of) {
    const internal::PostIr& post = ir_->post[gradient.post];
    const std::vector<double> derived =
        oracle_->EvalTensor(post.node, {post.index, post.index + post.rank});
    const std::vector<double> slope = oracle_->NumericalGradient(value, gradient.symbol);
    ASSERT_EQ(derived.size(), slope.size());
    for (size_t i = 0; i < slope.size(); ++i) {
      EXPECT_NEAR(derived[i], slope[i], 1e-6 * (1 + std::fabs(slope[i])))
          << "d " << of << " / d " << graph().symbol[gradient.symbol].name << "[" << i << "]";
    }
  }

  // sum over the parameter of weight * penalty, for penalties of single elements and group norms.
  double Value(const internal::PenaltyIr& penalty) {
    const internal::PostIr& post = ir_->post[penalty.post];
    const std::vector<double> weight =
        oracle_->EvalTensor(post.node, {post.index, post.index + post.rank});
    const Tensor& x = oracle_->bindings().tensor[static_cast<size_t>(penalty.symbol)];
    const auto weight_of = [&](size_t i) { return weight[post.rank == 0 ? 0 : i]; };
    double value = 0;
    switch (penalty.kind) {
      case PenaltyKind::kL1:
        for (size_t i = 0; i < x.value.size(); ++i) value += weight_of(i) * std::fabs(x.value[i]);
        return value;
      case PenaltyKind::kSquaredL2:
        for (size_t i = 0; i < x.value.size(); ++i) value += weight_of(i) * x.value[i] * x.value[i];
        return value;
      case PenaltyKind::kGroupL2:
        return weight[0] * Norms(penalty, x);
      default:
        return 0;
    }
  }
  // Groups of a matrix: rows, columns, or all of it.
  double Norms(const internal::PenaltyIr& penalty, const Tensor& x) {
    const ir::Symbol& symbol = graph().symbol[penalty.symbol];
    std::map<int64_t, double> square;
    for (size_t i = 0; i < x.value.size(); ++i) {
      int64_t key = 0, rest = static_cast<int64_t>(i);
      for (int a = symbol.rank; a-- > 0;) {
        const int64_t extent = x.shape[static_cast<size_t>(a)];
        bool inside = false;
        for (int j = 0; j < graph().index.size; ++j) {
          if (graph().index[j].axis == symbol.axis[a]) inside |= penalty.group >> j & 1;
        }
        if (!inside) key = key * extent + rest % extent + 1;
        rest /= extent;
      }
      square[key] += x.value[i] * x.value[i];
    }
    double value = 0;
    for (const auto& [key, sum_of_squares] : square) value += std::sqrt(sum_of_squares);
    return value;
  }

  std::unique_ptr<internal::ProgramIr> ir_;
  std::unique_ptr<Interpreter> oracle_;
};

#define DERIVES(NAME, OBJECTIVE) \
  TEST(DerivationTest, NAME) { Derivation(Minimize(OBJECTIVE)).Check(); }

// Products in macro arguments look like pointers to clang-format.
// clang-format off

// Scalar functions.
DERIVES(Identity, mean(n, y * s))
DERIVES(Negation, mean(n, y * -s))
DERIVES(Exp, mean(n, y * exp(s)))
DERIVES(Log, mean(n, y * log(p)))
DERIVES(Log1p, mean(n, y * log1p(sq(s))))
DERIVES(Sqrt, mean(n, y * sqrt(p)))
DERIVES(Sq, mean(n, y * sq(s)))
DERIVES(Abs, mean(n, y * abs(s)))
DERIVES(Relu, mean(n, y * relu(s)))
DERIVES(Hinge, mean(n, hinge(1 - t * s)))
DERIVES(SquaredHinge, mean(n, sq(hinge(1 - t * s))))
DERIVES(Sigmoid, mean(n, y * sigmoid(s)))
DERIVES(Tanh, mean(n, y * tanh(s)))
DERIVES(Lgamma, mean(n, y * lgamma(p)))
DERIVES(Digamma, mean(n, y * digamma(p)))
DERIVES(Round, mean(n, s * round(s)))
DERIVES(Softplus, mean(n, log1p(exp(-(t * s)))))
DERIVES(SoftplusAsALogarithm, mean(n, log(1 + exp(s))) + mean(n, log(exp(2 * s) + 1)))
DERIVES(Stop, mean(n, sq(s) + y * stop(y)))
DERIVES(Epoch, mean(n, sq(s)) / (1 + epoch))
DERIVES(Positions, mean(n, y * sum(d, where(d == 1, X * sq(w)))))
DERIVES(Comparisons, mean(n, where(y >= 0 || t != 1.0, sq(s), exp(s))))
DERIVES(Shuffled, mean(n, where(shuffle(n) < 3, sq(s))))
DERIVES(Clip, mean(n, y * clip(s, -0.5, 0.5)))

// Functions of two.
DERIVES(Product, mean(n, s * p))
DERIVES(Quotient, mean(n, s / p))
DERIVES(QuotientOfConstant, mean(n, 2 / p))
DERIVES(Difference, mean(n, sq(s - p)))
DERIVES(PowOfConstant, mean(n, y * pow(p, 1.5)))
DERIVES(PowOfParameter, mean(n, y * pow(p, b)))
DERIVES(Min, mean(n, y * min(s, p - 1)))
DERIVES(Max, mean(n, y * max(s, 0.1)))
DERIVES(Soft, mean(n, y * soft(s, 0.2)))
DERIVES(Where, mean(n, where(s > 0, sq(s), 0.5 * s)))
DERIVES(WhereOfOne, mean(n, where(y > 0 && !(t == 1.0), sq(s))))
DERIVES(Huber, mean(n, where(abs(y - s) <= 1, 0.5 * sq(y - s), abs(y - s) - 0.5)))

// Reductions inside a row.
DERIVES(SumOfSquares, mean(n, sum(d, sq(X - w))))
DERIVES(MaxOver, mean(n, y * max(c, z)))
DERIVES(MaxOfEquals, mean(n, y * max(c, s + 0 * z)))
DERIVES(MinOfEquals, mean(n, y * min(c, s + 0 * z)))
DERIVES(MinOver, mean(n, y * min(c, z)))
DERIVES(Prod, mean(n, y * prod(c, z)))
DERIVES(ProdOfAZero, mean(n, y * prod(c, where(label(n) == c, 0 * z, 1 + z))))
DERIVES(MaxOverTwoAxes, mean(n, max(c, k, V * z)))
DERIVES(LogsumexpOverTwoAxes, mean(n, logsumexp(c, k, V * z)))
DERIVES(ProdOfDependentFactors, mean(n, prod(c, 1 + z * s)))
DERIVES(PowOfAProduct, mean(n, pow(p * p, 0.75)))
DERIVES(ScatteredGroups, mean(n, sq(sum(c, where(label(n) == c, z)) - y)))
DERIVES(SumOfData, sum(n, y) * sum(d, exp(w)) + mean(n, s))
DERIVES(Logsumexp, mean(n, logsumexp(c, z)))
DERIVES(LogsumexpSpelledOut, mean(n, log(sum(c, exp(z)))))
DERIVES(Norm, mean(n, y * norm(c, z)))
DERIVES(NormOfAParameter, mean(n, s) + mean(n, y) * norm(d, w))
DERIVES(CrossEntropy, mean(n, xent(c, z, label)))
DERIVES(Softmax, mean(n, sum(c, softmax(c, z) * z)))
DERIVES(SumOverTwoAxes, mean(n, y * sum(c, d, W * X)))
DERIVES(MeanOverTwoAxes, mean(n, mean(c, d, sq(W * X))))

// Subscripts.
DERIVES(Gather, mean(n, y * sum(d, X * W(label(n), d))))
DERIVES(GatherSquared, mean(n, sq(sum(d, X * W(label(n), d)) - y)))
DERIVES(GatheredLet, mean(n, sq(y - z(n, label(n)))))
DERIVES(Primes, mean(n, y * sum(d, e, X(n, d) * Q * X(n, e))))
DERIVES(PrimesOfOneParameter, mean(n, y * sum(d, e, X(n, d) * w(d) * w(e) * X(n, e))))
DERIVES(IndexBoundTwice, mean(n, y * sum(d, X * w * sum(d, X * w))))
DERIVES(IndexBoundTwiceInsideAFunction, mean(n, y * sum(d, X * exp(w * sum(d, X * w)))))
DERIVES(LetAtAnotherIndex, mean(n, y * sum(d, e, Q * let<"hw">(n, d, X * w) * let<"hw">(n, d, X * w)(n, e))))
DERIVES(Transposed, mean(n, y * sum(d, e, X(n, d) * Q(e, d) * Q(d, e))))
DERIVES(Factorised, mean(n, xent(c, let<"zf">(n, c, sum(k, V * sum(d, X * U))), label)))
DERIVES(SharedHidden, mean(n, sq(y - sum(k, sq(let<"hidden">(n, k, tanh(sum(d, X * U))))))))

// Sums over data inside functions.
DERIVES(Standardised, mean(n, sq(y - let<"centred">(n, s - mean(n, y)))))
DERIVES(NormalisedByData, mean(n, sq(s)) / sum(n, sq(y)))

// Omega.
DERIVES(L1, mean(n, sq(s)) + lambda * sum(d, abs(w)))
DERIVES(SquaredL2, mean(n, sq(s)) + 0.5 * lambda * sum(d, sq(w)))
DERIVES(SquaredL2AsAProduct, mean(n, sq(s)) + lambda * sum(d, w * w))
DERIVES(ElasticNet, mean(n, sq(s)) + lambda * sum(d, abs(w) + 0.5 * sq(w)))
DERIVES(MatrixL1, mean(n, xent(c, z, label)) + lambda * sum(c, d, abs(W)))
DERIVES(WeightedL1, mean(n, sq(s)) + lambda * sum(d, abs(factor) * abs(w)))
DERIVES(GroupLasso, mean(n, xent(c, z, label)) + lambda * sum(c, norm(d, W)))
DERIVES(Frobenius, mean(n, xent(c, z, label)) + lambda * norm(c, d, W))
DERIVES(Smooth, mean(n, sq(s)) + lambda * sum(d, log1p(sq(w))))
DERIVES(SmoothCoupled, mean(n, sq(s)) + lambda * sum(d, sq(w - factor)))
DERIVES(NegativePenalty, mean(n, sq(s)) - 0.1 * sum(d, sq(w)))
DERIVES(PenaltyOfAProduct, mean(n, sq(s)) + sum(d, sq(sum(e, Q * w(e)))))

// Functions of sums over data: dF/dT is applied when the totals T are known.
DERIVES(RootOfATotal, sqrt(mean(n, sq(y - s))))
DERIVES(ProductOfTotals, mean(n, s) * mean(n, sq(s)))
DERIVES(QuotientOfTotals, mean(n, sq(y - s)) / (1 + mean(n, sq(s))))
DERIVES(FunctionOfATotalAndAParameter, mean(n, sq(s)) * exp(0.1 * b) + mean(n, y * s))
DERIVES(LogOfANamedTotal, log(1 + let<"loss">(mean(n, sq(y - s)))) + lambda * sum(d, abs(w)))
DERIVES(CurvedAndPlain, sqrt(mean(n, sq(y - s))) + mean(n, p) + sum(c, mean(n, z * y)))

// What needs a second pass over the data within a clock, or a diagonal, has a code
// (docs/errors.md).
#define REFUSES(NAME, CODE, OBJECTIVE) \
  TEST(RefusalTest, NAME) { EXPECT_EQ(Derivation(Minimize(OBJECTIVE)).error(), CODE); }

REFUSES(Scatter, 22, sum(c, sq(sum(n, where(label(n) == c, s)))))
REFUSES(FunctionOfTotalsInARow, 22, mean(n, sq(s - mean(n, s))))
REFUSES(SumOfMoments, 22, sum(c, sq(mean(n, z))))
REFUSES(Diagonal, 32, mean(n, y * sum(d, X * Q(d, d))))

// clang-format on

template <class E>
std::vector<PenaltyKind> Penalties(const E& objective) {
  const Derivation derivation(Minimize(objective));
  std::vector<PenaltyKind> kinds;
  for (const internal::PenaltyIr& each : derivation.statement().penalty) {
    kinds.push_back(each.kind);
  }
  return kinds;
}
using Kinds = std::vector<PenaltyKind>;

TEST(PenaltyTest, ProximalTermsAreRecognised) {
  EXPECT_EQ(Penalties(mean(n, sq(s)) + lambda * sum(d, abs(w))), Kinds{PenaltyKind::kL1});
  EXPECT_EQ(Penalties(mean(n, sq(s)) + lambda * sum(d, w * w)), Kinds{PenaltyKind::kSquaredL2});
  EXPECT_EQ(Penalties(mean(n, sq(s)) + lambda * sum(d, abs(w) + sq(w))),
            (Kinds{PenaltyKind::kL1, PenaltyKind::kSquaredL2}));
  EXPECT_EQ(Penalties(mean(n, xent(c, z, label)) + lambda * sum(c, norm(d, W))),
            Kinds{PenaltyKind::kGroupL2});
  EXPECT_EQ(Penalties(mean(n, sq(s)) + lambda * sum(d, abs(factor) * abs(w))),
            Kinds{PenaltyKind::kL1});
  EXPECT_EQ(Penalties(mean(n, sq(s)) + lambda * sum(d, log1p(sq(w)))), Kinds{});
}

constexpr auto C = param<"C">(c, d);
constexpr auto distance = let<"distance">(n, c, sum(d, sq(X - C)));
constexpr auto nearest = let<"nearest">(n, argmin(c, distance));
constexpr auto members = let<"members">(c, sum(n, where(nearest(n) == c, 1)));
constexpr auto totals = let<"totals">(c, d, sum(n, where(nearest(n) == c, X)));

TEST(PostTest, AssignmentsOfGroupedSums) {
  Derivation(Iterate(C = where(members > 0, totals / members, C))
                 .Measure<"inertia">(sum(n, min(c, distance))))
      .CheckPosts();
}

TEST(PostTest, AssignmentsOfLinearUpdates) {
  Derivation(Iterate(w = w + 0.1 * sum(n, X * (y - s)), b = b + mean(n, y - s))
                 .Measure<"rmse">(sqrt(mean(n, sq(y - s)))))
      .CheckPosts();
}

TEST(PostTest, MeasuresOfSelections) {
  Derivation(Minimize(mean(n, xent(c, z, label)))
                 .Measure<"accuracy">(mean(n, argmax(c, z) == label(n)))
                 .Measure<"share">(mean(n, where(y > 0 || s <= 0, 1)))
                 .Measure<"count">(sum(n, any(c, z > 1.5))))
      .CheckPosts();
}

TEST(PostTest, StartsFromSumsOverData) {
  Derivation(Minimize(mean(n, sq(y - s))).Start(b = mean(n, y), w = sum(n, X * y) / size(n)))
      .CheckPosts();
}

}  // namespace
}  // namespace gyre
