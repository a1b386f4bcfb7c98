#include "runtime/layout.h"

#include <utility>

namespace gyre {
namespace {

constexpr int64_t kFloats = 16, kDoubles = 8;  // of a cache line

size_t At(int i) { return static_cast<size_t>(i); }

}  // namespace

void Layout::Add(int id, int64_t elements, int64_t line, const OuterTerms::Shape& outer) {
  field.push_back({id, size, elements, outer});
  size += (elements + line - 1) / line * line;
  if (!field.back().terms()) summed = size;
}

const Field* Layout::Find(int id) const {
  for (const Field& s : field)
    if (s.id == id) return &s;
  return nullptr;
}

int64_t ParamSize(const Program& program, int symbol, const std::vector<int64_t>& extent) {
  const ir::Symbol& s = program.graph.symbol[symbol];
  int64_t size = 1;
  for (int i = 0; i < s.rank; ++i) size *= extent[At(s.axis[i])];
  return size;
}

int64_t TotalSize(const Program& program, int total, const std::vector<int64_t>& extent) {
  const ir::Total& t = program.graph.total[total];
  int64_t size = 1;
  for (int i = 0; i < t.rank; ++i) size *= extent[At(program.graph.index[t.index[i]].axis)];
  return size;
}

Layout ParamLayout(const Program& program, const std::vector<int>& symbols,
                   const std::vector<int64_t>& extent) {
  Layout layout;
  for (const int s : symbols) layout.Add(s, ParamSize(program, s, extent), kFloats);
  return layout;
}

Layout TotalLayout(const Program& program, const Pass& pass, const std::vector<int64_t>& extent) {
  return TotalLayout(program, pass, extent, std::vector<bool>(pass.total.size()), Type::kFloat64);
}

Layout TotalLayout(const Program& program, const Pass& pass, const std::vector<int64_t>& extent,
                   const std::vector<bool>& terms, Type type) {
  const auto elements = [&](const std::vector<int>& axes) {
    int64_t n = 1;
    for (const int axis : axes) n *= extent[At(axis)];
    return n;
  };
  std::vector<Field> by_position(pass.total.size());
  Layout layout;
  for (const bool kept : {false, true}) {
    for (size_t i = 0; i < pass.total.size(); ++i) {
      if (terms[i] != kept) continue;
      OuterTerms::Shape outer;
      if (kept)
        outer = {elements(pass.outer[i].u), elements(pass.outer[i].v), pass.outer[i].v_first, type};
      layout.Add(pass.total[i], TotalSize(program, pass.total[i], extent), kDoubles, outer);
      by_position[i] = layout.field.back();
    }
  }
  layout.field = std::move(by_position);
  return layout;
}

}  // namespace gyre
