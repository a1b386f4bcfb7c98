#include "compiler/answers.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/exchange.h"
#include "compiler/select.h"

namespace gyre {
namespace {

bool SamePlace(const Strategy& a, const Strategy& b) {
  return a.partitioning == b.partitioning && a.axis == b.axis;
}
bool SameHome(const Strategy& a, const Strategy& b) {
  const bool replicas = (a.storage == Table::REPLICA) == (b.storage == Table::REPLICA);
  return replicas && a.topology == b.topology;
}
bool SameUpdate(const Strategy& a, const Strategy& b) {
  return a.update.update.rule() == b.update.update.rule();
}
bool SameSchedule(const Strategy& a, const Strategy& b) {
  return !SameUpdate(a, b) || a.update.update.select() == b.update.update.select();
}

bool SameSampler(const Strategy& a, const Strategy& b) {
  return a.update.update.sampler() == b.update.update.sampler();
}

// The questions in which two strategies differ.
std::vector<std::string> Differences(const Strategy& a, const Strategy& b) {
  std::vector<std::string> out;
  if (!SamePlace(a, b)) out.push_back("distribute");
  if (a.lag != b.lag) out.push_back("bridge");
  if (!SameHome(a, b)) out.push_back("communicate");
  if (a.payload != b.payload) out.push_back("payload");
  if (!SameUpdate(a, b)) out.push_back("update");
  if (!SameSchedule(a, b)) out.push_back("schedule");
  if (!SameSampler(a, b)) out.push_back("sampler");
  if (a.lanes != b.lanes) out.push_back("lanes");
  return out;
}

std::string ChoiceOf(const Problem& p, const Strategy& s, const std::string& question) {
  if (question == "distribute") return PartitionName(p, s);
  if (question == "bridge") return BridgeName(s.lag);
  if (question == "communicate") return StorageName(s);
  if (question == "payload") return PayloadName(s.payload);
  if (question == "schedule") return s.update.update.select();
  if (question == "sampler") return s.update.update.sampler();
  if (question == "lanes") return absl::StrCat(s.lanes, s.lanes == 1 ? " lane" : " lanes");
  return s.update.mini_batch ? absl::StrCat(s.update.update.rule(), ", batch ", s.update.batch)
                             : s.update.update.rule();
}

// Those that a sampler is expected to need, or the program's own number, if that is less: then it ends earlier.
double ClocksOf(const Problem& p, const Option& o) {
  const int64_t repeat = RootRepeat(*p.program);
  return CutsRows(p, o.strategy) && repeat > 0 ? std::min(o.clocks, static_cast<double>(repeat)) : o.clocks;
}

void FillEstimate(const Option& o, Estimate* e) {
  e->set_ms(o.clock_ms);
  e->set_low_ms(o.low_ms);
  e->set_high_ms(o.high_ms);
  e->set_bytes_out(static_cast<int64_t>(o.bytes_out));
  e->set_messages(static_cast<int64_t>(o.messages));
  e->set_memory(static_cast<int64_t>(o.memory));
  e->set_basis(absl::StrFormat("pass %.3g, fold %.3g, hand-over %.3g, network %.3g ms", o.pass_ms,
                               o.fold_ms, o.sync_ms, o.network_ms));
}

// ---- What was rejected: everything that differs from the choice in one question.

class Rejections {
 public:
  Rejections(const Problem& p, const std::vector<Option>& options, size_t chosen, Plan* plan)
      : p_(p), options_(options), best_(options[chosen]), plan_(*plan) {}

  void Run() {
    for (const char* question : {"distribute", "bridge", "communicate", "payload", "update", "schedule", "sampler", "lanes"}) {
      std::vector<std::string> seen;
      for (const Option& o : options_) {
        if (!DiffersIn(o, question)) continue;
        const std::string choice = ChoiceOf(p_, o.strategy, question);
        if (std::find(seen.begin(), seen.end(), choice) != seen.end()) continue;
        seen.push_back(choice);
        Add(BestOf(question, choice), question, choice);
      }
    }
  }

 private:
  // In that question and no other, except that a cut of the model takes several workers.
  bool DiffersIn(const Option& o, absl::string_view question) const {
    bool differs = false;
    for (const std::string& d : Differences(o.strategy, best_.strategy)) {
      differs |= d == question;
      const bool implied = d == "lanes" && question == "distribute";
      // Coordinate methods share out something else than rows.
      const bool moved = d == "distribute" && question == "update" &&
                         (o.strategy.update.coordinates || best_.strategy.update.coordinates);
      if (d != question && !implied && !moved) return false;
    }
    return differs;
  }

  // Legal before illegal, then the cheapest: the strongest form of the alternative.
  const Option& BestOf(absl::string_view question, const std::string& choice) const {
    const Option* best = nullptr;
    for (const Option& o : options_) {
      if (!DiffersIn(o, question) || ChoiceOf(p_, o.strategy, std::string(question)) != choice) continue;
      const bool better = best == nullptr || (o.legal && !best->legal) ||
                          (o.legal == best->legal && o.total_ms() < best->total_ms());
      if (better) best = &o;
    }
    return *best;
  }

  void Add(const Option& o, const std::string& question, const std::string& choice) {
    Candidate* c = plan_.add_rejected();
    Answer* a = c->add_answer();
    a->set_question(question);
    a->set_choice(choice);
    c->set_legal(o.legal);
    c->set_reason(o.reason.empty() ? Compare(o, question) : o.reason);
    FillEstimate(o, c->mutable_per_clock());
    c->set_clocks(o.clocks);
  }

  std::string Compare(const Option& o, const std::string& question) const {
    const double ratio = o.total_ms() / std::max(1e-12, best_.total_ms());
    if (IsPinned(*p_.request, question) || ratio < 0.98) return absl::StrFormat("pinned otherwise (%.3gx the time to the target)", ratio);
    if (ratio < 1.02) return "tie";
    return absl::StrFormat("%.3gx the time to the target", ratio);
  }

  const Problem& p_;
  const std::vector<Option>& options_;
  const Option& best_;
  Plan& plan_;
};

// ---- What would change the plan.

// The problem with `scale` times the rows.
Problem Scaled(const Problem& p, double scale) {
  Problem q = p;
  q.rows = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(p.rows) * scale));
  q.resident = p.resident * scale;
  for (size_t i = 0; i < q.work.size(); ++i) {
    const Pass* pass = PassOf(*p.program, p.leaf[i]);
    // A mini-batch is a share of the rows, so its work per row stays.
    if (pass != nullptr && pass->row_axis == p.row_axis) q.work[i] = p.work[i].Scaled(scale);
  }
  return q;
}

double TotalAt(const Problem& p, const BoundInfo& bound, const Strategy& s) {
  Problem q = p;
  q.bound = &bound;
  Option o;
  o.strategy = s;
  EstimateCost(q, &o);
  return o.total_ms();
}

// The smallest change of the number of rows at which `rival` beats `chosen`; 0: none within a factor
// of a million.
double RowsWhereBetter(const Problem& p, const Strategy& chosen, const Strategy& rival) {
  const auto better = [&](double scale) {
    const Problem q = Scaled(p, scale);
    BoundInfo bound = *p.bound;
    if (p.row_axis >= 0) bound.extent[static_cast<size_t>(p.row_axis)] = q.rows;
    return TotalAt(q, bound, rival) < 0.98 * TotalAt(q, bound, chosen);
  };
  for (int step = 1; step <= 20; ++step) {
    for (const double direction : {1.0, -1.0}) {
      double far = std::exp2(direction * step);
      if (far * static_cast<double>(p.rows) < 1 || !better(far)) continue;
      double near = std::exp2(direction * (step - 1));
      for (int i = 0; i < 5; ++i) {
        const double middle = std::sqrt(near * far);
        (better(middle) ? far : near) = middle;
      }
      return far * static_cast<double>(p.rows);
    }
  }
  return 0;
}

std::string RowsText(const Problem& p, double rows, const std::string& then) {
  const bool more = rows > static_cast<double>(p.rows);
  return absl::StrFormat("%s %s %.2g -> %s", Name(p.program->graph.axis[p.row_axis].name),
                         more ? ">" : "<", rows, then);
}

class Changes {
 public:
  Changes(const Problem& p, const std::vector<Option>& options, size_t chosen)
      : p_(p), options_(options), best_(options[chosen]) {}

  std::string Lanes() const {
    if (p_.row_axis < 0) return "";
    double nearest = 0;
    std::string text;
    for (const Option& o : options_) {
      if (!o.executable || !OnlyLanes(o.strategy)) continue;
      const double rows = RowsWhereBetter(p_, best_.strategy, o.strategy);
      if (rows > 0 && (text.empty() || Distance(rows) < Distance(nearest))) {
        nearest = rows;
        text = RowsText(p_, rows, ChoiceOf(p_, o.strategy, "lanes"));
      }
    }
    return text;
  }

  std::string Update() const {
    if (p_.row_axis < 0 || IsPinned(*p_.request, "update")) return "";
    double nearest = 0;
    std::string text;
    for (const Option& o : options_) {
      const Strategy& s = o.strategy;
      if (!o.executable || s.lag != best_.strategy.lag || s.lanes != best_.strategy.lanes ||
          s.payload != best_.strategy.payload || !SameHome(s, best_.strategy) ||
          !SamePlace(s, best_.strategy) || SameUpdate(s, best_.strategy)) {
        continue;
      }
      const double rows = RowsWhereBetter(p_, best_.strategy, s);
      if (rows > 0 && (text.empty() || Distance(rows) < Distance(nearest))) {
        nearest = rows;
        text = RowsText(p_, rows, ChoiceOf(p_, s, "update"));
      }
    }
    return text;
  }

  // A slow worker holds everybody under bsp; under ssp(s) its lateness is spread over s + 1 clocks.
  std::string Straggler() const {
    for (const Option& o : options_) {
      const Strategy& s = o.strategy;
      if (!o.executable || s.lag <= 1 || best_.strategy.lag != 1 || s.lanes != best_.strategy.lanes ||
          s.payload != best_.strategy.payload || !SameHome(s, best_.strategy) ||
          !SamePlace(s, best_.strategy) || !SameUpdate(s, best_.strategy)) {
        continue;
      }
      const double rest_bsp = best_.clock_ms - best_.pass_ms, rest_ssp = o.clock_ms - o.pass_ms;
      const double a = best_.clocks * best_.pass_ms - o.clocks * o.pass_ms / s.lag;
      const double b = o.clocks * (o.pass_ms * (1 - 1.0 / s.lag) + rest_ssp) - best_.clocks * rest_bsp;
      if (a <= 0) return "";
      return absl::StrFormat("straggler p99/p50 > %.2g -> %s", std::max(1.0, b / a), BridgeName(s.lag));
    }
    return "";
  }

 private:
  bool OnlyLanes(const Strategy& s) const {
    const std::vector<std::string> d = Differences(s, best_.strategy);
    return d.size() == 1 && d[0] == "lanes";
  }
  double Distance(double rows) const {
    return std::abs(std::log(rows / static_cast<double>(p_.rows)));
  }

  const Problem& p_;
  const std::vector<Option>& options_;
  const Option& best_;
};

// ---- The four questions.

class Answers {
 public:
  Answers(const Problem& p, const std::vector<Option>& options, size_t chosen, Plan* plan)
      : p_(p), best_(options[chosen]), s_(best_.strategy), changes_(p, options, chosen), plan_(*plan) {}

  void Run() {
    lanes_ = changes_.Lanes();
    straggler_ = changes_.Straggler();
    update_ = changes_.Update();
    for (Table& t : *plan_.mutable_table()) {
      if (t.role() != Table::PARAM) continue;
      Add(&t, "distribute", Distribute(), DistributeReason(t.symbol()), lanes_);
      Add(&t, "bridge", BridgeName(s_.lag), BridgeReason(), straggler_);
      Add(&t, "communicate", StorageName(s_), CommunicateReason(), "");
      if (s_.update.coordinates) Add(&t, "schedule", Schedule(), ScheduleReason(), "");
      Add(&t, "payload", p_.embedded ? "none" : PayloadWords(t.symbol()), PayloadReason(t.symbol()), "");
    }
    plan_.set_update_reason(UpdateReason());
    for (const std::string& text : {lanes_, straggler_, update_}) {
      if (!text.empty()) plan_.add_would_change_if(text);
    }
  }

 private:
  void Add(Table* table, const char* question, const std::string& choice, const std::string& reason,
           const std::string& changes_if) {
    Answer* a = table->add_answer();
    a->set_question(question);
    a->set_choice(choice);
    a->set_reason(reason);
    a->set_changes_if(changes_if);
    a->set_pinned(IsPinned(*p_.request, question));
  }

  std::string Distribute() const {
    if (s_.workers == 1) return "whole, one worker";
    return absl::StrCat(PartitionName(p_, s_), ", ", s_.workers, " workers on ", s_.lanes,
                        s_.lanes == 1 ? " lane" : " lanes", s_.processes > 1 ? absl::StrCat(" of each of ", s_.processes, " processes") : "");
  }

  std::string DistributeReason(int symbol) const {
    if (s_.workers == 1) {
      return sweeps() ? "a Sweep reads what it has just written" : "a second lane costs more than it saves";
    }
    if (s_.update.update.rule() == "cd") return "columns are scored apart; moves are scheduled";
    if (s_.update.update.rule() == "sdca") return "each row has its own dual number";
    if (s_.update.update.rule() == "mspg") return "every worker moves columns of its own";
    if (s_.update.update.rule() == "als") return "keys of one map touch nothing in common: each is solved alone";
    if (CutsRows(p_, s_)) return "rows are drawn where they are, from counts of the clock before";
    if (s_.moves()) return "each process has rows of its own, and a copy that they change in place";
    if (s_.update.keyed) return "rows without a key in common touch nothing in common";
    for (const AxisVerdict& v : p_.verdict) {
      if (v.param == symbol && v.axis == s_.axis && v.verdict == Verdict::kAdditive) {
        return absl::StrCat("additive over ", Name(p_.program->graph.axis[v.axis].name));
      }
    }
    return "cheapest of the legal ones";
  }

  std::string Schedule() const {
    if (s_.update.update.rule() == "mspg") return "all";
    return s_.update.update.rule() == "sdca" ? "random rows" : s_.update.update.select();
  }

  std::string ScheduleReason() const {
    if (s_.update.update.rule() == "sdca") return "the dual numbers of rows at rest need no visit";
    if (s_.update.update.rule() == "mspg") return "short steps may go to all at once";
    const std::string& select = s_.update.update.select();
    if (select == "sap") return "moves go where they are largest, and never to two that are coupled";
    if (select == "priority") return "moves go where they are largest";
    if (select == "dependency") return "never two that are coupled";
    if (select == "uniform") return "any coordinates at once";
    return traits().sparse ? "most coordinates are zero at the minimum: visit the others"
                           : "all coordinates move: one set";
  }

  const Traits& traits() const { return p_.traits[static_cast<size_t>(p_.main_leaf)]; }

  bool sweeps() const {
    return std::any_of(p_.leaf.begin(), p_.leaf.end(), [&](const Leaf& l) {
      return l.statement->kind == StatementKind::kSweep && !KnowsCouplings(p_, *l.statement);
    });
  }

  std::string BridgeReason() const {
    const std::string& rule = s_.update.update.rule();
    if (s_.workers == 1) return "one worker waits for nobody";
    if (s_.update.fold == Table::COMPLETE) return absl::StrCat(rule, " needs the whole clock (COMPLETE)");
    if (p_.leaf.size() > 1) return "a statement reads what the one before left";
    if (s_.lag == 1) return "little to wait for: stale reads would cost clocks";
    return s_.lag < 0 ? "contributions add in any order (LINEAR)" : "hides the hand-over";
  }

  std::string CommunicateReason() const {
    if (s_.topology == Table::RING) return "each link carries the sum about twice, whoever many there are";
    if (s_.topology == Table::HALTON) return "sums are added up in as few steps as there can be";
    if (s_.storage == Table::REPLICA) return "every process folds what all send: parameters never travel";
    if (!p_.embedded) return "the owner folds; every process sends to it";
    return s_.workers == 1 ? "one worker, in place" : "one process; lanes fold their share in place";
  }

  // How what is added to parameter `symbol` travels, and why, with the bytes of one process to one owner.
  const Pass* MainPass() const { return PassOf(*p_.program, p_.main()); }
  int TotalAt(int symbol) const {
    const Pass* pass = MainPass();
    for (size_t i = 0; pass != nullptr && i < pass->total.size(); ++i)
      if (p_.program->graph.total[pass->total[i]].param == symbol) return static_cast<int>(i);
    return pass != nullptr && p_.main().statement->kind == StatementKind::kIterate ? AssignedFrom(*pass, symbol) : -1;
  }
  // Of the sums that parameter `symbol` is assigned from, the largest.
  int AssignedFrom(const Pass& pass, int symbol) const {
    const ir::Graph& graph = p_.program->graph;
    const auto size = [&](size_t i) { return ElementsOfTotal(graph, pass.total[i], p_.bound->extent); };
    int found = -1;
    for (const Assign& assign : p_.main().statement->assign) {
      for (size_t i = 0; assign.param == symbol && i < pass.total.size(); ++i) {
        if (!ReadsTotal(graph, assign.value.node, pass.total[i])) continue;
        if (found < 0 || size(i) > size(static_cast<size_t>(found))) found = static_cast<int>(i);
      }
    }
    return found;
  }
  static bool ReadsTotal(const ir::Graph& graph, int id, int total) {
    if (id < 0) return false;
    const ir::Node& node = graph.node[id];
    if (node.op == ir::Op::kTotal && node.symbol == total) return true;
    if (node.op == ir::Op::kLet && ReadsTotal(graph, graph.let[node.symbol].lowered, total)) return true;
    const std::vector<int> operands = Operands(node);
    return std::any_of(operands.begin(), operands.end(), [&](int o) { return ReadsTotal(graph, o, total); });
  }
  std::string PayloadWords(int symbol) const {
    if (s_.moves()) return absl::StrCat(PayloadName(s_.payload), s_.codec.empty() ? "" : absl::StrCat(" as ", s_.codec));
    const int at = TotalAt(symbol);
    const Write::Payload payload =
        at < 0 ? Write::DENSE : PayloadOf(s_, MainPass()->total[static_cast<size_t>(at)]);
    const bool coded = payload != Write::FACTORS && !s_.codec.empty();
    return absl::StrCat(PayloadName(payload), coded ? absl::StrCat(" as ", s_.codec) : "");
  }
  std::string PayloadReason(int symbol) const {
    if (p_.embedded) return "one process: nothing travels";
    if (s_.moves())
      return absl::StrCat("at most ", Bytes(BytesOfMoves(p_, s_, symbol)),
                          " a clock and process: keys that it moved and others have; the rest where the model is looked at",
                          s_.hold > 0 ? absl::StrCat("; beyond what the links carry they wait, ", s_.hold == 1 ? "a clock" : absl::StrCat(s_.hold, " clocks"), " at most, by ", s_.order) : "");
    const int at = TotalAt(symbol);
    if (at < 0) return "the sums as they are";
    const auto i = static_cast<size_t>(at);
    const Pass& pass = *MainPass();
    const auto all = static_cast<double>(p_.rows);
    const double rows = s_.update.batch == 0 ? all : std::min(all, static_cast<double>(s_.update.batch));
    const Write::Payload payload = PayloadOf(s_, pass.total[i]);
    const double bytes = SentAs(p_, s_, pass, i, payload, rows).bytes;
    std::string text = absl::StrCat(Bytes(bytes), " a clock and process");
    for (const Write::Payload other : {Write::DENSE, Write::ROWS, Write::FACTORS}) {
      if (other != payload && CanTravel(pass, i, other))
        absl::StrAppend(&text, "; ", PayloadName(other), " would be ", Bytes(SentAs(p_, s_, pass, i, other, rows).bytes));
    }
    return text;
  }
  static std::string Bytes(double bytes) {
    if (bytes < 1e4) return absl::StrFormat("%.0f B", bytes);
    if (bytes < 1e7) return absl::StrFormat("%.1f kB", bytes / 1e3);
    return absl::StrFormat("%.1f MB", bytes / 1e6);
  }

  std::string UpdateReason() const {
    const Traits& t = p_.traits[static_cast<size_t>(p_.main_leaf)];
    if (p_.main().statement->kind == StatementKind::kResample)
      return absl::StrFormat("%s weights: about %.0f sweeps%s", s_.update.update.sampler(), ClocksOf(p_, best_),
                             IsPinned(*p_.request, "sampler") ? ", pinned" : "");
    if (p_.main().statement->kind != StatementKind::kMinimize) return "as the program says";
    std::string what = t.convex ? "convex" : t.products ? "parameters multiply parameters" : "not known convex";
    if (!t.smooth) what += ", with kinks";
    if (t.l1) what += ", L1";
    if (t.grouped) what += ", grouped";
    if (t.bounds) what += ", bounds";
    return absl::StrFormat("%s: about %.0f clocks%s%s", what, best_.clocks,
                           s_.update.mini_batch ? absl::StrCat(" of ", s_.update.batch, " rows") : "",
                           IsPinned(*p_.request, "update") ? ", pinned" : "");
  }

  const Problem& p_;
  const Option& best_;
  const Strategy& s_;
  const Changes changes_;
  Plan& plan_;
  std::string lanes_, straggler_, update_;
};

}  // namespace

void ExplainAnswers(const Problem& problem, const std::vector<Option>& options, size_t chosen,
                    Plan* plan) {
  Answers(problem, options, chosen, plan).Run();
  Rejections(problem, options, chosen, plan).Run();
  FillEstimate(options[chosen], plan->mutable_per_clock());
  plan->set_clocks(ClocksOf(problem, options[chosen]));
}

}  // namespace gyre
