// Derived kernels against the reference interpreter. Several matrices of different formats, values
// without rows, maps through lets, parts without rows and long sums.
#include <cmath>

#include "tests/gradient/vocabulary.h"

namespace gyre::vocabulary {
namespace {

constexpr struct Field : Axis<Field> {} g;
constexpr auto Z = data<"Z">(n, g);
constexpr auto v = param<"v">(g);
constexpr auto A = param<"A">(d, g);

// clang-format off
constexpr auto both = let<"both">(n, sum(d, X * w) + sum(g, Z * v) + b);
constexpr auto Both = Minimize(mean(n, log1p(exp(-t * both))))
    .Measure<"bilinear">(mean(n, sum(d, g, X * A * Z)));
constexpr auto Bilinear = Minimize(mean(n, sq(y - sum(d, g, X * A * Z))));

// Reductions of parameters alone, in the objective, in rows and in measures.
KERNELS(ReductionsWithoutRows, Minimize(mean(n, y * s * logsumexp(c, sum(d, sq(W)))) +
        logsumexp(d, w) + prod(k, 2 + sum(c, V)) + norm(c, d, W))
    .Measure<"largest">(max(d, w))
    .Measure<"smallest">(min(d, w))
    .Measure<"where">(mean(n, where(label(n) == argmin(c, sum(d, W)), 1, 0)))
    .Measure<"some">(where(any(d, w > 0), 1, 0)))

// Lets without rows that hold reductions, read at other indices and by reductions in others.
constexpr auto m = c.prime();
constexpr auto unit = let<"unit">(c, d, W / norm(d, W));
constexpr auto gram = let<"gram">(c, m, sum(d, unit * unit(m, d)));
constexpr auto share = let<"share">(c, 1 / (1 + sum(m, sq(gram))));
KERNELS(ReductionsInLetsWithoutRows, Minimize(mean(n, sq(y - sum(c, m, share * gram * sum(d, unit(m, d) * X)))))
    .Measure<"shares">(mean(n, y * sum(c, share)))
    .Predict<"unit">(sum(c, share * unit(c, d) * X)))

// Lets without rows, read where a map of the row says; and a let of the row read there.
constexpr auto length = let<"length">(c, sum(d, sq(W)));
constexpr auto scaled = let<"scaled">(n, c, z / (1 + length));
KERNELS(GathersThroughLets, Minimize(mean(n, sq(y - scaled(n, label(n)) - length(label(n))))))
// clang-format on

TEST(KernelTest, MatricesOfDifferentFormats) {
  constexpr Format kFormats[] = {Format::kDense, Format::kCsr, Format::kCsc};
  for (const Program& program : {internal::Compile(Both), internal::Compile(Bilinear)}) {
    for (const Format x : kFormats) {
      for (const Format z : kFormats) {
        HarnessOptions options;
        options.formats = {{"X", x}, {"Z", z}};
        options.extents = {{"Field", 4}};
        CheckEverywhere(program, options);
      }
    }
  }
}

TEST(KernelTest, PartsWithoutRows) {
  const Program program = internal::Compile(Both);
  for (const Format format : {Format::kDense, Format::kCsr}) {
    HarnessOptions options;
    options.format = format;
    options.rows = 2;
    options.extent = 3;
    options.blocks = 5;
    Harness(program, options).CheckAll();
  }
}

// A million terms in float would be off by 1e-3 or more; in double by the rounding of each term.
TEST(KernelTest, LongSumsInDouble) {
  const Program program = internal::Compile(Minimize(sum(n, sq(y - b))));
  HarnessOptions options;
  options.type = Type::kFloat32;
  options.rows = 1 << 20;
  options.range = {{"y", {0.9, 1.1}}};
  Harness h(program, options);
  const std::vector<std::vector<double>> totals = h.RunPass(program.root.pass);
  const Pass& pass = program.pass[static_cast<size_t>(program.root.pass)];
  for (size_t i = 0; i < totals.size(); ++i) {
    const double want = h.oracle().EvalTensor(program.graph.total[pass.total[i]].node, {})[0];
    EXPECT_NEAR(totals[i][0], want, 1e-7 * std::fabs(want));
  }
}

}  // namespace
}  // namespace gyre::vocabulary
