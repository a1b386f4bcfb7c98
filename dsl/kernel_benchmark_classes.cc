// Gradients and sums with a matrix of parameters: multiclass models in mini-batches, k-means.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dsl/kernel_benchmark_case.h"

namespace gyre::kernel_benchmark {
namespace {

template <class T>
struct Classes {
  Classes(const Program& program, int64_t rows, int64_t cols, int64_t classes)
      : x(rows, cols),
        w(classes, cols),
        label(static_cast<size_t>(rows)),
        call(program, kTypeOf<T>) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < rows * cols; ++i) x.data()[i] = static_cast<T>(normal(random));
    for (int64_t i = 0; i < classes * cols; ++i)
      w.data()[i] = static_cast<T>(0.1f * normal(random));
    for (int32_t& l : label) l = static_cast<int32_t>(random() % static_cast<uint64_t>(classes));
    call.Extent("Sample", rows);
    call.Extent("Feature", cols);
    call.Extent("Class", classes);
    call.Dense("X", x.data(), rows, cols);
    if (call.Has("label")) call.Keys("label", label.data(), rows);
    call.Param("W", w.data());
    call.Prepare();
  }
  Matrix<T> x, w;
  std::vector<int32_t> label;
  Call call;
};

// A multiclass gradient on consecutive batches of the rows; "products" are its two matrix products
// alone, "eigen" the whole of it with Eigen's products.
template <class T>
Case Batches(int64_t cols, int64_t classes, int64_t batch) {
  struct State : Classes<T> {
    State(int64_t rows, int64_t cols, int64_t classes, int64_t size)
        : Classes<T>(kernel_benchmark::Multiclass(), rows, cols, classes),
          batch(size),
          score(size, classes),
          gradient(classes, cols) {}
    int64_t Next(int variant) {
      const int64_t begin = at[variant];
      at[variant] = begin + 2 * batch > this->x.rows() ? 0 : begin + batch;
      return begin;
    }
    void Eigens(int64_t begin, bool whole) {
      const auto rows = this->x.middleRows(begin, batch);
      score.noalias() = rows * this->w.transpose();
      if (whole) value = Softmax(begin);
      gradient.noalias() = score.transpose() * rows;
    }
    double Softmax(int64_t begin) {
      double sum = 0;
      for (int64_t i = 0; i < batch; ++i) {
        auto row = score.row(i).array();
        const auto l = this->label[static_cast<size_t>(begin + i)];
        const T most = row.maxCoeff(), own = row(l);
        row = (row - most).exp();
        const T all = row.sum();
        sum += static_cast<double>(std::log(all) + most - own);
        row /= all;
        row(l) -= 1;
      }
      return sum;
    }
    const int64_t batch;
    int64_t at[3] = {};
    Matrix<T> score, gradient;
    double value = 0;
  };
  auto state = std::make_shared<State>(std::max<int64_t>(6000, batch), cols, classes, batch);
  State* s = state.get();
  Case c;
  c.bytes = static_cast<double>(batch * cols) * sizeof(T);
  c.flops = 4 * static_cast<double>(batch * cols * classes);
  c.variant = {{"derived",
                [state] {
                  const int64_t begin = state->Next(0);
                  state->call.Run(begin, begin + state->batch);
                }},
               {"products", [s] { s->Eigens(s->Next(1), false); }},
               {"eigen", [s] { s->Eigens(s->Next(2), true); }}};
  c.difference = [s] {
    const std::vector<double> got = s->call.Gradient(0);
    const double value = s->call.Value();
    return std::max(Difference(got, s->gradient.data(), s->gradient.size()),
                    Difference(&value, &s->value, 1));
  };
  return c;
}

// One round of k-means: the nearest centre of every row by ||c||^2 - 2 x c, and the sum of the rows
// of each; with Eigen's product over all rows, or over blocks of them.
template <class T>
Case Clusters(int64_t rows, int64_t cols, int64_t centers) {
  struct State : Classes<T> {
    State(int64_t rows, int64_t cols, int64_t centers)
        : Classes<T>(kernel_benchmark::KMeans(), rows, cols, centers),
          sum(centers, cols),
          count(centers) {}
    void Eigens(int64_t step) {
      const Vector<T> norm = this->w.array().square().rowwise().sum();
      score.resize(step, this->w.rows());
      sum.setZero();
      count.setZero();
      for (int64_t r = 0; r < this->x.rows(); r += step) {
        const int64_t n = std::min(step, this->x.rows() - r);
        score.topRows(n).noalias() = this->x.middleRows(r, n) * this->w.transpose();
        for (int64_t i = 0; i < n; ++i) {
          Eigen::Index nearest;
          (norm - 2 * score.row(i).transpose().array()).minCoeff(&nearest);
          sum.row(nearest) += this->x.row(r + i);
          count[nearest] += 1;
        }
      }
    }
    Matrix<T> score, sum;
    Vector<double> count;
  };
  auto state = std::make_shared<State>(rows, cols, centers);
  State* s = state.get();
  Case c;
  c.bytes = static_cast<double>(rows * cols) * sizeof(T);
  c.flops = 2 * static_cast<double>(rows * cols * centers);
  c.variant = {{"derived", [state] { state->call.Run(0, state->x.rows()); }},
               {"eigen", [s] { s->Eigens(s->x.rows()); }},
               {"blocks", [s] { s->Eigens(256); }}};
  c.difference = [s] {
    const bool first = s->call.total(0)[0] == s->count[0];  // totals in the order of the program
    return Difference(s->call.total(first ? 1 : 0), s->sum.data(), s->sum.size());
  };
  return c;
}

template <class T>
void AddBatches(std::vector<Entry>& entries, const char* type) {
  for (const int64_t batch : {100, 128, 1000}) {
    entries.push_back({"multiclass/batch:" + std::to_string(batch) + "/784x10/" + type, 1.10,
                       [batch] { return Batches<T>(784, 10, batch); }});
  }
}

}  // namespace

void AddClasses(std::vector<Entry>& entries) {
  AddBatches<float>(entries, "f32");
  AddBatches<double>(entries, "f64");
  entries.push_back(
      {"kmeans/60000x784/k:100/f32", 1.05, [] { return Clusters<float>(60000, 784, 100); }});
}

}  // namespace gyre::kernel_benchmark
