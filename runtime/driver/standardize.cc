#include "runtime/driver/standardize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>

namespace gyre::driver {
namespace {

// Calls f(row, column, value) for the stored entries.
template <class T, class F>
void EachEntry(const Block& block, const F& f) {
  T* values = static_cast<T*>(const_cast<void*>(block.values));
  for (int64_t r = 0; r < block.rows; ++r) {
    if (block.format == Format::kDense) {
      for (int64_t c = 0; c < block.cols; ++c) f(c, values[r * block.stride + c]);
    } else {
      for (int64_t e = block.offset[r]; e < block.offset[r + 1]; ++e) f(block.index[e], values[e]);
    }
  }
}

template <class F>
void EachEntry(const Block& block, const F& f) {
  if (block.type == Type::kFloat32) {
    EachEntry<float>(block, f);
  } else {
    EachEntry<double>(block, f);
  }
}

}  // namespace

ColumnTransform MeasureColumns(const Block& matrix) { return TransformOf(MomentsOf(matrix)); }

ColumnTransform TransformOf(const ColumnMoments& moments) {
  const double rows = static_cast<double>(std::max<int64_t>(moments.rows, 1));
  ColumnTransform transform{moments.mean, std::vector<double>(moments.mean.size(), 1)};
  for (size_t c = 0; c < moments.mean.size(); ++c) {
    const double deviation = std::sqrt(moments.square[c] / rows);
    // Rounding leaves a constant column a deviation of about an ulp of its value.
    if (deviation > 1e-7 * std::abs(moments.mean[c])) transform.scale[c] = 1 / deviation;
  }
  return transform;
}

void ApplyTransform(const ColumnTransform& transform, const Block& matrix) {
  EachEntry(matrix, [&](int64_t c, auto& x) {
    const size_t i = static_cast<size_t>(c);
    using T = std::remove_reference_t<decltype(x)>;
    x = static_cast<T>((static_cast<double>(x) - transform.center[i]) * transform.scale[i]);
  });
}

void MapBack(const Program& program, const MatrixUse& use, const ColumnTransform& transform,
             const std::vector<int64_t>& extent, std::vector<std::vector<double>>* parameter) {
  const int columns = static_cast<int>(use.column_axis.size());
  for (const Coefficient& each : use.coefficient) {
    const ir::Symbol& p = program.graph.symbol[each.param];
    std::vector<double>& values = (*parameter)[static_cast<size_t>(each.param)];
    // Strides of the intercept along the parameter's axes: 0 along the column's.
    std::vector<int64_t> step(static_cast<size_t>(p.rank), 0);
    if (each.intercept >= 0) {
      const ir::Symbol& b = program.graph.symbol[each.intercept];
      for (int s = 0; s < p.rank; ++s) {
        const int t = each.intercept_axis[static_cast<size_t>(s)];
        if (t < 0) continue;
        int64_t stride = 1;
        for (int u = t + 1; u < b.rank; ++u) stride *= extent[static_cast<size_t>(b.axis[u])];
        step[static_cast<size_t>(s)] = stride;
      }
    }
    for (size_t i = 0; i < values.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i), at = 0, column = 0, stride = 1;
      for (int s = p.rank - 1; s >= 0; --s) {
        const int64_t size = extent[static_cast<size_t>(p.axis[s])];
        at += rest % size * step[static_cast<size_t>(s)];
        if (s >= each.position && s < each.position + columns) {
          column += rest % size * stride;
          stride *= size;
        }
        rest /= size;
      }
      values[i] *= transform.scale[static_cast<size_t>(column)];
      if (each.intercept >= 0) {
        (*parameter)[static_cast<size_t>(each.intercept)][static_cast<size_t>(at)] -=
            transform.center[static_cast<size_t>(column)] * values[i];
      }
    }
  }
}

}  // namespace gyre::driver
