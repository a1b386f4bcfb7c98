#include "tests/oracle/harness.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "dsl/random.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

// Values of one element type at a 64-byte boundary.
class Aligned {
 public:
  Aligned(Type type, const std::vector<double>& values) : type_(type) {
    const auto bytes = (values.size() + 1) * static_cast<size_t>(SizeOf(type));
    data_.reset(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    for (size_t i = 0; i < values.size(); ++i) Set(i, values[i]);
  }
  const void* data() const { return data_.get(); }

 private:
  void Set(size_t i, double value) {
    switch (type_) {
      case Type::kFloat32:
        static_cast<float*>(data_.get())[i] = static_cast<float>(value);
        break;
      case Type::kFloat64:
        static_cast<double*>(data_.get())[i] = value;
        break;
      case Type::kInt32:
        static_cast<int32_t*>(data_.get())[i] = static_cast<int32_t>(value);
        break;
    }
  }
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  Type type_;
  std::unique_ptr<void, Free> data_;
};

std::string Text(std::string_view s) { return std::string(s); }

}  // namespace

// What bindings own; views of it go to kernels.
struct Harness::Storage {
  std::vector<int64_t> extent;
  std::vector<Block> block;       // by symbol, in the run's type
  std::vector<Block> post_block;  // by symbol, double: what posts see
  std::vector<std::unique_ptr<Aligned>> values;
  std::vector<std::unique_ptr<std::vector<int32_t>>> index;
  std::vector<std::unique_ptr<std::vector<int64_t>>> offset;
  std::vector<const void*> param;           // by symbol, in the run's type
  std::vector<std::vector<double>> master;  // by symbol
  std::vector<const double*> master_view;
  std::vector<double> hyper;
  std::vector<std::vector<double>> total;  // by total; empty: not known
  std::vector<const double*> total_view;
  Bindings bindings;

  const void* Keep(Type type, const std::vector<double>& v) {
    values.push_back(std::make_unique<Aligned>(type, v));
    return values.back()->data();
  }
  void SetTotal(int id, std::vector<double> value) {
    total[static_cast<size_t>(id)] = std::move(value);
    total_view[static_cast<size_t>(id)] = total[static_cast<size_t>(id)].data();
  }
  Block Columns(const Tensor& tensor, Format format, Type type) {
    const int64_t rows = tensor.shape[0], cols = tensor.shape[1];
    if (format != Format::kDense) {
      return Store(tensor.value, rows, cols, Format::kCsc, type, cols);
    }
    std::vector<double> transposed;
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        transposed.push_back(tensor.value[static_cast<size_t>(r * cols + c)]);
      }
    }
    return Store(transposed, cols, rows, Format::kDense, type, (rows + 15) / 16 * 16);
  }
  // Stores a dense rows x cols matrix in `format`; sparse forms leave zeros out.
  Block Store(const std::vector<double>& dense, int64_t rows, int64_t cols, Format format,
              Type type, int64_t stride) {
    Block b{format, type, nullptr, nullptr, nullptr, rows, cols, 0};
    if (format == Format::kDense) {
      std::vector<double> padded(static_cast<size_t>(rows * stride), -77);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          padded[static_cast<size_t>(r * stride + c)] = dense[static_cast<size_t>(r * cols + c)];
        }
      }
      b.stride = stride;
      b.values = Keep(type, padded);
      return b;
    }
    const bool by_row = format == Format::kCsr;
    index.push_back(std::make_unique<std::vector<int32_t>>());
    offset.push_back(std::make_unique<std::vector<int64_t>>(1, 0));
    std::vector<double> entries;
    for (int64_t i = 0; i < (by_row ? rows : cols); ++i) {
      for (int64_t j = 0; j < (by_row ? cols : rows); ++j) {
        const double v = dense[static_cast<size_t>(by_row ? i * cols + j : j * cols + i)];
        if (v == 0) continue;
        index.back()->push_back(static_cast<int32_t>(j));
        entries.push_back(v);
      }
      offset.back()->push_back(static_cast<int64_t>(entries.size()));
    }
    b.index = index.back()->data();
    b.offset = offset.back()->data();
    b.values = Keep(type, entries);
    return b;
  }
};

std::string HarnessOptions::ToString() const {
  const char* formats[] = {"dense", "csr", "csc"};
  std::string text = formats[static_cast<int>(format)];
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

double Harness::Rounded(double value) const {
  return options_.type == Type::kFloat32 ? static_cast<double>(static_cast<float>(value)) : value;
}

std::vector<double> Harness::Values(const ir::Symbol& symbol, int64_t rows, int64_t cols) const {
  const rng::Stream stream(options_.seed, rng::Hash(symbol.name), 0);
  const auto range = options_.range.find(Text(symbol.name));
  const bool whole = options_.counts.count(Text(symbol.name)) > 0;
  const bool sparse = options_.format != Format::kDense && symbol.kind == ir::Kind::kData &&
                      OverDataAxis(symbol) && symbol.rank > 1;
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
  if (symbol.kind == ir::Kind::kParam || symbol.kind == ir::Kind::kLocal ||
      symbol.kind == ir::Kind::kCount) {
    store_->param[s] = store_->Keep(options_.type, tensor.value);
    store_->master[s] = tensor.value;
    store_->master_view[s] = store_->master[s].data();
    return;
  }
  const bool matrix = OverDataAxis(symbol) && symbol.rank > 1 && symbol.kind == ir::Kind::kData;
  const Type type = symbol.target >= 0 ? Type::kInt32 : options_.type;
  const int64_t stride = cols > 1 && options_.padded ? (cols + 15) / 16 * 16 : cols;
  if (!OverDataAxis(symbol)) {
    store_->post_block[s] =
        store_->Store(tensor.value, rows, cols, Format::kDense, Type::kFloat64, cols);
  }
  store_->block[s] = store_->Store(tensor.value, rows, cols,
                                   matrix ? options_.format : Format::kDense, type, stride);
}

KernelArgs Harness::Args() {
  KernelArgs args;
  args.data = store_->block.data();
  args.param = store_->param.data();
  args.total = store_->total_view.data();
  args.hyper = store_->hyper.data();
  args.literal = program_.literal.data();
  args.extent = store_->extent.data();
  args.first_row = 0;
  args.seed = options_.seed;
  args.epoch = 0;
  return args;
}

// All rows of a pass, in `blocks` pieces as workers would; `prepare` sees the arguments of each.
void Harness::RunRows(const Pass& pass, const std::vector<double*>& target,
                      const std::function<void(KernelArgs&)>& prepare) {
  KernelArgs args = Args();
  args.target = target.data();
  const int64_t bytes =
      pass.scratch == nullptr ? 0 : pass.scratch(args.data, args.extent, SizeOf(options_.type));
  const Aligned scratch(Type::kFloat64, std::vector<double>(static_cast<size_t>(bytes / 8 + 8)));
  args.scratch = const_cast<void*>(scratch.data());
  const int64_t rows = store_->extent[static_cast<size_t>(pass.row_axis)];
  for (int b = 0; b < options_.blocks; ++b) {
    args.row_begin = rows * b / options_.blocks;
    args.row_end = rows * (b + 1) / options_.blocks;
    prepare(args);
    (options_.type == Type::kFloat32 ? pass.f32 : pass.f64)(args);
  }
}

std::vector<std::vector<double>> Harness::RunPass(int id) {
  const Pass& pass = program_.pass[static_cast<size_t>(id)];
  std::vector<std::vector<double>> totals;
  std::vector<double*> target;
  for (const int t : pass.total) {
    const ir::Total& total = program_.graph.total[t];
    size_t size = 1;
    for (int i = 0; i < total.rank; ++i) {
      size *= static_cast<size_t>(oracle_->Extent(total.index[i]));
    }
    totals.emplace_back(size, 0.0);
  }
  for (std::vector<double>& t : totals) target.push_back(t.data());
  RunRows(pass, target, [](KernelArgs&) {});
  for (size_t i = 0; i < totals.size(); ++i) store_->SetTotal(pass.total[i], totals[i]);
  return totals;
}

std::vector<double> Harness::RunPost(const Post& post) {
  size_t size = 1;
  for (const int axis : post.axes) {
    size *= static_cast<size_t>(store_->extent[static_cast<size_t>(axis)]);
  }
  std::vector<double> out(size, -77);
  PostArgs args;
  args.data = store_->post_block.data();
  args.total = store_->total_view.data();
  args.param = store_->master_view.data();
  args.hyper = store_->hyper.data();
  args.literal = program_.literal.data();
  args.extent = store_->extent.data();
  args.seed = options_.seed;
  args.out = out.data();
  post.fn(args);
  return out;
}

double Harness::tolerance() const { return options_.type == Type::kFloat32 ? 2e-4 : 1e-9; }

void Harness::Compare(const std::string& what, const std::vector<double>& got,
                      const std::vector<double>& want, double tolerance) const {
  if (got.size() != want.size()) {
    ADD_FAILURE() << what << " (" << options_.ToString() << "): " << got.size()
                  << " elements, expected " << want.size();
    return;
  }
  double scale = 1;
  for (const double v : want) scale = std::max(scale, std::fabs(v));
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::fabs(got[i] - want[i]) <= tolerance * scale) continue;
    ADD_FAILURE() << what << " (" << options_.ToString() << "): element " << i << " is " << got[i]
                  << ", expected " << want[i];
    return;
  }
}

// The canonical indices of a post's axes: the axis, primed as often as it occurred before.
std::vector<int> Harness::Indices(const Post& post) const {
  const ir::Graph& graph = program_.graph;
  std::vector<int> indices;
  for (size_t i = 0; i < post.axes.size(); ++i) {
    const auto prime =
        std::count(post.axes.begin(), post.axes.begin() + static_cast<long>(i), post.axes[i]);
    int found = -1;
    for (int k = 0; k < graph.index.size; ++k) {
      if (graph.index[k].axis == post.axes[i] && graph.index[k].prime == prime) found = k;
    }
    if (found < 0) ADD_FAILURE() << "no index for axis " << post.axes[i] << " of a post";
    indices.push_back(std::max(found, 0));
  }
  return indices;
}

void Harness::CheckPass(int id) {
  const Pass& pass = program_.pass[static_cast<size_t>(id)];
  const std::vector<std::vector<double>> totals = RunPass(id);
  for (size_t i = 0; i < totals.size(); ++i) {
    const ir::Total& total = program_.graph.total[pass.total[i]];
    const std::vector<int> indices(total.index, total.index + total.rank);
    Compare("pass " + pass.id + ", total " + std::to_string(pass.total[i]) + " = " +
                ToText(program_.graph, program_.literal, total.node),
            totals[i], oracle_->EvalTensor(total.node, indices), tolerance());
  }
}

void Harness::CheckPost(const std::string& what, const Post& post) {
  Compare(what + " = " + ToText(program_.graph, program_.literal, post.node), RunPost(post),
          oracle_->EvalTensor(post.node, Indices(post)), tolerance());
}

void Harness::CheckGradients(const std::string& what, const Post& value,
                             const std::vector<int>& params, const std::vector<Post>& gradients) {
  if (value.fn == nullptr) return;
  CheckPost(what, value);
  for (size_t k = 0; k < gradients.size(); ++k) {
    if (gradients[k].fn == nullptr) continue;
    const std::string name = "d(" + what + ") / d " + Text(program_.graph.symbol[params[k]].name);
    CheckPost(name, gradients[k]);
    if (!options_.differences) continue;
    Compare(name + " against central differences", RunPost(gradients[k]),
            oracle_->NumericalGradient(value.node, params[k]), std::max(tolerance(), 2e-7));
  }
}

// Omega's term at the current parameters, from the weights its post gives.
double Harness::PenaltyValue(const Penalty& penalty) {
  const ir::Symbol& symbol = program_.graph.symbol[penalty.param];
  const std::vector<double>& x = store_->master[static_cast<size_t>(penalty.param)];
  const std::vector<double> weight = RunPost(penalty.weight);
  std::map<int64_t, std::pair<double, double>> group;  // sum of squares and weight
  double value = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), key = 0;
    std::map<int, int64_t> at;
    for (int a = symbol.rank; a-- > 0;) {
      const int64_t extent = store_->extent[static_cast<size_t>(symbol.axis[a])];
      at[symbol.axis[a]] = rest % extent;
      const bool inside = std::count(penalty.group_axes.begin(), penalty.group_axes.end(),
                                     static_cast<int>(symbol.axis[a])) > 0;
      if (!inside) key = key * extent + rest % extent;
      rest /= extent;
    }
    int64_t offset = 0;
    for (const int axis : penalty.weight.axes) {
      offset = offset * store_->extent[static_cast<size_t>(axis)] + at[axis];
    }
    const double w = weight[static_cast<size_t>(offset)];
    if (penalty.kind == PenaltyKind::kL1) value += w * std::fabs(x[i]);
    if (penalty.kind == PenaltyKind::kSquaredL2) value += w * x[i] * x[i];
    group[key].first += x[i] * x[i];
    group[key].second = w;
  }
  if (penalty.kind == PenaltyKind::kGroupL2) {
    for (const auto& [key, g] : group) value += g.second * std::sqrt(g.first);
  }
  return value;
}

void Harness::CheckStatement(const Statement& statement) {
  if (statement.pass >= 0) CheckPass(statement.pass);
  CheckGradients("objective", statement.value, statement.param, statement.gradient);
  CheckGradients("smooth penalty", statement.smooth_value, statement.param,
                 statement.smooth_gradient);
  if (statement.sweep != nullptr && options_.sweep_node >= 0) CheckSweep(statement);
  if (statement.kind == StatementKind::kIterate) {
    for (const Assign& assign : statement.assign) CheckAssign(assign, "");
  }
  if (statement.kind == StatementKind::kMinimize && program_.objective.value.node >= 0) {
    double whole = RunPost(statement.value)[0];
    if (statement.smooth_value.fn != nullptr) whole += RunPost(statement.smooth_value)[0];
    for (const Penalty& penalty : statement.penalty) whole += PenaltyValue(penalty);
    Compare("f + Omega", {whole}, {oracle_->Eval(program_.objective.value.node)}, tolerance());
  }
  for (const Statement& child : statement.child) CheckStatement(child);
}

// One round over all items, in order: each is set to what the assignment says with the latest
// values.
void Harness::CheckSweep(const Statement& statement) {
  const auto symbol = static_cast<size_t>(statement.param[0]);
  // Kernels see columns: a dense matrix as its transpose, a sparse one as CSC.
  std::vector<Block> data = store_->block;
  for (int id = 0; id < program_.graph.symbol.size; ++id) {
    const ir::Symbol& s = program_.graph.symbol[id];
    if (!OverDataAxis(s) || s.rank != 2 || s.kind != ir::Kind::kData) continue;
    const Tensor& tensor = oracle_->bindings().tensor[static_cast<size_t>(id)];
    data[static_cast<size_t>(id)] = store_->Columns(tensor, options_.format, options_.type);
  }
  std::vector<std::vector<double>> view(static_cast<size_t>(program_.graph.let.size));
  std::vector<double*> view_data(view.size());
  const auto evaluate = [&](int let) {
    const ir::Let& maintained = program_.graph.let[let];
    return oracle_->EvalTensor(maintained.body,
                               {maintained.index, maintained.index + maintained.rank});
  };
  for (const int let : statement.maintained) {
    view[static_cast<size_t>(let)] = evaluate(let);
    view_data[static_cast<size_t>(let)] = view[static_cast<size_t>(let)].data();
  }
  const std::vector<double> before = store_->master[symbol];
  std::vector<double*> param;
  for (std::vector<double>& values : store_->master) param.push_back(values.data());
  SweepArgs args;
  args.data = data.data();
  args.param = param.data();
  args.view = view_data.data();
  args.total = store_->total_view.data();
  args.hyper = store_->hyper.data();
  args.literal = program_.literal.data();
  args.extent = store_->extent.data();
  args.items = static_cast<int64_t>(before.size());
  statement.sweep(args);
  const std::vector<double> got = store_->master[symbol];
  for (size_t item = 0; item < before.size(); ++item) {
    Interpreter::Env env{};
    env[static_cast<size_t>(options_.sweep_index)] = static_cast<int64_t>(item);
    const double value = oracle_->Eval(options_.sweep_node, env);
    oracle_->MutableBindings().tensor[symbol].value[item] = value;
  }
  Compare("sweep", got, oracle_->bindings().tensor[symbol].value, tolerance());
  for (const int let : statement.maintained) {
    Compare("maintained " + Text(program_.graph.let[let].name), view[static_cast<size_t>(let)],
            evaluate(let), tolerance());
  }
  store_->master[symbol] = before;
  oracle_->MutableBindings().tensor[symbol].value = before;
}

void Harness::CheckMeasure(const Measure& measure) {
  if (measure.value.fn == nullptr) return;
  if (measure.pass >= 0) CheckPass(measure.pass);
  CheckPost("measure " + measure.name, measure.value);
  Compare("measure " + measure.name + " as written", RunPost(measure.value),
          {oracle_->Eval(measure.node)}, tolerance());
}

void Harness::CheckAssign(const Assign& assign, const std::string& what) {
  if (assign.value.fn == nullptr) return;
  const std::string name = what + Text(program_.graph.symbol[assign.param].name);
  CheckPost(name, assign.value);
  Compare(name + " as written", RunPost(assign.value),
          oracle_->EvalTensor(assign.node, Indices(assign.value)), tolerance());
}

void Harness::CheckPrediction(const Prediction& prediction) {
  const std::vector<double> want = oracle_->EvalTensor(prediction.node, prediction.indices);
  const std::string what = "prediction " + prediction.name;
  if (prediction.pass < 0) {
    return Compare(what, RunPost(prediction.value), want, tolerance());
  }
  const Pass& pass = program_.pass[static_cast<size_t>(prediction.pass)];
  const Aligned out(options_.type, std::vector<double>(want.size(), -77));
  const int64_t rows = store_->extent[static_cast<size_t>(pass.row_axis)];
  const int64_t row_size = static_cast<int64_t>(want.size()) / rows;
  RunRows(pass, {}, [&](KernelArgs& args) {
    auto* bytes = static_cast<char*>(const_cast<void*>(out.data()));
    args.out = bytes + args.row_begin * row_size * SizeOf(options_.type);
  });
  std::vector<double> got;
  for (size_t i = 0; i < want.size(); ++i) {
    got.push_back(options_.type == Type::kFloat32
                      ? static_cast<double>(static_cast<const float*>(out.data())[i])
                      : static_cast<const double*>(out.data())[i]);
  }
  Compare(what, got, want, tolerance());
}

void Harness::RunBuild() {
  if (program_.build >= 0) CheckPass(program_.build);
}

void Harness::CheckAll() {
  RunBuild();
  CheckStatement(program_.root);
  CheckMeasure(program_.objective);
  for (const Measure& measure : program_.measure) CheckMeasure(measure);
  for (const Prediction& prediction : program_.prediction) CheckPrediction(prediction);
  if (program_.start_pass >= 0) CheckPass(program_.start_pass);
  for (const Assign& start : program_.start) CheckAssign(start, "start of ");
}

void CheckEverywhere(const Program& program, const HarnessOptions& base) {
  struct Shape {
    int64_t rows, extent;
    int blocks;
    bool differences;
  };
  // 300 rows are several blocks of a kernel's rows, and no multiple of a vector.
  constexpr Shape kShapes[] = {
      {17, 5, 1, true}, {1, 1, 1, true}, {7, 1, 2, true}, {300, 9, 3, false}};
  for (const Format format : {Format::kDense, Format::kCsr, Format::kCsc}) {
    for (const Type type : {Type::kFloat64, Type::kFloat32}) {
      for (const Shape& shape : kShapes) {
        HarnessOptions options = base;
        options.format = format;
        options.type = type;
        options.rows = shape.rows;
        options.extent = shape.extent;
        // Columns are taken whole: workers have blocks of their own (ops/contract.h).
        options.blocks = format == Format::kCsc ? 1 : shape.blocks;
        options.differences = shape.differences && type == Type::kFloat64;
        options.padded = shape.rows > 1;
        Harness(program, options).CheckAll();
      }
    }
  }
}

}  // namespace gyre
