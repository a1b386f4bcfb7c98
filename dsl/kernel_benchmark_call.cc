#include "dsl/kernel_benchmark_call.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace gyre::kernel_benchmark {

Call::Call(const Program& program, Type type)
    : program_(program), pass_(program.pass[static_cast<size_t>(program.root.pass)]), type_(type) {
  const auto symbols = static_cast<size_t>(program.graph.symbol.size);
  for (const ir::Axis& axis : program.graph.axis) extent_.push_back(axis.extent);
  block_.resize(symbols);
  param_.resize(symbols);
  for (const ir::Symbol& s : program.graph.symbol) {
    hyper_.push_back(s.literal < 0 ? 0 : program.literal[static_cast<size_t>(s.literal)]);
  }
  total_view_.resize(static_cast<size_t>(program.graph.total.size));
}

int Call::Find(std::string_view name) const {
  for (int i = 0; i < program_.graph.symbol.size; ++i) {
    if (program_.graph.symbol[i].name == name) return i;
  }
  return -1;
}

int Call::Symbol(std::string_view name) const {
  const int found = Find(name);
  if (found >= 0) return found;
  std::fprintf(stderr, "the program has no %s\n", std::string(name).c_str());
  std::abort();
}

void Call::Extent(std::string_view axis, int64_t extent) {
  for (int i = 0; i < program_.graph.axis.size; ++i) {
    if (program_.graph.axis[i].name == axis) extent_[static_cast<size_t>(i)] = extent;
  }
}

void Call::Bind(std::string_view symbol, const Block& block) {
  block_[static_cast<size_t>(Symbol(symbol))] = block;
}

void Call::Dense(std::string_view symbol, const void* values, int64_t rows, int64_t cols) {
  Bind(symbol, {Format::kDense, type_, values, nullptr, nullptr, rows, cols, cols});
}

void Call::Keys(std::string_view symbol, const int32_t* keys, int64_t rows) {
  Bind(symbol, {Format::kDense, Type::kInt32, keys, nullptr, nullptr, rows, 1, 1});
}

void Call::Param(std::string_view symbol, const void* values) {
  param_[static_cast<size_t>(Symbol(symbol))] = values;
}

void Call::Prepare() {
  for (const int t : pass_.total) {
    const ir::Total& total = program_.graph.total[t];
    int64_t size = 1;
    for (int i = 0; i < total.rank; ++i) {
      size *= extent_[static_cast<size_t>(program_.graph.index[total.index[i]].axis)];
    }
    total_.emplace_back(static_cast<size_t>(size));
    target_.push_back(total_.back().data());
    total_view_[static_cast<size_t>(t)] = total_.back().data();
  }
  args_.data = block_.data();
  args_.param = param_.data();
  args_.total = total_view_.data();
  args_.hyper = hyper_.data();
  args_.literal = program_.literal.data();
  args_.extent = extent_.data();
  args_.target = target_.data();
  scratch_.resize(static_cast<size_t>(pass_.scratch(args_.data, args_.extent, SizeOf(type_))));
  args_.scratch = scratch_.data();
}

void Call::Run(int64_t begin, int64_t end) {
  for (Aligned<double>& t : total_) std::fill(t.begin(), t.end(), 0.0);
  args_.row_begin = begin;
  args_.row_end = end;
  (type_ == Type::kFloat32 ? pass_.f32 : pass_.f64)(args_);
}

std::vector<double> Call::Evaluate(const Post& post) {
  int64_t size = 1;
  for (const int axis : post.axes) size *= extent_[static_cast<size_t>(axis)];
  std::vector<double> out(static_cast<size_t>(size));
  const std::vector<const double*> none(param_.size());
  PostArgs args;
  args.data = block_.data();
  args.total = total_view_.data();
  args.param = none.data();
  args.hyper = hyper_.data();
  args.literal = program_.literal.data();
  args.extent = extent_.data();
  args.out = out.data();
  post.fn(args);
  return out;
}

double Call::Value() { return Evaluate(program_.root.value)[0]; }

std::vector<double> Call::Gradient(int position) {
  return Evaluate(program_.root.gradient[static_cast<size_t>(position)]);
}

}  // namespace gyre::kernel_benchmark
