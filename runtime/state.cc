#include "runtime/state.h"

#include <cstring>

namespace gyre {
namespace {

std::vector<int> Parameters(const Program& program) {
  std::vector<int> symbols;
  for (int s = 0; s < program.graph.symbol.size; ++s)
    if (program.graph.symbol[s].kind == ir::Kind::kParam) symbols.push_back(s);
  symbols.insert(symbols.end(), program.counted.begin(), program.counted.end());
  return symbols;
}

}  // namespace

ParamState::ParamState(const Program& program, const std::vector<int64_t>& extent, Type type)
    : type_(type),
      layout_(ParamLayout(program, Parameters(program), extent)),
      master_(layout_.size),
      by_symbol_(static_cast<size_t>(program.graph.symbol.size), nullptr) {
  for (const Field& s : layout_.field)
    by_symbol_[static_cast<size_t>(s.id)] = master_.data() + s.offset;
}

void ParamState::Convert(const double* from, void* to) const {
  if (type_ == Type::kFloat64) {
    std::memcpy(to, from, static_cast<size_t>(layout_.size) * sizeof(double));
    return;
  }
  float* out = static_cast<float*>(to);
  for (int64_t i = 0; i < layout_.size; ++i) out[i] = static_cast<float>(from[i]);
}

void ParamState::Point(const void* base, const void** param) const {
  const char* bytes = static_cast<const char*>(base);
  for (const Field& s : layout_.field) param[s.id] = bytes + s.offset * SizeOf(type_);
}

}  // namespace gyre
