// A trained model on bound data: measures, and predictions row by row. One thread, no plan.
//
//   Evaluator evaluator(program, {...});
//   double rmse = evaluator.Value(program.measure[0]);
//   evaluator.EachRow(program.pass[p], [&](int64_t row, absl::Span<const double> values) {...});
#pragma once
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "dsl/program.h"
#include "ops/aligned.h"
#include "runtime/state.h"

namespace gyre::driver {

struct EvaluateOn {
  Type type = Type::kFloat64;                  // of the data
  std::vector<Block> data;                     // by symbol
  std::vector<int64_t> extent;                 // by axis; of a data axis: its rows
  std::vector<double> hyper;                   // by symbol
  std::vector<std::vector<double>> parameter;  // by symbol
  uint64_t seed = 1;                           // draws
};

class Evaluator {
 public:
  // `program` and what the blocks of `on` point to must outlive it.
  Evaluator(const Program& program, EvaluateOn on);

  // A measure, or the objective, over all rows.
  double Value(const Measure& measure);

  // A value without rows, row-major over post.axes.
  std::vector<double> Values(const Post& post);

  // Calls `f` with the values that a rows pass gives each row.
  void EachRow(const Pass& pass,
               absl::FunctionRef<void(int64_t row, absl::Span<const double> values)> f);

  // The same of other rows: `data`, by symbol, in place of what was given.
  void EachRow(const Pass& pass, const std::vector<Block>& data, int64_t rows,
               absl::FunctionRef<void(int64_t row, absl::Span<const double> values)> f);

  // How many values a row has: the product of the extents of Pass::row_axes.
  int64_t RowSize(const Pass& pass) const;
  int64_t Rows(const Pass& pass) const;

 private:
  void RunPost(const Post& post, const std::vector<const double*>& total, double* out);
  // Runs `pass` over a range of rows of `data`; `target` by position in Pass::total, or `out`.
  void Run(const Pass& pass, const std::vector<Block>& data, int64_t begin, int64_t end,
           double* const* target, void* out);
  // Sums of `pass` over all rows, by total.
  void Sum(const Pass& pass, AlignedArray<double>* sums, std::vector<const double*>* total);

  const Program& program_;
  const EvaluateOn on_;
  ParamState state_;
  AlignedArray<char> published_;
  std::vector<const void*> param_;          // by symbol, in the element type
  AlignedArray<double> build_;              // sums of data alone
  std::vector<const double*> build_total_;  // by total
};

}  // namespace gyre::driver
