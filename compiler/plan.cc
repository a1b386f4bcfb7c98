// MakePlan: from the pieces to the proto.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/answers.h"
#include "compiler/candidate.h"
#include "compiler/compiler.h"
#include "compiler/delta.h"
#include "compiler/emit.h"
#include "compiler/fingerprint.h"
#include "compiler/graph/verify.h"
#include "compiler/select.h"

namespace gyre {
namespace {

// An Until that is not the run itself would be a loop within a clock, of a length nobody knows.
bool HasInnerUntil(const Statement& s, bool root) {
  if (s.kind == StatementKind::kUntil && !root) return true;
  return std::any_of(s.child.begin(), s.child.end(), [](const Statement& c) { return HasInnerUntil(c, false); });
}

absl::Status CheckProgram(const Program& program) {
  if (!program.refusal.empty()) return absl::UnimplementedError(program.refusal);
  const ir::Graph& graph = program.graph;
  for (const ir::Symbol& s : graph.symbol) {
    if (s.kind == ir::Kind::kTyped) {
      return absl::UnimplementedError(
          absl::StrCat(KindName(s.kind), " \"", Name(s.name),
                       "\": elements of a type of their own are not in this build; use numbers"));
    }
  }
  if (HasInnerUntil(program.root, true)) {
    return absl::UnimplementedError("Until may only be outermost in this build; use Repeat(n) inside a sequence");
  }
  const std::vector<Leaf> leaves = Leaves(program);
  if (leaves.empty()) return absl::InvalidArgumentError("the program has no statement: there is nothing to run");
  return absl::OkStatus();
}

absl::Status CheckBound(const Program& program, const BoundInfo& bound) {
  const ir::Graph& graph = program.graph;
  if (static_cast<int>(bound.extent.size()) != graph.axis.size) {
    return absl::InternalError(absl::StrCat("bound data has ", bound.extent.size(), " extents, the program ",
                                            graph.axis.size, " axes"));
  }
  for (const Leaf& leaf : Leaves(program)) {
    const Pass* pass = PassOf(program, leaf);
    const int row_axis = pass != nullptr ? pass->row_axis : leaf.statement->sampler.row_axis;
    if (row_axis < 0) continue;
    if (bound.extent[static_cast<size_t>(row_axis)] <= 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "axis ", Name(graph.axis[row_axis].name), " has no rows: bind data with --data=FILE"));
    }
  }
  return absl::OkStatus();
}

int64_t BytesOf(const TensorInfo& t) {
  const int64_t entry = SizeOf(t.type);
  return t.format == Format::kDense ? t.rows * t.cols * entry : t.nnz * (entry + 4) + t.rows * 8;
}

void FillBound(const Program& program, const BoundInfo& bound, Bound* out) {
  for (int a = 0; a < program.graph.axis.size; ++a) {
    Bound::Axis* axis = out->add_axis();
    axis->set_name(Name(program.graph.axis[a].name));
    axis->set_extent(bound.extent[static_cast<size_t>(a)]);
    axis->set_data(program.graph.axis[a].data);
  }
  for (const TensorInfo& t : bound.tensor) {
    Bound::Tensor* tensor = out->add_tensor();
    tensor->set_symbol(t.symbol);
    tensor->set_format(std::string(FormatName(t.format)));
    tensor->set_dtype(std::string(TypeName(t.type)));
    tensor->set_rows(t.rows);
    tensor->set_cols(t.cols);
    tensor->set_nnz(t.nnz);
    tensor->set_row_skew(t.row_skew);
    tensor->set_col_skew(t.col_skew);
    tensor->set_bytes(BytesOf(t));
  }
  out->set_dtype(std::string(TypeName(bound.type)));
}

void FillValues(const Problem& p, Plan* plan) {
  const ir::Graph& graph = p.program->graph;
  for (const ir::Let& let : graph.let) {
    if (let.adjoint_of >= 0 || let.body < 0) continue;
    Value* v = plan->add_value();
    v->set_node(let.body);
    v->set_name(Name(let.name));
    v->set_text(ToText(graph, p.program->literal, let.body));
  }
  for (const Leaf& leaf : p.leaf) {
    if (leaf.statement->kind != StatementKind::kMinimize) continue;
    const Pass* pass = PassOf(*p.program, leaf);
    if (pass == nullptr || pass->total.empty()) continue;
    Value* v = plan->add_value();
    v->set_node(graph.total[pass->total[0]].node);
    v->set_name("f");
    v->set_text(ToText(graph, p.program->literal, v->node()));
  }
}

void FillDependences(const Problem& p, Plan* plan) {
  for (const AxisVerdict& v : p.verdict) {
    Dependence* d = plan->add_dependence();
    d->set_param(Signature(p.program->graph, v.param));
    d->set_axis(Name(p.program->graph.axis[v.axis].name));
    d->set_verdict(static_cast<Dependence::Verdict>(v.verdict));
    d->set_by(v.by);
    d->set_node(std::max(0, v.node));
    d->set_exchange(v.exchange);
    d->set_words(v.words);
  }
}

void FillHead(const Problem& p, Plan* plan) {
  const Request& r = *p.request;
  plan->set_name(r.name);
  plan->set_seed(r.seed);
  plan->set_cluster_kind(r.cluster);
  *plan->mutable_profile() = *p.profile;
  FillBound(*p.program, *p.bound, plan->mutable_bound());
  FillValues(p, plan);
  for (Delta& d : DeltasOf(*p.program, p.bound->extent, p.bound->type)) *plan->add_delta() = std::move(d);
  FillDependences(p, plan);
  Fingerprint* f = plan->mutable_fingerprint();
  f->set_program(p.program->fingerprint);
  f->set_data(p.bound->fingerprint());
  f->set_kernels(KernelsFingerprint(*p.program));
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const Program& program, const BoundInfo& bound,
                              const Profile& profile, const Request& request) {
  absl::Status status = CheckWords(request);
  if (status.ok()) status = CheckProgram(program);
  if (status.ok()) status = CheckBound(program, bound);
  if (!status.ok()) return status;
  const Problem problem = MakeProblem(program, bound, profile, request);
  const std::vector<Option> options = Enumerate(problem);
  const absl::StatusOr<size_t> chosen = Select(problem, options);
  if (!chosen.ok()) return chosen.status();
  Plan plan;
  FillHead(problem, &plan);
  EmitTasks(problem, options[*chosen], &plan);
  ExplainAnswers(problem, options, *chosen, &plan);
  if (status = Verify(plan); !status.ok()) {
    return absl::InternalError(absl::StrCat("the planner made a plan that is not legal: ", status.message()));
  }
  Rehash(&plan);
  return plan;
}

}  // namespace gyre
