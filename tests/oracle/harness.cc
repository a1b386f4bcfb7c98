// The harness's second half: runs kernels, posts and sweeps, and compares them with the
// interpreter.
#include "tests/oracle/harness.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "tests/oracle/storage.h"

namespace gyre {

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
  for (const int symbol : pass.local) store_->left[symbol] = TakeLocal(symbol);
  return totals;
}

// A local as it is; then it is what it was bound to again.
std::vector<double> Harness::TakeLocal(int symbol) {
  const auto s = static_cast<size_t>(symbol);
  const Block& block = store_->block[s];
  const std::vector<double>& before = oracle_->bindings().tensor[s].value;
  const auto exchange = [&](auto* values) {
    std::vector<double> left;
    for (int64_t i = 0; i < block.rows * block.cols; ++i) {
      auto& value = values[i / block.cols * block.stride + i % block.cols];
      left.push_back(static_cast<double>(value));
      value = static_cast<std::remove_reference_t<decltype(value)>>(before[static_cast<size_t>(i)]);
    }
    return left;
  };
  void* const values = const_cast<void*>(block.values);
  return block.type == Type::kFloat32 ? exchange(static_cast<float*>(values))
                                      : exchange(static_cast<double*>(values));
}

std::vector<double> Harness::RunPost(const Post& post, double when) {
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
  args.epoch = when;
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
    if (got[i] == want[i] || std::fabs(got[i] - want[i]) <= tolerance * scale) continue;
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

void Harness::CheckPost(const std::string& what, const Post& post, double when) {
  Compare(what + " = " + ToText(program_.graph, program_.literal, post.node), RunPost(post, when),
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
    for (const Assign& assign : statement.local) CheckLocal(assign);
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
  // Kernels see columns: a dense matrix as its transpose, a sparse one as CSC; and the rows of keys.
  std::vector<Block> data = store_->block;
  std::vector<std::vector<int64_t>> offset(data.size());
  std::vector<std::vector<int32_t>> row(data.size());
  std::vector<RowsOfKey> rows_of(data.size());
  for (const SweepSum& sum : statement.live) {
    const auto id = static_cast<size_t>(sum.symbol);
    const ir::Symbol& s = program_.graph.symbol[sum.symbol];
    const Tensor& tensor = oracle_->bindings().tensor[id];
    if (sum.form == SweepForm::kColumn)
      data[id] = store_->Columns(tensor, FormatOf(s), options_.type);
    if (sum.form != SweepForm::kKeyed) continue;
    row[id].clear();
    offset[id].assign(1, 0);
    for (size_t item = 0; item < store_->master[symbol].size(); ++item) {
      for (size_t r = 0; r < tensor.value.size(); ++r) {
        if (tensor.value[r] == static_cast<double>(item)) row[id].push_back(static_cast<int32_t>(r));
      }
      offset[id].push_back(static_cast<int64_t>(row[id].size()));
    }
    rows_of[id] = {offset[id].data(), row[id].data()};
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
  args.rows_of = rows_of.data();
  args.single = options_.type == Type::kFloat32;
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
  const bool start = !what.empty();  // of draws those of the start, else of the first clock
  const double when = start ? -1 : 0;
  oracle_->MutableBindings().clock = start ? 0 : 1;
  CheckPost(name, assign.value, when);
  Compare(name + " as written", RunPost(assign.value, when),
          oracle_->EvalTensor(assign.node, Indices(assign.value)), tolerance());
}

// What the pass of the statement, the last that was run, left of a local.
void Harness::CheckLocal(const Assign& assign) {
  const ir::Symbol& symbol = program_.graph.symbol[assign.param];
  Post shape;
  shape.axes.assign(symbol.axis, symbol.axis + symbol.rank);
  oracle_->MutableBindings().clock = 1;
  Compare("local " + Text(symbol.name), store_->left[assign.param],
          oracle_->EvalTensor(assign.node, Indices(shape)), tolerance());
}

void Harness::CheckPrediction(const Prediction& prediction) {
  const std::string what = "prediction " + prediction.name;
  if (prediction.pass < 0) {
    return Compare(what, RunPost(prediction.value),
                   oracle_->EvalTensor(prediction.node, Indices(prediction.value)), tolerance());
  }
  const std::vector<double> want = oracle_->EvalTensor(prediction.node, prediction.indices);
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
        const bool columns = std::any_of(base.formats.begin(), base.formats.end(),
                                         [](const auto& f) { return f.second == Format::kCsc; });
        options.blocks = format == Format::kCsc || columns ? 1 : shape.blocks;
        options.differences = shape.differences && type == Type::kFloat64;
        options.padded = shape.rows > 1;
        Harness(program, options).CheckAll();
      }
    }
  }
}

}  // namespace gyre
