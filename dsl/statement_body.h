// What statements and their clauses emit into the program: Minimize, Iterate, Sweep, Resample, the
// composites, and .Predict .Measure .Start .SubjectTo .By.
#pragma once
#include <tuple>

#include "dsl/let.h"
#include "dsl/program_ir.h"
#include "dsl/reduce.h"

namespace gyre {
namespace internal {

template <class A>
constexpr AssignIr EmitAssign(Builder& b, const A& a) {
  AssignIr out;
  const int target = a.target.emit(b, {});
  out.symbol = b.graph.node[target].symbol;
  b.drawn = out.symbol;
  out.node = static_cast<int16_t>(a.value.emit(b, {}));
  b.drawn = -1;
  return out;
}

template <class A>
inline constexpr bool kIsAssignment = false;
template <class S, class E>
inline constexpr bool kIsAssignment<Assignment<S, E>> = true;
template <class A>
inline constexpr bool kKeepsAxes = true;
template <class S, class E>
inline constexpr bool kKeepsAxes<Assignment<S, E>> = kSubset<typename E::free, typename S::free>;

template <class... As>
constexpr void CheckAssigns() {
  static_assert(((kIsAssignment<As> || std::is_same_v<As, Refused>)&&...),
                "GY019: Iterate, Sweep and .Start take assignments, P = expression with one =");
  static_assert((kKeepsAxes<As> && ...),
                "GY006: the value assigned has an index that its target does not have; reduce over "
                "it with sum, max or argmin");
}

// ---- Bodies.
template <class E>
struct MinimizeBody {
  E objective;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kMinimize;
    s.objective = static_cast<int16_t>(objective.emit(p.builder, {}));
  }
};

template <class... As>
struct IterateBody {
  std::tuple<As...> assigns;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kIterate;
    std::apply([&](const As&... a) { (s.assign.push(EmitAssign(p.builder, a)), ...); }, assigns);
  }
};

template <class I, class... As>
struct SweepBody {
  std::tuple<As...> assigns;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kSweep;
    s.axis_index = static_cast<int16_t>(IndexOf<I>(p.builder));
    std::apply([&](const As&... a) { (s.assign.push(EmitAssign(p.builder, a)), ...); }, assigns);
  }
};

template <class K, class W>
struct ResampleBody {
  K variable;
  W weights;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kResample;
    AssignIr a;
    const int target = variable.emit(p.builder, {});
    a.symbol = p.builder.graph.node[target].symbol;
    a.node = static_cast<int16_t>(weights.emit(p.builder, {}));
    s.assign.push(a);
  }
};

template <class A, class B>
struct SequenceBody {
  A first;
  B second;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kSequence;
    s.child.push(first.emit(p));
    s.child.push(second.emit(p));
  }
};
template <class A>
struct RepeatBody {
  A body;
  int times = 1;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kRepeat;
    s.repeat = static_cast<int16_t>(p.builder.slot(times));
    s.child.push(body.emit(p));
  }
};
template <class A>
struct UntilBody {
  A body;
  double tolerance = 0;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kUntil;
    s.tolerance = static_cast<int16_t>(p.builder.slot(tolerance));
    s.child.push(body.emit(p));
  }
};
// A Minimize in blocks, or the assignments of an Iterate one after another.
template <class A, class... Ps>
struct AlternateBody {
  A body;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kSequence;
    const int id = body.emit(p);
    int16_t symbol[] = {p.builder.graph.node[Ps{}.emit(p.builder, {})].symbol...};
    if (p.statement[id].kind == StatementKind::kMinimize) {
      for (const int16_t each : symbol) p.statement[id].alternate.push(each);
      s.child.push(static_cast<int16_t>(id));
      return;
    }
    // The first takes the place of the whole.
    const ir::Array<AssignIr, 24> all = p.statement[id].assign;
    bool taken = false;
    for (const int16_t each : symbol) {
      for (const AssignIr& a : all) {
        if (a.symbol != each) continue;
        StatementIr one;
        one.kind = StatementKind::kIterate;
        one.assign.push(a);
        if (!taken) p.statement[id] = one;
        s.child.push(taken ? static_cast<int16_t>(p.statement.push(one)) : static_cast<int16_t>(id));
        taken = true;
      }
    }
    if (s.child.size != all.size) p.builder.fail(42);
  }
};

// The sum over data that .Delta gave, as .Update sees it.
template <class P>
struct DeltaOf : ExprTag {
  using free = typename P::free;
  constexpr int emit(Builder& b, const Env&) const {
    const int l = b.FindLet("delta");
    if (l < 0) return b.fail(16), b.constant(0);
    return b.graph.let[l].body;
  }
};
template <class P, class D = void, class U = void>
struct ExplicitBody {
  P param;
  D delta;
  U update;
  constexpr void emit(ProgramIr& p, StatementIr& s) const {
    s.kind = StatementKind::kIterate;
    ir::Let let;
    let.name = "delta";
    let.body = static_cast<int16_t>(delta.emit(p.builder, {}));
    p.builder.graph.let.push(let);
    AssignIr a;
    a.symbol = p.builder.graph.node[param.emit(p.builder, {})].symbol;
    a.node = static_cast<int16_t>(update.emit(p.builder, {}));
    s.assign.push(a);
  }
};
template <class P, class D>
struct ExplicitBody<P, D, void> {
  P param;
  D delta;
  template <class Ir>
  constexpr void emit(Ir&, StatementIr&) const {
    static_assert(kNever<Ir>,
                  "GY016: Iterate(p).Delta(sum) needs its .Update(expression of p and "
                  "delta(p))");
  }
};

template <class P>
struct NothingYet {
  P param;
  template <class Ir>
  constexpr void emit(Ir&, StatementIr&) const {
    static_assert(kNever<Ir>,
                  "GY016: Iterate(p) needs an assignment, Iterate(p = expression), or "
                  ".Delta(sum).Update(expression)");
  }
};

// ---- Clauses.
template <Name N, class E>
struct PredictClause {
  E value;
  constexpr void emit(ProgramIr& p) const {
    NamedIr n;
    n.name = N.view();
    n.node = static_cast<int16_t>(value.emit(p.builder, {}));
    n.row_indices = p.builder.free(n.node);
    p.prediction.push(n);
  }
};
template <Name N, class E>
struct MeasureClause {
  E value;
  constexpr void emit(ProgramIr& p) const {
    NamedIr n;
    n.name = N.view();
    n.node = static_cast<int16_t>(value.emit(p.builder, {}));
    p.measure.push(n);
  }
};
template <class... As>
struct StartClause {
  std::tuple<As...> assigns;
  constexpr void emit(ProgramIr& p) const {
    std::apply([&](const As&... a) { (p.start.push(EmitAssign(p.builder, a)), ...); }, assigns);
  }
};
template <Name N>
struct ByClause {
  constexpr void emit(ProgramIr&) const {}
};
template <class... Cs>
struct SubjectClause {
  std::tuple<Cs...> conditions;
  constexpr void emit(ProgramIr& p) const {
    std::apply(
        [&](const Cs&... c) {
          (p.constraint.push(static_cast<int16_t>(c.emit(p.builder, {}))), ...);
        },
        conditions);
  }
};

}  // namespace internal
}  // namespace gyre
