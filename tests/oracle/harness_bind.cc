// The harness's first half: shapes, random data and parameters, bound for kernels and interpreter.
#include <algorithm>
#include <cmath>

#include "dsl/random.h"
#include "gtest/gtest.h"
#include "tests/oracle/harness.h"
#include "tests/oracle/storage.h"

namespace gyre {

std::string HarnessOptions::ToString() const {
  const char* names[] = {"dense", "csr", "csc"};
  std::string text = names[static_cast<int>(format)];
  for (const auto& [symbol, f] : formats) text += " " + symbol + "=" + names[static_cast<int>(f)];
  text += type == Type::kFloat32 ? " f32" : " f64";
  text += " rows=" + std::to_string(rows) + " extent=" + std::to_string(extent) +
          " blocks=" + std::to_string(blocks) + " seed=" + std::to_string(seed);
  return text;
}

Harness::Harness(const Program& program, const HarnessOptions& options)
    : program_(program), options_(options), store_(std::make_unique<Storage>()) {
  const ir::Graph& graph = program_.graph;
  const auto symbols = static_cast<size_t>(graph.symbol.size);
  const auto totals = static_cast<size_t>(graph.total.size);
  store_->block.resize(symbols);
  store_->post_block.resize(symbols);
  store_->param.resize(symbols);
  store_->master.resize(symbols);
  store_->master_view.resize(symbols);
  store_->hyper.resize(symbols);
  store_->total.resize(totals);
  store_->total_view.resize(totals);
  store_->bindings = Bindings::For(graph);
  store_->bindings.literal = program_.literal;
  store_->bindings.seed = options_.seed;
  ChooseExtents();
  for (int s = 0; s < graph.symbol.size; ++s) BindSymbol(s);
  store_->bindings.hyper = store_->hyper;
  oracle_ = std::make_unique<Interpreter>(graph, store_->bindings);
}

Harness::~Harness() {
  EXPECT_TRUE(oracle_->status().ok()) << options_.ToString() << ": " << oracle_->status();
}

void Harness::ChooseExtents() {
  const ir::Graph& graph = program_.graph;
  for (int a = 0; a < graph.axis.size; ++a) {
    const ir::Axis& axis = graph.axis[a];
    const auto named = options_.extents.find(Text(axis.name));
    int64_t extent = axis.extent > 0 ? std::min<int64_t>(axis.extent, 3) : options_.extent;
    if (axis.data) extent = options_.rows;
    if (named != options_.extents.end()) extent = named->second;
    store_->extent.push_back(extent);
  }
  store_->bindings.extent = store_->extent;
}

bool Harness::OverDataAxis(const ir::Symbol& symbol) const {
  return symbol.rank > 0 && program_.graph.axis[symbol.axis[0]].data;
}

// Dense unless it is a matrix over a data axis.
Format Harness::FormatOf(const ir::Symbol& symbol) const {
  if (symbol.kind != ir::Kind::kData || !OverDataAxis(symbol) || symbol.rank < 2) {
    return Format::kDense;
  }
  const auto named = options_.formats.find(Text(symbol.name));
  return named == options_.formats.end() ? options_.format : named->second;
}

double Harness::Rounded(double value) const {
  return options_.type == Type::kFloat32 ? static_cast<double>(static_cast<float>(value)) : value;
}

std::vector<double> Harness::Values(const ir::Symbol& symbol, int64_t rows, int64_t cols) const {
  const rng::Stream stream(options_.seed, rng::Hash(symbol.name), 0);
  const auto range = options_.range.find(Text(symbol.name));
  const bool whole = options_.counts.count(Text(symbol.name)) > 0;
  const bool sparse = FormatOf(symbol) != Format::kDense;
  std::vector<double> values;
  for (int64_t i = 0; i < rows * cols; ++i) {
    const auto at = static_cast<uint64_t>(i);
    double v = stream.Normal(at);
    if (range != options_.range.end()) {
      const auto [low, high] = range->second;
      v = low + (high - low) * stream.Uniform(at);
    }
    if (whole) v = std::floor(v);
    if (symbol.kind == ir::Kind::kSign) v = stream.Uniform(at) < 0.5 ? -1 : 1;
    if (symbol.target >= 0) {
      v = std::floor(stream.Uniform(at) *
                     static_cast<double>(store_->extent[static_cast<size_t>(symbol.target)]));
    }
    if (symbol.kind == ir::Kind::kParam) v *= 0.5;
    // Row 1, and the last column when there are several, are empty.
    const bool empty = i / cols == 1 || (cols > 1 && i % cols == cols - 1);
    if (sparse && (empty || stream.Uniform(at + (uint64_t{1} << 40)) > options_.density)) v = 0;
    values.push_back(symbol.target >= 0 ? v : Rounded(v));
  }
  return values;
}

void Harness::BindSymbol(int id) {
  const ir::Symbol& symbol = program_.graph.symbol[id];
  const auto s = static_cast<size_t>(id);
  if (symbol.kind == ir::Kind::kHyper) {
    store_->hyper[s] =
        symbol.literal < 0 ? 0 : program_.literal[static_cast<size_t>(symbol.literal)];
    return;
  }
  Tensor& tensor = store_->bindings.tensor[s];
  int64_t rows = 1, cols = 1;
  for (int a = 0; a < symbol.rank; ++a) {
    const int64_t extent = store_->extent[static_cast<size_t>(symbol.axis[a])];
    tensor.shape.push_back(extent);
    (a == 0 ? rows : cols) *= extent;
  }
  tensor.value = Values(symbol, rows, cols);
  if (symbol.kind == ir::Kind::kParam || symbol.kind == ir::Kind::kCount) {
    store_->param[s] = store_->Keep(options_.type, tensor.value);
    store_->master[s] = tensor.value;
    store_->master_view[s] = store_->master[s].data();
    return;
  }
  const Type type = symbol.target >= 0 ? Type::kInt32 : options_.type;
  const int64_t stride = cols > 1 && options_.padded ? (cols + 15) / 16 * 16 : cols;
  if (!OverDataAxis(symbol)) {
    store_->post_block[s] =
        store_->Store(tensor.value, rows, cols, Format::kDense, Type::kFloat64, cols);
  }
  store_->block[s] = store_->Store(tensor.value, rows, cols, FormatOf(symbol), type, stride);
}

}  // namespace gyre
