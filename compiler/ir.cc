#include "compiler/ir.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "compiler/walk.h"

namespace gyre {
namespace {

std::string IndexText(const ir::Graph& graph, int index) {
  if (index < 0) return "";
  std::string text(graph.axis[graph.index[index].axis].name);
  text.append(static_cast<size_t>(graph.index[index].prime), '\'');
  return text;
}

std::string LiteralText(const Program& program, int slot, absl::string_view otherwise) {
  if (slot < 0 || slot >= static_cast<int>(program.literal.size())) return std::string(otherwise);
  return absl::StrCat(program.literal[static_cast<size_t>(slot)]);
}

std::string SubscriptText(const Program& program, const ir::Subscript& s) {
  if (s.node >= 0) return ToText(program.graph, program.literal, s.node);
  std::string text = IndexText(program.graph, s.index);
  if (s.scale0 >= 0) text = absl::StrCat(LiteralText(program, s.scale0, "1"), "*", text);
  if (s.second >= 0) {
    const std::string second = IndexText(program.graph, s.second);
    absl::StrAppend(&text, "+",
                    s.scale1 < 0 ? second
                                 : absl::StrCat(LiteralText(program, s.scale1, "1"), "*", second));
  }
  if (s.offset >= 0) absl::StrAppend(&text, "+", LiteralText(program, s.offset, "0"));
  return text;
}

// The name of what `node.symbol` refers to, which depends on the operation.
std::string SymbolOf(const ir::Graph& graph, const ir::Node& node) {
  if (node.symbol < 0) return "";
  switch (node.op) {
    case ir::Op::kHyper: case ir::Op::kData: case ir::Op::kKey: case ir::Op::kParam:
    case ir::Op::kLocal:
      return Name(graph.symbol[node.symbol].name);
    case ir::Op::kLet: return Name(graph.let[node.symbol].name);
    case ir::Op::kSize: return Name(graph.axis[node.symbol].name);
    case ir::Op::kTotal: return absl::StrCat("total ", node.symbol);
    case ir::Op::kLiteral: return absl::StrCat("literal ", node.symbol);
    default: return "";
  }
}

void FillNode(const Program& program, int id, IrProto::Node* out) {
  const ir::Graph& graph = program.graph;
  const ir::Node& node = graph.node[id];
  out->set_id(id);
  out->set_op(std::string(OpName(node.op)));
  for (const int16_t operand : {node.a, node.b, node.c}) {
    if (operand >= 0) out->add_operand(operand);
  }
  out->set_symbol(SymbolOf(graph, node));
  if (node.index >= 0) out->set_bound_index(node.index);
  for (int i = 0; i < graph.index.size; ++i) {
    if ((node.free >> i) & 1u) out->add_free_index(i);
  }
  for (int i = 0; i < node.subs; ++i) {
    IrProto::Subscript* s = out->add_subscript();
    s->set_text(SubscriptText(program, node.sub[i]));
    if (node.sub[i].index >= 0) s->set_index(node.sub[i].index);
    if (node.sub[i].node >= 0) s->set_node(node.sub[i].node);
  }
  out->set_value(node.value);
  out->set_text(ToText(graph, program.literal, id));
}

void FillSymbol(const Program& program, const ir::Symbol& symbol, IrProto::Symbol* out) {
  const ir::Graph& graph = program.graph;
  out->set_name(Name(symbol.name));
  out->set_kind(std::string(KindName(symbol.kind)));
  for (int i = 0; i < symbol.rank; ++i) out->add_axis(Name(graph.axis[symbol.axis[i]].name));
  if (symbol.target >= 0) out->set_target(Name(graph.axis[symbol.target].name));
  if (symbol.literal >= 0) out->set_value(program.literal[static_cast<size_t>(symbol.literal)]);
}

void FillPass(const Program& program, const Pass& pass, IrProto::Pass* out) {
  const ir::Graph& graph = program.graph;
  out->set_id(pass.id);
  if (pass.row_axis >= 0) out->set_row_axis(Name(graph.axis[pass.row_axis].name));
  for (const int total : pass.total) out->add_total(total);
  for (const Structure s : pass.structure) out->add_structure(std::string(StructureName(s)));
  for (const int s : pass.data) out->add_data(Name(graph.symbol[s].name));
  for (const int s : pass.param) out->add_param(Name(graph.symbol[s].name));
}

}  // namespace

IrProto ToProto(const Program& program) {
  const ir::Graph& graph = program.graph;
  IrProto out;
  for (const ir::Axis& axis : graph.axis) {
    IrProto::Axis* a = out.add_axis();
    a->set_name(Name(axis.name));
    a->set_extent(axis.extent);
    a->set_span(axis.span);
    a->set_data(axis.data);
  }
  for (const ir::Index& index : graph.index) {
    IrProto::Index* i = out.add_index();
    i->set_axis(Name(graph.axis[index.axis].name));
    i->set_prime(index.prime);
  }
  for (const ir::Symbol& symbol : graph.symbol) FillSymbol(program, symbol, out.add_symbol());
  for (int id = 0; id < graph.node.size; ++id) FillNode(program, id, out.add_node());
  for (const ir::Let& let : graph.let) {
    IrProto::Let* l = out.add_let();
    l->set_name(Name(let.name));
    l->set_body(let.body);
    for (int i = 0; i < let.rank; ++i) l->add_index(let.index[i]);
    if (let.adjoint_of >= 0) l->set_adjoint_of(Name(graph.let[let.adjoint_of].name));
  }
  for (int j = 0; j < graph.total.size; ++j) {
    const ir::Total& total = graph.total[j];
    IrProto::Total* t = out.add_total();
    t->set_id(j);
    t->set_node(total.node);
    if (total.row_index >= 0) t->set_row_axis(Name(graph.axis[AxisOf(graph, total.row_index)].name));
    for (int i = 0; i < total.rank; ++i) t->add_index(total.index[i]);
    if (total.param >= 0) t->set_param(Name(graph.symbol[total.param].name));
  }
  for (const Pass& pass : program.pass) FillPass(program, pass, out.add_pass());
  out.set_text(program.text);
  out.set_fingerprint(program.fingerprint);
  return out;
}

}  // namespace gyre
