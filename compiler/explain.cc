// Explain: the plan proto as sections. Nothing is worked out here that the plan does not say.
#include <algorithm>
#include <cmath>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiler/compiler.h"
#include "compiler/fingerprint.h"
#include "compiler/graph/edges.h"
#include "compiler/graph/index.h"
#include "compiler/render.h"

namespace gyre {
namespace {

// ---- Numbers for people.

std::string Bytes(double b) {
  const char* unit[] = {"B", "KB", "MB", "GB", "TB"};
  int i = 0;
  while (b >= 999.5 && i < 4) b /= 1000, ++i;
  return i == 0 ? absl::StrFormat("%.0f B", b) : absl::StrFormat("%.3g %s", b, unit[i]);
}
std::string Bytes(int64_t b) { return Bytes(static_cast<double>(b)); }

std::string Millis(double ms) {
  if (ms <= 0) return "0";
  if (ms < 1e-3) return absl::StrFormat("%.1g", ms);
  return ms >= 1000 ? absl::StrFormat("%.0f", ms) : absl::StrFormat("%.3g", ms);
}

std::string Lower(absl::string_view text) { return absl::AsciiStrToLower(text); }

std::string LagText(int lag) {
  if (lag < 0) return "any lag";
  return lag == 0 ? "this clock" : absl::StrCat("lag ", lag);
}

// ---- Sections, in the order of the page.

RenderSection Head(const Plan& plan) {
  RenderSection s;
  const Estimate& e = plan.per_clock();
  s.title = absl::StrCat("plan ", plan.name(), "@", ShortHex(plan.fingerprint().plan()));
  s.note = absl::StrCat("est ", Millis(e.ms()), " ms/clock, about ",
                        absl::StrFormat("%.0f", plan.clocks()), " clocks   mem ", Bytes(e.memory()));
  if (plan.profile().memory_bytes() > 0) absl::StrAppend(&s.note, " of ", Bytes(plan.profile().memory_bytes()));
  return s;
}

RenderSection Probe(const Plan& plan) {
  const Profile& p = plan.profile();
  RenderSection s;
  s.title = "probe";
  s.note = absl::StrFormat("%s: %d %s, %.3g GFLOP/s f32, %.3g f64, %.3g GB/s memory (%.3g by all)", p.name(),
                           p.cores(), p.cores() == 1 ? "core" : "cores", p.gflops_f32(), p.gflops_f64(),
                           p.memory_gbs_one(), p.memory_gbs_all());
  if (plan.cluster().processes() > 1) {
    absl::StrAppendFormat(&s.note, ", %.3g GB/s net, rtt %.3g us", p.network_gbs(), p.rtt_us());
  }
  if (!p.age().empty()) absl::StrAppend(&s.note, "   (", p.age(), ")");
  return s;
}

RenderSection BoundTo(const Plan& plan) {
  RenderSection s;
  s.title = "bound";
  std::vector<std::string> parts;
  for (const Bound::Axis& a : plan.bound().axis()) parts.push_back(absl::StrCat(a.name(), "=", a.extent()));
  s.note = absl::StrJoin(parts, " ");
  for (const Bound::Tensor& t : plan.bound().tensor()) {
    absl::StrAppend(&s.note, "   ", t.symbol(), " ", t.format(), " ", t.dtype(), " ", Bytes(t.bytes()));
    if (t.format() != "dense" && t.rows() > 0) {
      absl::StrAppendFormat(&s.note, " (%.3g a row, largest %.3gx)",
                            static_cast<double>(t.nnz()) / static_cast<double>(t.rows()), t.row_skew());
    }
  }
  return s;
}

RenderSection ProgramSection(const Plan& plan) {
  RenderSection s;
  s.title = "PROGRAM";
  s.column = {"node", "name", "value"};
  for (const Value& v : plan.value()) {
    const std::string node = absl::StrCat("%", v.node());
    s.row.push_back({node, {node, v.name(), v.text()}, {}});
  }
  return s;
}

RenderSection DeltaSection(const Plan& plan) {
  RenderSection s;
  s.title = "DELTA";
  s.column = {"total", "structure", "a row", "whole"};
  for (const Delta& d : plan.delta()) {
    RenderRow row;
    row.cell = {d.param(), absl::StrCat(d.structure(), " over {", d.over(), "}"),
                absl::StrCat(Bytes(d.row_bytes()), " a row"), absl::StrCat(Bytes(d.matrix_bytes()), " whole")};
    if (!d.u().empty()) row.detail.push_back(absl::StrCat("u = ", d.u(), "   v = ", d.v()));
    s.row.push_back(std::move(row));
  }
  return s;
}

std::vector<RenderSection> DependenceSections(const Plan& plan) {
  std::vector<RenderSection> all;
  for (const Dependence& d : plan.dependence()) {
    const std::string title = absl::StrCat("DEPENDENCES of ", d.param());
    if (all.empty() || all.back().title != title) {
      all.emplace_back();
      all.back().title = title;
      all.back().column = {"axis", "verdict", "allows"};
    }
    const size_t cut = d.words().find("; ");
    const bool has = cut != std::string::npos;
    all.back().row.push_back({"", {d.axis(), d.words().substr(0, cut), has ? d.words().substr(cut + 2) : ""}, {}});
  }
  return all;
}

std::string AnswersKey(const Table& t) {
  std::string key;
  for (const Answer& a : t.answer()) absl::StrAppend(&key, a.question(), "\n", a.choice(), "\n", a.reason(), "\n");
  return key;
}

// Parameters with the same answers share a section.
std::vector<RenderSection> AnswerSections(const Plan& plan) {
  std::vector<RenderSection> all;
  std::vector<std::string> keys;
  for (const Table& t : plan.table()) {
    if (t.answer().empty()) continue;
    const std::string key = AnswersKey(t);
    const std::string name = t.id().substr(t.id().find('/') + 1);
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at != keys.end()) {
      absl::StrAppend(&all[static_cast<size_t>(at - keys.begin())].title, ", ", name);
      continue;
    }
    keys.push_back(key);
    RenderSection s;
    s.title = absl::StrCat("ANSWERS for ", name);
    s.column = {"question", "choice", "reason"};
    for (const Answer& a : t.answer()) {
      s.row.push_back({"", {a.question(), a.choice(), absl::StrCat(a.reason(), a.pinned() ? " (pinned)" : "")}, {}});
    }
    all.push_back(std::move(s));
  }
  return all;
}

std::string ReadsText(const Task& t) {
  std::vector<std::string> reads, writes;
  for (const Read& r : t.read()) reads.push_back(absl::StrCat(r.table(), " (", LagText(r.lag()), ")"));
  for (const Write& w : t.write()) {
    writes.push_back(absl::StrCat(w.table(), w.mode() == Write::ADD ? " +=" : " :="));
  }
  std::string text = absl::StrJoin(reads, ", ");
  if (!writes.empty()) absl::StrAppend(&text, text.empty() ? "-> " : " -> ", absl::StrJoin(writes, ", "));
  return text;
}

std::string TaskWords(const Task& t) {
  std::string words = t.words();
  if (t.every() > 1) absl::StrAppend(&words, ", every ", t.every(), t.kind() == Task::EVALUATE ? " boundaries" : " clocks");
  return words;
}

const Trace::Task* Measured(const Trace* trace, const std::string& id) {
  if (trace == nullptr) return nullptr;
  for (const Trace::Task& t : trace->task()) {
    if (t.id() == id) return &t;
  }
  return nullptr;
}

// Wall time of one clock's instances: what each-worker tasks take is shared by the lanes.
double MeasuredMs(const Plan& plan, const Trace& trace, const Task& task, const Trace::Task& m) {
  const int lanes = trace.lanes() > 0 ? trace.lanes() : std::max(1, plan.cluster().lanes());
  const bool shared = task.place() == Task::EACH_WORKER;
  const double runs = task.kind() == Task::EVALUATE || task.kind() == Task::BUILD
                          ? static_cast<double>(std::max<int64_t>(1, m.fired())) / std::max(1, plan.cluster().workers())
                          : static_cast<double>(std::max<int64_t>(1, trace.clocks()));
  return m.seconds() * 1e3 / std::max(1.0, runs) / (shared ? std::min(lanes, std::max(1, plan.cluster().workers())) : 1);
}

void AddMeasured(const Plan& plan, const Trace& trace, const Task& task, RenderRow* row) {
  const Trace::Task* m = Measured(&trace, task.id());
  if (m == nullptr || m->fired() == 0) {
    row->cell.insert(row->cell.end(), {"-", "-", "-", "0"});
    return;
  }
  const double ms = MeasuredMs(plan, trace, task, *m);
  row->cell.push_back(Millis(ms));
  row->cell.push_back(task.estimate().ms() > 0 ? absl::StrFormat("%.2gx", ms / task.estimate().ms()) : "-");
  row->cell.push_back(Millis(m->waited_seconds() * 1e3 / static_cast<double>(std::max<int64_t>(1, trace.clocks()))));
  row->cell.push_back(absl::StrCat(m->fired()));
}

RenderSection PlanSection(const Plan& plan, const Trace* trace) {
  RenderSection s;
  const Cluster& c = plan.cluster();
  s.title = "PLAN";
  s.note = absl::StrCat(c.workers(), c.workers() == 1 ? " worker on " : " workers on ", c.lanes(), c.lanes() == 1 ? " lane" : " lanes");
  if (c.processes() > 1) absl::StrAppend(&s.note, " in each of ", c.processes(), " processes (", plan.cluster_kind(), ")");
  if (c.shards() > 1) absl::StrAppend(&s.note, ", ", c.shards(), " shards of the parameter server");
  if (!plan.update_reason().empty()) absl::StrAppend(&s.note, "   update: ", plan.update_reason());
  s.shown = true;
  s.column = {"task", "kind", "what", "est ms"};
  s.right = {false, false, false, true};
  const bool network = c.processes() > 1;
  if (network) s.column.push_back("bytes out"), s.right.push_back(true);
  if (trace != nullptr) {
    for (const char* name : {"measured ms", "of est", "waited ms", "fired"}) s.column.push_back(name), s.right.push_back(true);
  }
  for (const Task& t : plan.task()) {
    RenderRow row{t.id(), {absl::StrCat("#", t.id()), Lower(Task::Kind_Name(t.kind())), TaskWords(t), Millis(t.estimate().ms())}, {}};
    if (network) row.cell.push_back(t.estimate().bytes_out() > 0 ? Bytes(t.estimate().bytes_out()) : "");
    if (trace != nullptr) AddMeasured(plan, *trace, t, &row);
    row.detail.push_back(ReadsText(t));
    s.row.push_back(std::move(row));
  }
  return s;
}

// Whether the update knows how far it is from the minimum.
bool ByGap(const Plan& plan) {
  return std::any_of(plan.task().begin(), plan.task().end(), [](const Task& t) {
    return t.update().rule() == "cd" || t.update().rule() == "sdca" || t.update().rule() == "mspg";
  });
}

// The outer loop: "100 of the run, lambda 45.2 -> 0.0045, each from where the one before ended".
RenderSection PhaseSection(const Plan& plan) {
  RenderSection s;
  if (plan.phase_size() == 0) return s;
  s.title = "PHASES";
  s.note = absl::StrCat(plan.phase_size(), " runs");
  const Phase& first = plan.phase(0);
  const Phase& last = plan.phase(plan.phase_size() - 1);
  const std::map<std::string, double> names(first.hyper().begin(), first.hyper().end());
  for (const auto& [name, value] : names) {
    absl::StrAppend(&s.note, ", ", name, " ", absl::StrFormat("%.4g", value));
    const auto end = last.hyper().find(name);
    if (end != last.hyper().end()) absl::StrAppend(&s.note, " -> ", absl::StrFormat("%.4g", end->second));
  }
  absl::StrAppend(&s.note, ", each from where the one before ended");
  return s;
}

RenderSection StopSection(const Plan& plan) {
  RenderSection s;
  s.title = "STOP";
  const Stop& stop = plan.stop();
  s.note = absl::StrCat("after ", stop.max_clocks(), " clocks");
  if (stop.max_seconds() > 0) absl::StrAppend(&s.note, " or ", absl::StrFormat("%g", stop.max_seconds()), " s");
  if (stop.tolerance() > 0)
    absl::StrAppend(&s.note, ByGap(plan) ? ", at a relative duality gap below " : ", at a relative change below ",
                    absl::StrFormat("%g", stop.tolerance()));
  if (stop.has_target()) absl::StrAppend(&s.note, ", at an objective of ", absl::StrFormat("%g", stop.target()));
  absl::StrAppend(&s.note, "; decided every ", stop.boundary() == 1 ? "clock" : absl::StrCat(stop.boundary(), " clocks"),
                  "; evaluation ", Lower(Evaluation::Mode_Name(plan.evaluation().mode())));
  return s;
}

RenderSection CertificateSection(const Plan& plan) {
  RenderSection s;
  s.title = "CERTIFICATE";
  s.column = {"claim", "because"};
  for (const Certificate& c : plan.certificate()) s.row.push_back({"", {c.claim(), c.because()}, {}});
  return s;
}

std::string Joined(const Candidate& c, bool choices) {
  std::vector<std::string> parts;
  for (const Answer& a : c.answer()) parts.push_back(choices ? a.choice() : a.question());
  return absl::StrJoin(parts, ", ");
}

// "ring" of "replicas, ring" after "server, star | replicas, p2p".
std::string AfterSharedWords(absl::string_view before, absl::string_view choice) {
  const size_t comma = choice.rfind(", ");
  if (comma == absl::string_view::npos) return std::string(choice);
  const size_t last = before.rfind(" | ");
  const absl::string_view neighbour = last == absl::string_view::npos ? before : before.substr(last + 3);
  const absl::string_view words = choice.substr(0, comma + 2);
  const bool shares = absl::StartsWith(neighbour, words) || (neighbour.find(", ") == absl::string_view::npos &&
                                                             absl::StrContains(before, words));
  return std::string(shares ? choice.substr(comma + 2) : choice);
}

// Neighbours that one rule forbids share a line. The cost of what may not be done would be a number
// without a meaning.
RenderSection RejectedSection(const Plan& plan) {
  RenderSection s;
  s.title = "REJECTED";
  s.shown = true;
  s.column = {"instead", "of", "ms/clock", "clocks", "because"};
  s.right = {false, false, true, true, false};
  for (const Candidate& c : plan.rejected()) {
    const std::string choice = Joined(c, true), question = Joined(c, false);
    if (!c.legal() && !s.row.empty() && s.row.back().cell[1] == question && s.row.back().cell[4] == c.reason()) {
      absl::StrAppend(&s.row.back().cell[0], " | ", AfterSharedWords(s.row.back().cell[0], choice));
      continue;
    }
    s.row.push_back({"", {choice, question, c.legal() ? Millis(c.per_clock().ms()) : "-",
                          c.legal() ? absl::StrFormat("%.0f", c.clocks()) : "-", c.reason()}, {}});
  }
  return s;
}

RenderSection ChangeSection(const Plan& plan) {
  RenderSection s;
  s.title = "WOULD CHANGE IF";
  s.column = {"if"};
  for (const std::string& text : plan.would_change_if()) s.row.push_back({"", {text}, {}});
  return s;
}

RenderSection RunSection(const Trace& trace) {
  RenderSection s;
  s.title = "MEASURED";
  s.note = absl::StrFormat("%d clocks in %.3g s", trace.clocks(), trace.train_seconds());
  if (trace.clocks() > 0) {
    absl::StrAppendFormat(&s.note, ", %s ms/clock", Millis(trace.train_seconds() * 1e3 / static_cast<double>(trace.clocks())));
  }
  if (trace.peak_memory_bytes() > 0) absl::StrAppend(&s.note, "   mem ", Bytes(trace.peak_memory_bytes()));
  if (trace.bytes_sent() > 0) absl::StrAppend(&s.note, "   sent ", Bytes(trace.bytes_sent()), ", received ", Bytes(trace.bytes_received()));
  absl::StrAppendFormat(&s.note, "   staleness mean %.3g, max %d", trace.staleness_mean(), trace.staleness_max());
  return s;
}

void AddGraph(const Plan& plan, RenderTree* tree) {
  for (const Task& t : plan.task()) {
    tree->node.push_back(t.id());
    tree->node_text.push_back(absl::StrCat(t.id(), "\n", t.words(), "\n", Millis(t.estimate().ms()), " ms"));
  }
  const absl::StatusOr<PlanIndex> index = PlanIndex::Make(plan);
  if (!index.ok()) return;  // explain shows a broken plan too, without its edges
  for (const Edge& e : DeriveEdges(*index)) {
    const std::string via = e.kind == Edge::kChannel ? plan.channel(e.via).id() : plan.table(e.via).id();
    tree->edge.push_back({plan.task(e.from).id(), plan.task(e.to).id(),
                          e.lag == 0 ? via : absl::StrCat(via, ", lag ", e.lag), e.lag != 0});
  }
}

RenderTree TreeOf(const Plan& plan, const Trace* trace) {
  RenderTree tree;
  tree.name = absl::StrCat(plan.name(), "@", ShortHex(plan.fingerprint().plan()));
  auto& s = tree.section;
  s = {Head(plan)};
  if (trace != nullptr) s.push_back(RunSection(*trace));
  s.insert(s.end(), {Probe(plan), BoundTo(plan), ProgramSection(plan), DeltaSection(plan)});
  for (RenderSection& d : DependenceSections(plan)) s.push_back(std::move(d));
  for (RenderSection& a : AnswerSections(plan)) s.push_back(std::move(a));
  s.push_back(PlanSection(plan, trace));
  if (plan.phase_size() > 0) s.push_back(PhaseSection(plan));
  s.insert(s.end(), {StopSection(plan), CertificateSection(plan), RejectedSection(plan), ChangeSection(plan)});
  AddGraph(plan, &tree);
  return tree;
}

std::string Render(const RenderTree& tree, ExplainFormat format) {
  switch (format) {
    case ExplainFormat::kJson: return RenderJson(tree);
    case ExplainFormat::kDot: return RenderDot(tree);
    case ExplainFormat::kHtml: return RenderHtml(tree);
    case ExplainFormat::kText: break;
  }
  return RenderText(tree);
}

}  // namespace

absl::StatusOr<ExplainFormat> ParseExplainFormat(absl::string_view name) {
  if (name == "text") return ExplainFormat::kText;
  if (name == "json") return ExplainFormat::kJson;
  if (name == "dot") return ExplainFormat::kDot;
  if (name == "html") return ExplainFormat::kHtml;
  return absl::InvalidArgumentError(absl::StrCat("--format=", name, ": expected text, json, dot or html"));
}

std::string Explain(const Plan& plan, ExplainFormat format) { return Render(TreeOf(plan, nullptr), format); }

std::string ExplainAnalyze(const Plan& plan, const Trace& trace, ExplainFormat format) {
  return Render(TreeOf(plan, &trace), format);
}

std::string Summary(const Plan& plan) {
  RenderTree tree;
  const Cluster& c = plan.cluster();
  std::string line = absl::StrCat("  ", c.workers(), c.workers() == 1 ? " worker on " : " workers on ", c.lanes(),
                                  c.lanes() == 1 ? " lane" : " lanes");
  if (c.processes() > 1) absl::StrAppend(&line, " in each of ", c.processes(), " processes");
  if (c.shards() > 1) absl::StrAppend(&line, ", ", c.shards(), " shards");
  for (const Table& t : plan.table()) {
    if (t.answer_size() < 2) continue;
    absl::StrAppend(&line, ", ", t.answer(0).choice().substr(0, t.answer(0).choice().find(',')), ", ", t.answer(1).choice());
    break;
  }
  for (const Task& t : plan.task()) {
    if (t.kind() == Task::FOLD || t.kind() == Task::SWEEP) absl::StrAppend(&line, ", ", t.words());
  }
  tree.section = {Head(plan), BoundTo(plan)};
  return absl::StrCat(RenderText(tree), line, "\n");
}

}  // namespace gyre
