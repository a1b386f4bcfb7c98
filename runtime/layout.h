// Several named arrays laid out in one flat vector, each on its own cache lines.
//
// Parameters of a run and totals of a pass are such vectors: what is folded, sent or saved is one
// run of memory. Offsets count elements and are the same for float and double; the padding between
// segments is zero and stays zero.
#pragma once
#include <cstdint>
#include <vector>

#include "dsl/program.h"
#include "ops/outer_terms.h"

namespace gyre {

struct Field {
  int id = -1;  // symbol of a parameter, or total
  int64_t offset = 0;
  int64_t size = 0;
  OuterTerms::Shape outer = {};  // m > 0: what a worker adds is kept as terms of outer products
  bool terms() const { return outer.m > 0; }
};

struct Layout {
  std::vector<Field> field;
  int64_t size = 0;    // elements, padding included
  int64_t summed = 0;  // of those fields that are not kept as terms: they come first

  // `line`: elements of a cache line; a field starts on one.
  // REQUIRES: no field before it is kept as terms, unless this one is.
  void Add(int id, int64_t elements, int64_t line, const OuterTerms::Shape& outer = {});
  const Field* Find(int id) const;
};

// `extent` is by axis. A scalar has one element.
int64_t ParamSize(const Program& program, int symbol, const std::vector<int64_t>& extent);
int64_t TotalSize(const Program& program, int total, const std::vector<int64_t>& extent);

Layout ParamLayout(const Program& program, const std::vector<int>& symbols,
                   const std::vector<int64_t>& extent);
// In the order of Pass::total, which is the order of a kernel's targets.
Layout TotalLayout(const Program& program, const Pass& pass, const std::vector<int64_t>& extent);
// The same where the totals at the positions `terms` are kept as terms, of numbers of `type`: each
// is an outer product (Pass::outer).
Layout TotalLayout(const Program& program, const Pass& pass, const std::vector<int64_t>& extent,
                   const std::vector<bool>& terms, Type type);

}  // namespace gyre
