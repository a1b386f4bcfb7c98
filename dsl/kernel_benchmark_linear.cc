// Value and gradient of generalised linear models, dense and sparse.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dsl/kernel_benchmark_case.h"
// Behind it, because it switches off warnings of Eigen's.
#include "Eigen/SparseCore"

namespace gyre::kernel_benchmark {
namespace {

// Data of a linear model: rows of X, a target of each and a parameter.
template <class T>
struct Linear {
  Linear(int64_t rows, int64_t cols) : x(rows, cols), y(rows), w(cols) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < rows * cols; ++i) x.data()[i] = static_cast<T>(normal(random));
    for (int64_t i = 0; i < rows; ++i) y[i] = normal(random) < 0 ? T{-1} : T{1};
    for (int64_t i = 0; i < cols; ++i) w[i] = static_cast<T>(0.1f * normal(random));
  }
  Matrix<T> x;
  Vector<T> y, w;
};

// A loss by hand: of a row's score and target, its value and derivative by the score; once for a
// number and once for an array.
struct SquaredLoss {
  static constexpr const char* kName = "least_squares";
  static const Program& Compiled() { return kernel_benchmark::LeastSquares(); }
  template <class T>
  static double Row(T s, T y, T& u) {
    u = s - y;
    return 0.5 * static_cast<double>(u) * static_cast<double>(u);
  }
  template <class V>
  static double Rows(const V& y, V& s) {
    s -= y;
    return 0.5 * static_cast<double>(s.square().sum());
  }
};
struct LogisticLoss {
  static constexpr const char* kName = "logistic";
  static const Program& Compiled() { return kernel_benchmark::Logistic(); }
  template <class T>
  static double Row(T s, T y, T& u) {
    const T e = std::exp(-y * s);
    u = -y * e / (1 + e);
    return static_cast<double>(std::log1p(e));
  }
  template <class V>
  static double Rows(const V& y, V& s) {
    s = (-y * s).exp();
    const auto value = static_cast<double>((1 + s).log().sum());
    s = -y * s / (1 + s);
    return value;
  }
};
struct HuberLoss {
  static constexpr const char* kName = "huber";
  static const Program& Compiled() { return kernel_benchmark::Huber(); }
  template <class T>
  static double Row(T s, T y, T& u) {
    const T r = s - y, a = std::fabs(r);
    u = std::clamp(r, T{-1}, T{1});
    return static_cast<double>(a <= 1 ? T{0.5} * r * r : a - T{0.5});
  }
  template <class V>
  static double Rows(const V& y, V& s) {
    using T = typename V::Scalar;
    s -= y;
    const auto value =
        static_cast<double>((s.abs() <= T{1}).select(T{0.5} * s.square(), s.abs() - T{0.5}).sum());
    s = s.max(T{-1}).min(T{1});
    return value;
  }
};
struct PoissonLoss {
  static constexpr const char* kName = "poisson";
  static const Program& Compiled() { return kernel_benchmark::Poisson(); }
  template <class T>
  static double Row(T s, T y, T& u) {
    const T mu = std::exp(s);
    u = mu - y;
    return static_cast<double>(mu - y * s);
  }
  template <class V>
  static double Rows(const V& y, V& s) {
    const auto linear = static_cast<double>((y * s).sum());
    s = s.exp();
    const double value = static_cast<double>(s.sum()) - linear;
    s -= y;
    return value;
  }
};
struct HingeLoss {
  static constexpr const char* kName = "hinge";
  static const Program& Compiled() { return kernel_benchmark::Hinge(); }
  template <class T>
  static double Row(T s, T y, T& u) {
    const T slack = 1 - y * s;
    u = slack > 0 ? -y : T{0};
    return static_cast<double>(slack > 0 ? slack : T{0});
  }
  template <class V>
  static double Rows(const V& y, V& s) {
    using T = typename V::Scalar;
    s = T{1} - y * s;
    const auto value = static_cast<double>(s.max(T{0}).sum());
    s = (s > T{0}).select(-y, T{0});
    return value;
  }
};

// The loop over rows: a dot product in 32 sums that the compiler vectorises, the loss, the
// gradient.
template <class Loss, class T>
double DenseLoops(const Linear<T>& p, T* g) {
  const int64_t cols = p.x.cols();
  double value = 0;
  std::fill_n(g, cols, T{0});
  for (int64_t r = 0; r < p.x.rows(); ++r) {
    const T *row = p.x.data() + r * cols, *w = p.w.data();
    T lane[32] = {};
    int64_t j = 0;
    for (; j + 32 <= cols; j += 32)
      for (int l = 0; l < 32; ++l) lane[l] += row[j + l] * w[j + l];
    T s = 0, u;
    for (; j < cols; ++j) s += row[j] * w[j];
    for (const T v : lane) s += v;
    value += Loss::Row(s, p.y[r], u);
    for (j = 0; j < cols; ++j) g[j] += u * row[j];
  }
  return value;
}

template <class Loss, class T>
double DenseEigen(const Linear<T>& p, int64_t step, T* g) {
  Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>> gradient(g, p.x.cols());
  gradient.setZero();
  double value = 0;
  Vector<T> s(step), y(step);
  for (int64_t r = 0; r < p.x.rows(); r += step) {
    const int64_t n = std::min(step, p.x.rows() - r);
    if (n != s.size()) s.resize(n);
    const auto block = p.x.middleRows(r, n);
    s.matrix().noalias() = block * p.w.matrix();
    y = p.y.segment(r, n);
    value += Loss::Rows(y, s);
    gradient.noalias() += block.transpose() * s.matrix();
  }
  return value;
}

template <class Loss, class T>
Case Dense(int64_t rows, int64_t cols) {
  struct State : Linear<T> {
    State(int64_t rows, int64_t cols)
        : Linear<T>(rows, cols),
          call(Loss::Compiled(), kTypeOf<T>),
          gradient(static_cast<size_t>(cols)) {}
    Call call;
    std::vector<T> gradient;
    double value = 0;
  };
  auto state = std::make_shared<State>(rows, cols);
  State* s = state.get();
  s->call.Extent("Sample", rows);
  s->call.Extent("Feature", cols);
  s->call.Dense("X", s->x.data(), rows, cols);
  s->call.Dense("y", s->y.data(), rows, 1);
  s->call.Param("w", s->w.data());
  s->call.Prepare();
  // Blocks for the first-level cache and for the second.
  const int64_t row_bytes = cols * static_cast<int64_t>(sizeof(T));
  const int64_t few = std::max<int64_t>(16, (32 << 10) / row_bytes);
  const int64_t many = std::max<int64_t>(16, (256 << 10) / row_bytes);
  Case c;
  c.bytes = static_cast<double>(rows * cols) * sizeof(T);
  c.flops = 4 * static_cast<double>(rows * cols);
  c.variant = {
      {"derived", [state] { state->call.Run(0, state->x.rows()); }},
      {"loops", [s] { s->value = DenseLoops<Loss>(*s, s->gradient.data()); }},
      {"eigen", [s] { s->value = DenseEigen<Loss>(*s, s->x.rows(), s->gradient.data()); }},
      {"blocks", [s, few] { s->value = DenseEigen<Loss>(*s, few, s->gradient.data()); }},
      {"blocks2", [s, many] { s->value = DenseEigen<Loss>(*s, many, s->gradient.data()); }}};
  c.difference = [s] {
    const std::vector<double> got = s->call.Gradient(0);
    const double value = s->call.Value();
    return std::max(Difference(got, s->gradient, s->x.cols()), Difference(&value, &s->value, 1));
  };
  return c;
}

// Sparse rows: `density` of the entries, uniformly placed.
template <class T>
struct Sparse {
  Sparse(int64_t rows, int64_t cols, double density) : offset{0}, y(rows), w(cols) {
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    std::poisson_distribution<int> count(density * static_cast<double>(cols));
    std::uniform_int_distribution<int32_t> column(0, static_cast<int32_t>(cols) - 1);
    std::vector<int32_t> row;
    for (int64_t r = 0; r < rows; ++r) {
      row.clear();
      for (int k = count(random); k > 0; --k) row.push_back(column(random));
      std::sort(row.begin(), row.end());
      row.erase(std::unique(row.begin(), row.end()), row.end());
      for (const int32_t c : row)
        index.push_back(c), entry.push_back(static_cast<T>(normal(random)));
      offset.push_back(static_cast<int64_t>(index.size()));
      y[r] = normal(random) < 0 ? T{-1} : T{1};
    }
    for (int64_t i = 0; i < cols; ++i) w[i] = static_cast<T>(0.1f * normal(random));
    narrow.assign(offset.begin(), offset.end());
  }
  std::vector<int64_t> offset;
  std::vector<int32_t> index, narrow;
  std::vector<T> entry;
  Vector<T> y, w;
};

template <class Loss, class T>
double SparseLoops(const Sparse<T>& p, double* g) {
  double value = 0;
  std::fill_n(g, p.w.size(), 0.0);
  const T *x = p.entry.data(), *w = p.w.data();
  const int32_t* index = p.index.data();
  for (int64_t r = 0; r < p.y.size(); ++r) {
    const int64_t begin = p.offset[static_cast<size_t>(r)],
                  end = p.offset[static_cast<size_t>(r) + 1];
    double s = 0;
    for (int64_t k = begin; k < end; ++k)
      s += static_cast<double>(x[k]) * static_cast<double>(w[index[k]]);
    T u;
    value += Loss::Row(static_cast<T>(s), p.y[r], u);
    for (int64_t k = begin; k < end; ++k)
      g[index[k]] += static_cast<double>(u) * static_cast<double>(x[k]);
  }
  return value;
}

template <class Loss, class T>
double SparseEigen(const Sparse<T>& p, Vector<T>& s, Eigen::Matrix<T, Eigen::Dynamic, 1>& g) {
  const Eigen::Map<const Eigen::SparseMatrix<T, Eigen::RowMajor, int32_t>> x(
      p.y.size(), p.w.size(), static_cast<Eigen::Index>(p.entry.size()), p.narrow.data(),
      p.index.data(), p.entry.data());
  s.matrix().noalias() = x * p.w.matrix();
  const double value = Loss::Rows(p.y, s);
  g.noalias() = x.transpose() * s.matrix();
  return value;
}

template <class Loss, class T>
Case Csr(int64_t rows, int64_t cols, double density) {
  struct State : Sparse<T> {
    State(int64_t rows, int64_t cols, double density)
        : Sparse<T>(rows, cols, density),
          call(Loss::Compiled(), kTypeOf<T>),
          wide(static_cast<size_t>(cols)),
          score(rows),
          gradient(cols) {}
    Call call;
    std::vector<double> wide;
    Vector<T> score;
    Eigen::Matrix<T, Eigen::Dynamic, 1> gradient;
    double value = 0;
  };
  auto state = std::make_shared<State>(rows, cols, density);
  State* s = state.get();
  s->call.Extent("Sample", rows);
  s->call.Extent("Feature", cols);
  s->call.Bind("X", {Format::kCsr, kTypeOf<T>, s->entry.data(), s->index.data(), s->offset.data(),
                     rows, cols, 0});
  s->call.Dense("y", s->y.data(), rows, 1);
  s->call.Param("w", s->w.data());
  s->call.Prepare();
  const auto entries = static_cast<double>(s->index.size());
  Case c;
  c.bytes = entries * (sizeof(T) + 4);
  c.flops = 4 * entries;
  c.variant = {{"derived", [state] { state->call.Run(0, state->y.size()); }},
               {"loops", [s] { s->value = SparseLoops<Loss>(*s, s->wide.data()); }},
               {"eigen", [s] { s->value = SparseEigen<Loss>(*s, s->score, s->gradient); }}};
  c.difference = [s] {
    const std::vector<double> got = s->call.Gradient(0);
    const double value = s->call.Value();
    return std::max({Difference(got, s->wide, s->w.size()),
                     Difference(got, s->gradient, s->w.size()), Difference(&value, &s->value, 1)});
  };
  return c;
}

std::string Named(const char* what, const char* format, int64_t rows, int64_t cols,
                  const char* type) {
  return std::string(what) + "/" + format + "/" + std::to_string(rows) + "x" +
         std::to_string(cols) + "/" + type;
}

template <class Loss, class T>
void AddDense(std::vector<Entry>& entries, int64_t rows, int64_t cols, const char* type) {
  entries.push_back({Named(Loss::kName, "dense", rows, cols, type), 1.05,
                     [rows, cols] { return Dense<Loss, T>(rows, cols); }});
}

template <class Loss, class T>
void AddCsr(std::vector<Entry>& entries, int64_t rows, int64_t cols, const char* type) {
  entries.push_back({Named(Loss::kName, "csr", rows, cols, type), 1.05,
                     [rows, cols] { return Csr<Loss, T>(rows, cols, 0.001); }});
}

template <class T>
void AddEntries(std::vector<Entry>& entries, const char* type) {
  AddDense<SquaredLoss, T>(entries, 200000, 64, type);
  AddDense<SquaredLoss, T>(entries, 20000, 512, type);
  AddDense<SquaredLoss, T>(entries, 2000, 4096, type);
  AddDense<LogisticLoss, T>(entries, 200000, 64, type);
  AddDense<LogisticLoss, T>(entries, 20000, 512, type);
  AddDense<LogisticLoss, T>(entries, 2000, 4096, type);
  AddCsr<SquaredLoss, T>(entries, 100000, 50000, type);
  AddCsr<LogisticLoss, T>(entries, 100000, 50000, type);
  AddDense<HuberLoss, T>(entries, 20000, 512, type);
  AddDense<PoissonLoss, T>(entries, 20000, 512, type);
  AddDense<HingeLoss, T>(entries, 20000, 512, type);
}

}  // namespace

void AddLinear(std::vector<Entry>& entries) {
  AddEntries<float>(entries, "f32");
  AddEntries<double>(entries, "f64");
}

}  // namespace gyre::kernel_benchmark
