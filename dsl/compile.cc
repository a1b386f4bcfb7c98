#include "dsl/compile.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "dsl/structure.h"

namespace gyre::internal {
namespace {

int AxisOf(const ProgramIr& ir, int index) { return ir.builder.graph.index[index].axis; }

std::vector<int> SymbolsOf(const std::vector<bool>& seen) {
  std::vector<int> out;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) out.push_back(static_cast<int>(i));
  }
  return out;
}

// Marks the data, latents among them, and the parameters that node `id` reads, through lets too.
void Reads(const ir::Graph& g, int id, std::vector<bool>& node_seen, std::vector<bool>& data,
           std::vector<bool>& param) {
  if (id < 0 || node_seen[static_cast<size_t>(id)]) return;
  node_seen[static_cast<size_t>(id)] = true;
  const ir::Node& n = g.node[id];
  const auto symbol = static_cast<size_t>(n.symbol);
  if (n.op == ir::Op::kData ||
      n.op == ir::Op::kKey) {
    data[symbol] = true;
  }
  if (n.op == ir::Op::kParam) param[symbol] = true;
  if (n.op == ir::Op::kLet) Reads(g, g.let[n.symbol].lowered, node_seen, data, param);
  for (int i = 0; i < n.subs; ++i) Reads(g, n.sub[i].node, node_seen, data, param);
  for (int child : {n.a, n.b, n.c}) Reads(g, child, node_seen, data, param);
}

int Operations(const ir::Graph& g, int id, int depth) {
  if (id < 0 || depth > 40) return 0;
  const ir::Node& n = g.node[id];
  if (n.a < 0 || n.op == ir::Op::kLet) return 0;
  const bool costly = n.op == ir::Op::kExp || n.op == ir::Op::kLog || n.op == ir::Op::kLog1p ||
                      n.op == ir::Op::kSoftplus || n.op == ir::Op::kSigmoid ||
                      n.op == ir::Op::kTanh;
  return (costly ? 20 : 1) + Operations(g, n.a, depth + 1) + Operations(g, n.b, depth + 1) +
         Operations(g, n.c, depth + 1);
}

// What stage `st` adds to its total.
void DescribeTotal(const ProgramIr& ir, const Stage& st, Pass& pass) {
  const auto target = static_cast<size_t>(st.target);
  pass.structure[target] = StructureOf(st.kind);
  if (st.kind != StageKind::kAddOuter) return;
  OuterForm& form = pass.outer[target];
  for (int i = 0; i < st.rank; ++i) form.u.push_back(AxisOf(ir, st.index[i]));
  for (int i = 0; i < st.k_rank; ++i) form.v.push_back(AxisOf(ir, st.k[i]));
  form.v_first = st.k_major;
}

void DescribePass(const ProgramIr& ir, const PassIr& in, Pass& pass) {
  const ir::Graph& g = ir.builder.graph;
  pass.row_axis = AxisOf(ir, in.row_index);
  for (int t : in.total) pass.total.push_back(t);
  pass.structure.assign(pass.total.size(), Structure::kDense);
  pass.outer.resize(pass.total.size());
  std::vector<bool> seen(ir::kMaxNodes), data(ir::kMaxSymbols), param(ir::kMaxSymbols);
  for (int t : in.total) Reads(g, g.total[t].node, seen, data, param);
  for (const Stage& st : in.schedule.stage) {
    if (st.target >= 0) DescribeTotal(ir, st, pass);
    if (st.node >= 0) {
      Reads(g, st.node, seen, data, param);
      if (st.kind != StageKind::kInvariant) pass.flops_per_row += Operations(g, st.node, 0);
    }
    const bool contraction = st.kind == StageKind::kContract || st.kind == StageKind::kAddVector ||
                             st.kind == StageKind::kAddOuter || st.kind == StageKind::kScatterRows;
    if (st.matrix.symbol >= 0) data[static_cast<size_t>(st.matrix.symbol)] = true;
    const bool scatters = st.kind == StageKind::kScatterAlong;
    if (scatters || st.kind == StageKind::kSumAlong) {  // what rows name, gathered and multiplied
      const int index = scatters ? g.total[in.total[st.target]].index[1] : g.node[st.node].index;
      const int node = scatters ? st.node : g.node[st.node].a;
      SumAlong sum{AxisOf(ir, index), static_cast<double>(Operations(g, node, 0)), {}};
      std::vector<bool> nodes(ir::kMaxNodes), of_row(ir::kMaxSymbols), named(ir::kMaxSymbols);
      Reads(g, node, nodes, of_row, named);
      sum.param = SymbolsOf(named);
      pass.along.push_back(std::move(sum));
    }
    if (!contraction) continue;
    if (st.kind == StageKind::kContract && !st.other_is_slot)
      param[static_cast<size_t>(st.other)] = true;
    Contraction c;
    c.symbol = st.matrix.symbol;
    c.transposed = st.kind != StageKind::kContract;
    for (int i = 0; i < st.rank; ++i) c.axes.push_back(AxisOf(ir, st.index[i]));
    if (c.symbol < 0) {
      for (int i = 0; i < st.k_rank; ++i) c.axes.push_back(AxisOf(ir, st.k[i]));
    }
    pass.contraction.push_back(c);
  }
  pass.data = SymbolsOf(data);
  pass.param = SymbolsOf(param);
  std::vector<bool> local(ir::kMaxSymbols);
  for (const AssignIr& store : in.store) local[static_cast<size_t>(store.symbol)] = true;
  for (int id = 0; id < g.node.size; ++id) {
    const ir::Node& n = g.node[id];
    if (seen[static_cast<size_t>(id)] && n.op == ir::Op::kLocal) local[static_cast<size_t>(n.symbol)] = true;
  }
  pass.local = SymbolsOf(local);
  if (in.output >= 0) {
    const Slot& slot = in.schedule.slot[in.output];
    for (int i = 0; i < slot.rank; ++i) pass.row_axes.push_back(AxisOf(ir, slot.index[i]));
  }
}

void NamePass(Program& program, int pass, const std::string& id) {
  if (pass >= 0 && program.pass[static_cast<size_t>(pass)].id.empty()) {
    program.pass[static_cast<size_t>(pass)].id = id;
  }
}

void DescribePredictor(const ProgramIr& ir, const PredictorIr& in, Predictor& out,
                       const std::vector<PostFn>& posts) {
  if (in.view < 0) return;
  out.row_axis = AxisOf(ir, in.row_index);
  if (in.output_index >= 0) out.output_axis = AxisOf(ir, in.output_index);
  for (const PredictorPartIr& part : in.part)
    out.part.push_back({part.symbol, part.matrix, MakePost(ir, part.scale, posts), part.output});
  for (const KeyedTermIr& term : in.term) {
    out.term.push_back({MakePost(ir, term.scale, posts), term.rank_index >= 0 ? AxisOf(ir, term.rank_index) : -1, {}});
    for (const KeyedFactorIr& f : term.factor) {
      out.term.back().factor.push_back({f.symbol, f.map, f.key_at, f.rank_at, {}});
      if (f.visit_l2 >= 0) out.term.back().factor.back().visit_l2 = MakePost(ir, f.visit_l2, posts);
    }
  }
  if (in.all_keys.weight >= 0) {
    out.all_keys = {MakePost(ir, in.all_keys.weight, posts), MakePost(ir, in.all_keys.offset, posts), {}};
    for (const int scale : in.all_keys.scale) out.all_keys.scale.push_back(MakePost(ir, scale, posts));
  }
  std::vector<bool> seen(ir::kMaxNodes), data(ir::kMaxSymbols), param(ir::kMaxSymbols);
  seen[static_cast<size_t>(in.view)] = true;
  for (const int node : {in.loss, in.slope, in.curvature, in.offset})
    Reads(ir.builder.graph, node, seen, data, param);
  for (const int node : in.kink) Reads(ir.builder.graph, node, seen, data, param);
  out.data = SymbolsOf(data);
  out.quadratic = in.quadratic;
  out.quadratic_pieces = in.quadratic_pieces;
  out.kinks_known = in.kinks_known;
  out.view_node = in.view;
  out.loss_node = in.loss;
  out.curvature_node = in.curvature;
}

void DescribeSampler(const ProgramIr& ir, const StatementIr& in, Sampler& out) {
  const ir::Graph& g = ir.builder.graph;
  out.latent = in.assign[0].symbol;
  out.row_axis = AxisOf(ir, in.sample.row_index);
  out.topic_axis = AxisOf(ir, in.sample.topic_index);
  out.weight_node = in.sample.whole;
  out.row_pass = in.sample.row_pass;
  for (const SampleFormIr& form : in.sample.form) {
    out.form.emplace_back();
    out.form.back().map = form.map, out.form.back().count = form.count;
  }
  for (int i = 0; i < g.symbol.size; ++i) {
    if (g.symbol[i].kind == ir::Kind::kCount) out.count.push_back(i);
  }
  std::vector<bool> seen(ir::kMaxNodes), data(ir::kMaxSymbols), param(ir::kMaxSymbols);
  Reads(g, in.sample.whole, seen, data, param);
  out.data = SymbolsOf(data);
  for (const int symbol : SymbolsOf(param)) {
    if (g.symbol[symbol].kind == ir::Kind::kParam) out.param.push_back(symbol);
  }
}

Statement Build(const ProgramIr& ir, int id, const std::string& path, Program& program,
                const std::vector<PostFn>& posts) {
  const StatementIr& in = ir.statement[id];
  Statement out;
  out.kind = in.kind;
  out.update = std::string(in.update_rule);
  for (const int symbol : in.alternate) out.alternate.push_back(symbol);
  out.pass = in.pass;
  if (in.repeat >= 0)
    out.repeat = std::llround(program.literal[static_cast<size_t>(in.repeat)]);
  if (in.tolerance >= 0) out.tolerance = program.literal[static_cast<size_t>(in.tolerance)];
  NamePass(program, in.pass, path + "step");
  for (int i = 0; i < ir::kMaxSymbols; ++i) {
    if (in.params >> i & 1) out.param.push_back(i);
  }
  if (in.value >= 0) out.value = MakePost(ir, in.value, posts);
  for (const AssignIr& a : in.assign) {
    if (in.kind == StatementKind::kIterate && a.post < 0) out.local.push_back({a.symbol, {}, a.node});
    if (a.post < 0) continue;
    const Post post = MakePost(ir, a.post, posts);
    if (in.kind == StatementKind::kMinimize) {
      out.gradient.push_back(post);
    } else {
      out.assign.push_back({a.symbol, post, a.node});
    }
  }
  for (const PenaltyIr& p : in.penalty) {
    Penalty penalty{p.kind, p.symbol, MakePost(ir, p.post, posts), {}};
    for (int i = 0; i < ir.builder.graph.index.size; ++i) {
      if (p.group >> i & 1) penalty.group_axes.push_back(AxisOf(ir, i));
    }
    out.penalty.push_back(penalty);
  }
  if (in.smooth_value >= 0) {
    out.smooth_value = MakePost(ir, in.smooth_value, posts);
    for (const AssignIr& a : in.smooth) out.smooth_gradient.push_back(MakePost(ir, a.post, posts));
  }
  DescribePredictor(ir, in.predictor, out.predictor, posts);
  if (in.kind == StatementKind::kResample) DescribeSampler(ir, in, out.sampler);
  out.convex_hint = in.kind == StatementKind::kMinimize && ir.product_params == 0 && !in.curved;
  if (in.axis_index >= 0) out.sweep_axis = AxisOf(ir, in.axis_index);
  for (const LiveSumIr& sum : in.live) out.live.push_back({sum.form, sum.symbol});
  for (const CouplingIr& c : in.coupling) out.coupling.push_back({c.form, c.first, c.second, c.node});
  for (int let : in.maintained) out.maintained.push_back(let);
  out.view_pass = in.view_pass;
  NamePass(program, in.view_pass, path + "views");
  NamePass(program, in.sample.row_pass, path + "weights");
  for (int i = 0; i < in.child.size; ++i) {
    const std::string child = in.child.size > 1 ? path + std::to_string(i + 1) + "/" : path;
    out.child.push_back(Build(ir, in.child[i], child, program, posts));
    const Statement& made = out.child.back();
    out.param.insert(out.param.end(), made.param.begin(), made.param.end());
  }
  return out;
}

// Tables and tallies that something reads as it reads parameters.
std::vector<int> CountedRead(const ProgramIr& ir, const Program& program) {
  const ir::Graph& g = ir.builder.graph;
  std::vector<bool> seen(ir::kMaxNodes), data(ir::kMaxSymbols), param(ir::kMaxSymbols);
  for (const PostIr& post : ir.post) Reads(g, post.node, seen, data, param);
  for (const Pass& pass : program.pass) {
    for (const int symbol : pass.param) param[static_cast<size_t>(symbol)] = true;
  }
  std::vector<int> out;
  for (const int symbol : SymbolsOf(param)) {
    const ir::Kind kind = g.symbol[symbol].kind;
    if (kind == ir::Kind::kCount || kind == ir::Kind::kTally) out.push_back(symbol);
  }
  return out;
}

uint64_t Fnv(const std::string& text) {
  uint64_t h = 0xCBF29CE484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

std::string ToNumber(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g ", v);
  return text;
}

// Why the program cannot run, in one line; "" if it can.
std::string Refusal(const ProgramIr& ir) {
  const ir::Graph& g = ir.builder.graph;
  const std::string name =
      ir.beyond_symbol < 0 ? "" : "\"" + std::string(g.symbol[ir.beyond_symbol].name) + "\"";
  const auto says = [](const std::string& what) {
    return "GY040: this version cannot run the program yet: " + what;
  };
  switch (ir.beyond) {
    case Beyond::kNothing:
      return "";
    case Beyond::kTyped:
      return says("param " + name + " has elements of a type of its own");
    case Beyond::kLocal:
      return says("local " + name + " is assigned by an Iterate beside a param, and read there and in measures alone");
    case Beyond::kLatent:
      return says("latent " + name + " is drawn by one Resample, no more and no less");
    case Beyond::kSpan:
      return says(name +
                  " has a spatial axis (Span), and convolutions have no kernel; flatten it to one "
                  "Axis for a dense layer");
    case Beyond::kSolve:
      return says("solve(...) stands in assignments of an Iterate, outside sums over data");
    case Beyond::kEach:
      return says("each(...) calls a functor on views");
    case Beyond::kCategory:
      return says("draw(axis, weights) has no kernel; shuffle(axis) picks data at random");
    case Beyond::kBatch:
      return says("batch(axis) is not known to kernels; use size(axis)");
    case Beyond::kDraw:
      return says("normal, uniform and bernoulli are drawn in what is assigned to a parameter, outside sums over data");
  }
  return "";
}

std::string CanonicalText(const ProgramIr& ir, const Program& program) {
  const ir::Graph& g = ir.builder.graph;
  std::string out;
  for (const ir::Symbol& s : g.symbol) {
    out += std::string(s.name) + ":" + std::to_string(static_cast<int>(s.kind)) + "(";
    for (int i = 0; i < s.rank; ++i) out += std::string(g.axis[s.axis[i]].name) + ",";
    out += ")";
    for (int i = 0; i < s.rank && s.key[i] >= 0; ++i) {
      out += " by " + ToText(g, program.literal, s.key[i]);
    }
    out += "\n";
  }
  for (const ir::Let& l : g.let) {
    if (l.adjoint_of < 0)
      out += std::string(l.name) + " = " + ToText(g, program.literal, l.body) + "\n";
  }
  for (const StatementIr& s : ir.statement) {
    const int64_t times =
        s.repeat < 0 ? 1 : std::llround(program.literal[static_cast<size_t>(s.repeat)]);
    out += std::to_string(static_cast<int>(s.kind)) + " x" + std::to_string(times) + ": ";
    if (s.axis_index >= 0)
      out += "over " + std::string(g.axis[AxisOf(ir, s.axis_index)].name) + ": ";
    for (int child : s.child) out += "#" + std::to_string(child) + " ";
    if (s.tolerance >= 0)
      out += "until " + ToNumber(program.literal[static_cast<size_t>(s.tolerance)]);
    if (!s.update_rule.empty()) out += "by " + std::string(s.update_rule) + " ";
    for (const int symbol : s.alternate) out += "alternate " + std::string(g.symbol[symbol].name) + " ";
    if (s.objective >= 0) out += ToText(g, program.literal, s.objective);
    for (const AssignIr& a : s.assign) {
      out += std::string(g.symbol[a.symbol].name);
      if (s.kind != StatementKind::kMinimize && a.node >= 0)
        out += " = " + ToText(g, program.literal, a.node);
      out += "; ";
    }
    out += "\n";
  }
  for (const AssignIr& a : ir.start) {
    out += "start " + std::string(g.symbol[a.symbol].name) + " = " +
           ToText(g, program.literal, a.node) + "\n";
  }
  for (int c : ir.constraint) out += "subject to " + ToText(g, program.literal, c) + "\n";
  for (const NamedIr& m : ir.prediction)
    out += std::string(m.name) + " ~ " + ToText(g, program.literal, m.node) + "\n";
  for (const NamedIr& m : ir.measure)
    out += std::string(m.name) + " ? " + ToText(g, program.literal, m.node) + "\n";
  return out;
}

}  // namespace

Post MakePost(const ProgramIr& ir, int id, const std::vector<PostFn>& fns) {
  Post post;
  if (id < 0) return post;
  const PostIr& in = ir.post[id];
  post.fn = fns[static_cast<size_t>(id)];
  post.node = in.node;
  for (int i = 0; i < in.rank; ++i) post.axes.push_back(AxisOf(ir, in.index[i]));
  return post;
}

void Describe(const ProgramIr& ir, Program& program, const std::vector<PostFn>& posts) {
  for (int i = 0; i < ir.pass.size; ++i)
    DescribePass(ir, ir.pass[i], program.pass[static_cast<size_t>(i)]);
  program.build = ir.build;
  program.start_pass = ir.start_pass;
  program.root = Build(ir, ir.root, "", program, posts);
  NamePass(program, ir.build, "build");
  NamePass(program, ir.start_pass, "start");
  const auto measure = [&](const NamedIr& m) {
    Measure out{std::string(m.name), m.pass, MakePost(ir, m.post, posts), m.node};
    return out;
  };
  if (ir.objective.node >= 0) {
    program.objective = measure(ir.objective);
    NamePass(program, ir.objective.pass, "objective");
  }
  for (const NamedIr& m : ir.measure) {
    program.measure.push_back(measure(m));
    NamePass(program, m.pass, "measure/" + std::string(m.name));
  }
  for (const NamedIr& m : ir.prediction) {
    Prediction out;
    out.name = std::string(m.name);
    out.pass = m.pass;
    out.value = MakePost(ir, m.post, posts);
    out.node = m.node;
    out.label = m.label;
    if (m.pass >= 0) {
      const PassIr& pass = ir.pass[m.pass];
      out.indices.push_back(pass.row_index);
      const Slot& slot = pass.schedule.slot[pass.output];
      for (int i = 0; i < slot.rank; ++i) out.indices.push_back(slot.index[i]);
      NamePass(program, m.pass, "predict/" + out.name);
    }
    program.prediction.push_back(out);
  }
  for (const AssignIr& a : ir.start) {
    program.start.push_back({a.symbol, MakePost(ir, a.post, posts), a.node});
  }
  for (int i = 0; i < ir::kMaxSymbols; ++i) {
    if (ir.product_params >> i & 1) program.product_params.push_back(i);
  }
  program.counted = CountedRead(ir, program);
  program.refusal = Refusal(ir);
  program.text = CanonicalText(ir, program);
  program.fingerprint = Fnv(program.text);
}

}  // namespace gyre::internal
