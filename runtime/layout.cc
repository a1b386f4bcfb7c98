#include "runtime/layout.h"

namespace gyre {
namespace {

constexpr int64_t kFloats = 16, kDoubles = 8;  // of a cache line

size_t At(int i) { return static_cast<size_t>(i); }

}  // namespace

void Layout::Add(int id, int64_t elements, int64_t line) {
  field.push_back({id, size, elements});
  size += (elements + line - 1) / line * line;
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
  Layout layout;
  for (const int t : pass.total) layout.Add(t, TotalSize(program, t, extent), kDoubles);
  return layout;
}

}  // namespace gyre
