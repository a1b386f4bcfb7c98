// The rules that forbid a strategy whatever the executor: one per function, each giving its reason.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/candidate.h"
#include "compiler/exchange.h"

namespace gyre {
namespace {

bool Sweeps(const Problem& p) {
  return std::any_of(p.leaf.begin(), p.leaf.end(), [](const Leaf& l) {
    return l.statement->kind == StatementKind::kSweep;
  });
}

// An order of what waits for the links was asked for.
bool WaitsAsked(const Problem& p) { return p.request->order != "auto" && p.request->order != "clock"; }

std::string UpdateRule(const Problem&, const Strategy& s) { return s.update.illegal; }

// What couples the items of a sweep.
std::string CouplingOf(const Problem& p, const Leaf& sweep) {
  const std::vector<int> changed = Changed(sweep);
  for (const AxisVerdict& v : p.verdict) {
    if (v.axis == sweep.statement->sweep_axis && v.verdict == Verdict::kCoupled &&
        std::count(changed.begin(), changed.end(), v.param) > 0)
      return v.by;
  }
  return "what is not known";
}

// Rows of a data axis are additive; the items of a Sweep are not.
std::string SweepRule(const Problem& p, const Strategy& s) {
  if (!Sweeps(p)) return "";
  if (!p.embedded) return "a Sweep needs all its rows in one process; run it with --cluster=embedded";
  for (const Leaf& leaf : p.leaf) {
    const Statement& sweep = *leaf.statement;
    if (sweep.kind == StatementKind::kSweep && s.workers > 1 && !KnowsCouplings(p, sweep)) {
      return absl::StrCat("several workers need items that nothing joins; those of this Sweep are coupled by ",
                          CouplingOf(p, leaf));
    }
  }
  if (s.lag != 1) {
    return s.workers == 1 ? "one worker has nobody to wait for: bsp is the only bridge"
                          : "the colours of a Sweep go one after another: bsp is the only bridge";
  }
  return "";
}

// Methods on the linear predictor share out the columns of the data, the dual one the rows.
std::string CoordinateRule(const Problem& p, const Strategy& s) {
  if (!s.update.coordinates) return "";
  const std::string& rule = s.update.update.rule();
  if (p.leaf.size() > 1)
    return absl::StrCat(rule, " keeps the predictor up to date; another statement would move it");
  const bool model = s.partitioning == Partitioning::kModel;
  if (rule == "sdca" && model) return "sdca shares out the rows, each with its dual number";
  if (rule != "sdca" && s.workers > 1 && !(model && s.axis == p.column_axis)) {
    return absl::StrCat(rule, " shares out the columns; with several workers it is model[",
                        Name(p.program->graph.axis[p.column_axis].name), "]");
  }
  return "";
}

// By which rows name parameters.
size_t MapsOf(const Statement& statement) {
  std::set<int> maps;
  for (const KeyedTerm& term : statement.predictor.term) {
    for (const KeyedFactor& f : term.factor)
      if (f.map >= 0) maps.insert(f.map);
  }
  return maps.size();
}

// Blocks of the keys go from worker to worker.
std::string KeyedRule(const Problem& p, const Strategy& s) {
  if (!s.update.keyed) return "";
  const std::string& rule = s.update.update.rule();
  if (!p.embedded && rule != "dsgd")
    return absl::StrCat(rule, " keeps all rows in one process; run it with --cluster=embedded");
  if (p.leaf.size() > 1 && rule != "gibbs")
    return absl::StrCat(rule, " keeps rows of its own; another statement would move them");
  if (!p.embedded && s.partitioning != Partitioning::kData)
    return absl::StrCat("between processes ", rule, " cuts the rows: data[", Name(p.program->graph.axis[p.row_axis].name), "]");
  if (!p.embedded && MapsOf(*p.main().statement) > 2)
    return absl::StrCat("between processes ", rule, " takes rows of two keys at most: of more, all processes would move several "
                        "at once; run it with --cluster=embedded");
  if (!p.embedded && !s.moves()) return absl::StrCat(rule, " sends what has moved, key by key: payload moves");
  if (!p.embedded) return s.hold == 0 && WaitsAsked(p) ? "all that has moved leaves with its clock where reads may not miss two (--bridge=ssp:2 or more)" : "";
  if (s.workers > 1 && s.partitioning != Partitioning::kHybrid && !CutsRows(p, s))
    return absl::StrCat(rule, rule == "als" ? " shares out the keys of every map" : " hands blocks of the keys round",
                        "; with several workers it is hybrid",
                        rule == "gibbs" ? " or data[" + Name(p.program->graph.axis[p.row_axis].name) + "]" : "");
  if (s.lag != 1 && CutsRows(p, s)) return "a clock ends when what all workers moved is added up: bsp is the only bridge";
  if (s.lag != 1) return "a block is with one worker at a time: bsp is the only bridge";
  return "";
}

std::string PartitionRule(const Problem& p, const Strategy& s) {
  if (s.partitioning == Partitioning::kData) return "";
  if (s.workers == 1) return "one worker holds all of the model";
  if (s.partitioning == Partitioning::kHybrid && !s.update.keyed) {
    int keyed = 0;
    for (const AxisVerdict& v : p.verdict) keyed += v.verdict == Verdict::kKeyed ? 1 : 0;
    if (keyed < 2) return "hybrid needs two axes that rows name by key; this program has none";
  }
  return "";
}

// Why a fold is not LINEAR, and what would make it so.
std::string NotLinear(const Problem& p, const Strategy& s) {
  const Update& update = s.update.update;
  if (update.rule() == "assign") {
    return "an assignment that is not p = p + (a sum over rows) folds clock by clock";
  }
  if (update.rule() == "mspg") return "the predictor folds clock by clock";
  const Traits& traits = p.traits[static_cast<size_t>(p.main_leaf)];
  if (traits.prox() || traits.l2) return "the penalty folds clock by clock";
  return absl::StrCat(update.rule() == "sgd" ? "momentum" : update.rule(),
                      " folds clock by clock; --update=sgd --momentum=0 does not");
}

// What the fold permits.
std::string BridgeRule(const Problem& p, const Strategy& s) {
  if (s.lag == 1) return "";
  if (s.update.fold == Table::COMPLETE) {
    return absl::StrCat(s.update.update.rule(),
                        " needs the whole clock before it moves (fold COMPLETE): bsp only",
                        s.update.coordinates ? " (mspg takes stale views of the predictor)" : "");
  }
  if (s.lag < 0 && s.update.fold != Table::LINEAR) {
    return absl::StrCat("async needs a fold that adds in any order (LINEAR); ", NotLinear(p, s));
  }
  return "";
}

// With one worker every read sees everything.
std::string AloneRule(const Problem&, const Strategy& s) {
  if (s.workers == 1 && s.lag != 1) return "one worker has nobody to wait for: bsp is the only bridge";
  return "";
}

// A statement that reads what an earlier one of the same clock wrote waits for all of it.
std::string StagesRule(const Problem& p, const Strategy& s) {
  if (p.leaf.size() < 2 || s.lag == 1) return "";
  return "a clock of several statements hands the state from one to the next (lag 0): bsp only";
}

std::string StorageRule(const Problem& p, const Strategy& s) {
  if (p.embedded && s.topology != Table::NONE) {
    return "one process shares memory: there is no topology to choose";
  }
  if (p.embedded && s.storage == Table::REPLICA) {
    return "one process shares memory: a replica would be a copy for nothing";
  }
  return "";
}

// What neighbours add up and pass on.
std::string MeshRule(const Problem& p, const Strategy& s) {
  if (p.embedded || !s.merged()) return "";
  const char* name = s.topology == Table::RING ? "ring" : "halton";
  if (s.lag < 0) return absl::StrCat(name, " adds up whole clocks of all processes, and async has none");
  if (s.payload != Write::DENSE) return absl::StrCat(name, " adds up what it passes on: sums, not ", PayloadName(s.payload));
  if (!s.codec.empty()) return absl::StrCat(name, " adds up what it passes on, exactly: leave out --codec");
  if (s.topology == Table::HALTON && (s.processes & (s.processes - 1)) != 0)
    return absl::StrCat("halton needs a power of two processes, not ", s.processes);
  return "";
}

std::string PayloadRule(const Problem& p, const Strategy& s) {
  if (const std::string reason = s.codec.empty() ? "" : NeedsExactSums(s); !reason.empty())
    return absl::StrCat(reason, ": sums travel exactly; leave out --codec, or use a rule like --update=sgd");
  if (WaitsAsked(p) && !s.moves())
    return "contributions leave with their clock: --order is for moves, of --update=dsgd between processes";
  if (s.payload == Write::DENSE || s.moves()) return "";
  if (p.embedded) return "nothing travels within one process";
  const Pass* pass = PassOf(*p.program, p.main());
  bool any = false;
  if (pass != nullptr) {
    for (size_t i = 0; i < pass->total.size(); ++i) any |= CanTravel(*pass, i, s.payload);
  }
  if (any) return "";
  return s.payload == Write::FACTORS
             ? "no contribution is an outer product (see DELTA)"
             : "no contribution touches few rows only (see DELTA)";
}

}  // namespace

bool KnowsCouplings(const Problem& p, const Statement& sweep) {
  const auto joins = [&](const Coupling& c) {
    if (c.form == CouplingForm::kKeys) return true;
    const std::string name = c.first < 0 ? "" : Name(p.program->graph.symbol[c.first].name);
    return c.form == CouplingForm::kTable &&
           std::any_of(p.bound->tensor.begin(), p.bound->tensor.end(), [&](const TensorInfo& t) {
             return t.symbol == name && t.format != Format::kDense;
           });
  };
  return sweep.maintained.empty() && !sweep.live.empty() &&
         std::all_of(sweep.coupling.begin(), sweep.coupling.end(), joins);
}

std::string IllegalBecause(const Problem& problem, const Strategy& s) {
  for (const auto rule : {UpdateRule, SweepRule, CoordinateRule, KeyedRule, PartitionRule, BridgeRule, AloneRule, StagesRule,
                          StorageRule, MeshRule, PayloadRule}) {
    std::string reason = rule(problem, s);
    if (!reason.empty()) return reason;
  }
  return "";
}

}  // namespace gyre
