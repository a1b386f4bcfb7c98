// The parameters of a run, and the counts that are read like them: masters in double, and what kernels read in the run's element type.
//
// One flat vector over a Layout holds all of them. Folds work on the masters; Publish converts them
// once per clock for the kernels (nothing to do when the element type is double and the state is
// updated in place). Not thread-safe: tables say who may touch it when.
#pragma once
#include <cstdint>
#include <vector>

#include "dsl/program.h"
#include "ops/view.h"
#include "ops/aligned.h"
#include "runtime/layout.h"

namespace gyre {

class ParamState {
 public:
  ParamState(const Program& program, const std::vector<int64_t>& extent, Type type);
  ParamState(const ParamState&) = delete;
  ParamState& operator=(const ParamState&) = delete;

  const Layout& layout() const { return layout_; }
  Type type() const { return type_; }
  double* master() { return master_.data(); }
  const double* master() const { return master_.data(); }
  double* master(int symbol) { return by_symbol_[static_cast<size_t>(symbol)]; }
  // By symbol; null for symbols that are no parameters.
  double* const* by_symbol() { return by_symbol_.data(); }
  const double* const* by_symbol() const { return by_symbol_.data(); }

  // Bytes of one published copy.
  int64_t published_bytes() const { return layout_.size * SizeOf(type_); }
  // Converts the masters into `to`, published_bytes() of it.
  void Publish(void* to) const { Convert(master_.data(), to); }
  void Convert(const double* from, void* to) const;
  // param[symbol] for every parameter, of the copy at `base`.
  void Point(const void* base, const void** param) const;

 private:
  const Type type_;
  Layout layout_;
  AlignedArray<double> master_;
  std::vector<double*> by_symbol_;
};

}  // namespace gyre
