// Columns of a data matrix on a common scale, and coefficients back in the units of the data.
//
// A penalty weighs coefficients against each other, so users of such models expect the columns of X
// to be scaled to unit deviation before training (Friedman, Hastie, Tibshirani, "Regularization
// Paths for Generalized Linear Models via Coordinate Descent", 2010, section 2.3), and the
// coefficients in the original units. Whether that is possible is read off the program's graph:
//   X is *linear* when every use of X(n,d), and of each parameter beside it, is a term of
//     sum[d] X(n,d) * P(..., d) * (factors without d), so that P(..., d) = scale(d) * P'(..., d);
//   X is *centrable* when besides every such sum stands, with the same sign, an unpenalised
//   parameter
//     over P's other axes (an intercept), which absorbs sum[d] center(d) * P(..., d).
// Nothing here looks at a program's name or shape beyond that. Thread-safe: no state.
#pragma once
#include <cstdint>
#include <vector>

#include "dsl/program.h"
#include "ops/view.h"
#include "runtime/data/info.h"

namespace gyre::driver {

// x' = (x - center) * scale, per column.
struct ColumnTransform {
  std::vector<double> center, scale;
};

struct Coefficient {
  int param = -1;
  int position = -1;   // of the first column axis among the parameter's; the others follow it
  int intercept = -1;  // the parameter that absorbs its centring, -1: none
  // Position in the intercept's axes, by the parameter's axes (-1 for the column axes).
  std::vector<int> intercept_axis;
  bool operator==(const Coefficient&) const = default;
};

struct MatrixUse {
  int symbol = -1;  // the data matrix, data axis x column axes
  std::vector<int> column_axis;
  bool linear = false;
  bool centrable = false;
  bool penalised = false;  // a shrinking penalty on a coefficient (or on a parameter over the columns)
  bool bounded = false;  // a coefficient has bounds that scaling would move
  std::vector<Coefficient> coefficient;
};

// One entry for each matrix (data over a data axis and others, which number its columns) of the program.
std::vector<MatrixUse> FindMatrices(const Program& program);

// Mean and 1 / standard deviation (over rows, divisor n) of every column; columns without deviation
// keep scale 1. `center` is the mean; callers that only scale clear it to zero.
ColumnTransform MeasureColumns(const Block& matrix);
// The same from the moments of all rows together, wherever the rows are.
ColumnTransform TransformOf(const ColumnMoments& moments);

// Applies `transform` to the rows of a matrix. A sparse matrix needs zero centers.
// REQUIRES: the values may be written.
void ApplyTransform(const ColumnTransform& transform, const Block& matrix);

// Parameters learnt on transformed data, as parameters of the data itself.
// REQUIRES: use.linear, and use.centrable unless all centers are zero. `extent` by axis.
void MapBack(const Program& program, const MatrixUse& use, const ColumnTransform& transform,
             const std::vector<int64_t>& extent, std::vector<std::vector<double>>* parameter);

}  // namespace gyre::driver
