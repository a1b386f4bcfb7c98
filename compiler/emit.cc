#include "compiler/emit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/delta.h"
#include "compiler/exchange.h"
#include "compiler/fingerprint.h"

namespace gyre {
namespace {

constexpr int kPlanVersion = 1;
constexpr int64_t kLooks = 10;  // at the model in a run whose boundaries cost messages, at least
constexpr int64_t kRest = 20;  // clocks of mspg from one measurement of the gap to the next

class Emitter {
 public:
  Emitter(const Problem& problem, const Option& chosen, Plan* plan)
      : p_(problem), program_(*problem.program), graph_(problem.program->graph), chosen_(chosen),
        s_(chosen.strategy), plan_(*plan) {}

  void Run() {
    plan_.set_version(kPlanVersion);
    Cluster* cluster = plan_.mutable_cluster();
    cluster->set_workers(s_.workers);
    cluster->set_processes(s_.processes);
    cluster->set_lanes(s_.lanes);
    cluster->set_profile(FingerprintOf(*p_.profile));
    if (p_.request->shards > 1) cluster->set_shards(p_.request->shards);
    cluster->set_bandwidth(p_.request->bandwidth);
    ParamTables();
    if (program_.build >= 0) BuildTask();
    for (size_t i = 0; i < p_.leaf.size(); ++i) Stage(i);
    EvaluateTasks();
    StopRules();
    for (const Phase& phase : p_.request->phase) *plan_.add_phase() = phase;
    plan_.mutable_recovery()->set_kind(Recovery::RESUME);
    plan_.mutable_recovery()->set_every(p_.request->checkpoint_every);
    for (const Table& t : plan_.table()) {
      if (t.role() == Table::PARAM) plan_.mutable_recovery()->add_save(t.id());
      if (t.role() == Table::DERIVED) plan_.mutable_recovery()->add_rebuild(t.id());
    }
    Certify();
  }

 private:
  std::string ParamId(int symbol) const {
    const bool count = graph_.symbol[symbol].kind == ir::Kind::kCount;
    return absl::StrCat(count ? "count/" : "param/", Name(graph_.symbol[symbol].name));
  }

  std::string LatentId(int symbol) const { return absl::StrCat("latent/", Name(graph_.symbol[symbol].name)); }

  // ---- Tables.

  Table* AddTable(const std::string& id, Table::Role role) {
    Table* t = plan_.add_table();
    t->set_id(id);
    t->set_role(role);
    t->set_dtype("f64");
    t->set_format("dense");
    t->set_storage(s_.storage);
    t->set_topology(s_.topology);
    t->set_clock_group("clock");
    t->set_versions(1);
    return t;
  }

  void ParamTables() {
    for (int symbol = 0; symbol < graph_.symbol.size; ++symbol) {
      const ir::Kind kind = graph_.symbol[symbol].kind;
      if (kind != ir::Kind::kParam && kind != ir::Kind::kCount) continue;
      Table* t = AddTable(ParamId(symbol), Table::PARAM);
      if (kind == ir::Kind::kCount) t->set_dtype("i32");
      t->set_symbol(symbol);
      t->set_versions(std::max(1, s_.lag));
      int64_t n = 1;
      for (const int axis : AxesOf(graph_, symbol)) {
        t->add_axis(Name(graph_.axis[axis].name));
        t->add_extent(ExtentOf(p_.bound->extent, axis));
        n *= ExtentOf(p_.bound->extent, axis);
      }
      t->set_bytes(n * static_cast<int64_t>(sizeof(double)) * t->versions());
      for (size_t i = 0; i < p_.leaf.size(); ++i) {
        const std::vector<int> changed = Changed(p_.leaf[i]);
        if (std::find(changed.begin(), changed.end(), symbol) == changed.end()) continue;
        t->set_fold(UpdateOf(i).fold);
        t->set_fold_task(FoldId(i));
        break;
      }
    }
  }

  std::string TotalTable(int total, bool objective) {
    const std::string id = TotalTableId(graph_, total);
    if (!totals_.insert(total).second) return id;
    const bool scalar = graph_.total[total].rank == 0;
    Table* t = AddTable(id, scalar || objective ? Table::SCALAR : Table::AUX);
    t->set_total(total);
    t->set_fold(Table::LINEAR);
    for (int i = 0; i < graph_.total[total].rank; ++i) {
      const int axis = AxisOf(graph_, graph_.total[total].index[i]);
      t->add_axis(Name(graph_.axis[axis].name));
      t->add_extent(ExtentOf(p_.bound->extent, axis));
    }
    t->set_bytes(ElementsOfTotal(graph_, total, p_.bound->extent) * static_cast<int64_t>(sizeof(double)) *
                 std::max(1, s_.workers / s_.processes) * std::max(1, s_.lag));
    return id;
  }

  std::string RowPartition(int axis) { return Slices(axis, "rows"); }

  // The cut of an axis among the workers: equal numbers of positions.
  std::string Slices(int axis, const char* what) {
    const std::string id = absl::StrCat(Name(graph_.axis[axis].name), "/", what);
    for (const gyre::Partition& p : plan_.partition()) {
      if (p.id() == id) return id;
    }
    gyre::Partition* p = plan_.add_partition();
    p->set_id(id);
    p->set_axis(Name(graph_.axis[axis].name));
    const int64_t rows = ExtentOf(p_.bound->extent, axis);
    for (int w = 0; w <= s_.workers; ++w) p->add_cut(rows * w / s_.workers);
    for (int w = 0; w < s_.workers; ++w) p->add_home(w);
    return id;
  }

  // ---- Tasks.

  Task* AddTask(const std::string& id, Task::Kind kind, Task::Place place) {
    Task* t = plan_.add_task();
    t->set_id(id);
    t->set_kind(kind);
    t->set_place(place);
    return t;
  }

  void AddRead(Task* task, const std::string& table, int lag, bool own) {
    for (const Read& r : task->read()) {
      if (r.table() == table) return;
    }
    Read* r = task->add_read();
    r->set_table(table);
    r->mutable_slice()->set_whole(true);
    r->set_lag(lag);
    r->set_own(own);
  }

  void AddWrite(Task* task, const std::string& table, Write::Mode mode) {
    gyre::Write* w = task->add_write();
    w->set_table(table);
    w->mutable_slice()->set_whole(true);
    w->set_mode(mode);
    if (mode == Write::ADD) SetPayload(table, w);
  }

  // Numbers alone travel exactly: an objective, a count.
  void SetPayload(const std::string& table, gyre::Write* w) const {
    const Pass* pass = PassOf(program_, p_.main());
    if (pass == nullptr) return;
    for (const int total : pass->total) {
      if (TotalTableId(graph_, total) != table) continue;
      w->set_payload(PayloadOf(s_, total));
      const bool numbers = w->payload() != Write::FACTORS && graph_.total[total].rank > 0;
      if (s_.processes > 1 && numbers) w->set_codec(s_.codec);
    }
  }

  // A parameter that an earlier statement of the clock wrote is read as that left it.
  int ParamLag(int symbol) const { return written_.count(symbol) > 0 ? 0 : s_.lag; }

  void FillPass(Task* task, const Pass& pass) {
    task->set_pass(pass.id);
    task->set_kernel(KernelKey(program_, pass.id));
    if (pass.row_axis >= 0) task->set_over(RowPartition(pass.row_axis));
  }

  void SetEstimate(Task* task, double ms, const std::string& basis) {
    Estimate* e = task->mutable_estimate();
    e->set_ms(ms);
    e->set_low_ms(ms * 0.8);
    e->set_high_ms(ms * 1.5);
    e->set_basis(basis);
  }

  double PassTime(const Pass& pass, double rows) const {
    const Work work = WorkOf(program_, pass, *p_.bound, rows).Scaled(1.0 / s_.processes);
    return PassMs(work, *p_.profile, p_.bound->type, s_.lanes, p_.resident / s_.processes, 1);
  }

  std::string Basis(const Pass& pass, double rows) const {
    const Work w = WorkOf(program_, pass, *p_.bound, rows);
    std::string text = absl::StrCat(Rounded(w.flops * 1e-6), " Mflop, ", Rounded(w.bytes * 1e-6), " MB");
    if (w.gathers > 0) absl::StrAppend(&text, ", ", Rounded(w.gathers * 1e-6), " M gathers");
    return text;
  }

  static std::string Rounded(double x) { return absl::StrCat(std::round(x * 1000) / 1000); }

  void BuildTask() {
    const Pass& pass = program_.pass[static_cast<size_t>(program_.build)];
    Task* task = AddTask("build", Task::BUILD, Task::EACH_WORKER);
    FillPass(task, pass);
    for (const int total : pass.total) AddWrite(task, TotalTable(total, false), Write::ADD);
    task->set_words("sums of data alone, once");
    const double rows = static_cast<double>(ExtentOf(p_.bound->extent, pass.row_axis));
    SetEstimate(task, PassTime(pass, rows), Basis(pass, rows));
  }

  std::string FoldId(size_t i) const {
    const StatementKind kind = p_.leaf[i].statement->kind;
    const char* role = kind == StatementKind::kMinimize ? (UpdateOf(i).coordinates ? "pull" : "step")
                       : kind == StatementKind::kIterate ? "assign"
                       : kind == StatementKind::kResample ? "count" : "sweep";
    return absl::StrCat(p_.leaf[i].id, "/", role);
  }

  // The main leaf has the chosen update; another Minimize takes the same rule where it is legal there,
  // else fista, which takes every penalty.
  UpdateChoice UpdateOf(size_t i) const {
    if (static_cast<int>(i) == p_.main_leaf) return s_.update;
    const Statement& st = *p_.leaf[i].statement;
    if (st.kind == StatementKind::kResample) return SampleChoices(st.sampler, *p_.request, 0).front();
    if (st.kind != StatementKind::kMinimize) return AssignChoice(p_.traits[i], *p_.request, 0);
    UpdateChoice fallback;
    const int pairs = PairsFor(p_.state[i].params, p_.work[i].bytes);
    for (const UpdateChoice& u : UpdateChoices(p_.traits[i], p_.rows, pairs, *p_.request)) {
      if (u.illegal.empty() && u.update.rule() == s_.update.update.rule()) return u;
      if (u.update.rule() == "fista") fallback = u;
    }
    return fallback;
  }

  void Stage(size_t i) {
    const Leaf& leaf = p_.leaf[i];
    const Statement& st = *leaf.statement;
    if (st.kind == StatementKind::kSweep) {
      SweepTask(leaf, i);
    } else if (st.kind == StatementKind::kResample) {
      SampleTasks(leaf, i);
    } else if (UpdateOf(i).coordinates) {
      CoordinateTasks(leaf, i);
    } else if (UpdateOf(i).keyed) {
      KeyedTasks(leaf, i);
    } else {
      const Pass* pass = PassOf(program_, leaf);
      if (pass != nullptr) GatherTask(leaf, i, *pass);
      FoldTask(leaf, i, pass);
    }
    for (const int symbol : Changed(leaf)) written_.insert(symbol);
    previous_ = Changed(leaf);
  }

  void SetPath(Task* task, const Leaf& leaf) {
    for (const int step : leaf.path) task->add_statement(step);
  }

  void GatherTask(const Leaf& leaf, size_t i, const Pass& pass) {
    const bool minimize = leaf.statement->kind == StatementKind::kMinimize;
    Task* task = AddTask(absl::StrCat(leaf.id, minimize ? "/grad" : "/sums"), Task::GATHER,
                         Task::EACH_WORKER);
    SetPath(task, leaf);
    FillPass(task, pass);
    const UpdateChoice update = UpdateOf(i);
    const int64_t all = ExtentOf(p_.bound->extent, pass.row_axis);
    task->set_batch(update.batch >= all ? 0 : update.batch);
    for (const int symbol : pass.param) AddRead(task, ParamId(symbol), ParamLag(symbol), false);
    for (const int symbol : pass.data) {
      if (graph_.symbol[symbol].kind == ir::Kind::kLatent) AddRead(task, LatentId(symbol), ParamLag(symbol), false);
    }
    for (size_t t = 0; t < pass.total.size(); ++t) {
      const bool objective = minimize && graph_.total[pass.total[t]].param < 0;
      AddWrite(task, TotalTable(pass.total[t], objective), Write::ADD);
    }
    const double rows = static_cast<double>(task->batch() > 0 ? task->batch() : all);
    SetEstimate(task, PassTime(pass, rows), Basis(pass, rows));
    if (s_.processes > 1 && static_cast<int>(i) == p_.main_leaf) {
      task->mutable_estimate()->set_bytes_out(static_cast<int64_t>(chosen_.bytes_out));
      task->mutable_estimate()->set_messages(static_cast<int64_t>(chosen_.messages));
    }
    task->set_words(absl::StrCat(minimize ? "objective and gradients" : "sums", " over ",
                                 task->batch() > 0 ? absl::StrCat(task->batch(), " of ", all) : absl::StrCat(all),
                                 " rows"));
  }

  void FoldTask(const Leaf& leaf, size_t i, const Pass* pass) {
    Task* task = AddTask(FoldId(i), Task::FOLD, Task::OWNER);
    SetPath(task, leaf);
    const UpdateChoice update = UpdateOf(i);
    *task->mutable_update() = update.update;
    if (s_.lag > 1 && leaf.statement->kind == StatementKind::kMinimize) {
      task->mutable_update()->set_staleness_scale(1.0 / s_.lag);
    }
    const bool assign = update.update.rule() == "assign";
    task->set_kernel(assign ? KernelKey(program_, absl::StrCat("assign/", leaf.id))
                            : absl::StrCat("update/", update.update.rule()));
    if (pass != nullptr) {
      for (const int total : pass->total) AddRead(task, TotalTableId(graph_, total), 0, false);
    }
    for (const int symbol : Changed(leaf)) {
      AddRead(task, ParamId(symbol), written_.count(symbol) > 0 ? 0 : 1, true);
    }
    // Statements follow one another: the one before, or the last of the clock before.
    if (p_.leaf.size() > 1) {
      const std::vector<int> before = i > 0 ? previous_ : Changed(p_.leaf.back());
      for (const int symbol : before) AddRead(task, ParamId(symbol), i > 0 ? 0 : 1, true);
    }
    for (const int symbol : Changed(leaf)) AddWrite(task, ParamId(symbol), Write::OWN);
    SetEstimate(task, FoldMs(p_.state[i], update.update.rule(), update.update.memory(), *p_.profile,
                             std::max(1, s_.workers / s_.processes), s_.lanes),
                absl::StrCat(static_cast<int64_t>(p_.state[i].params), " numbers, fold ",
                             Table::Fold_Name(update.fold)));
    task->set_words(assign ? "assigns from the sums" : UpdateWords(update.update));
  }

  static std::string UpdateWords(const Update& u) {
    std::string words = u.rule();
    if (u.rule() == "lbfgs" || u.rule() == "owlqn") absl::StrAppend(&words, ", ", u.memory(), " pairs");
    if (u.rule() == "fista") words += ", backtracking, restart";
    if (u.momentum() > 0) absl::StrAppend(&words, ", momentum ", u.momentum());
    if (!u.schedule().empty()) absl::StrAppend(&words, ", ", u.schedule(), " step");
    if (u.step() > 0) absl::StrAppend(&words, " ", u.step());
    return words;
  }

  // schedule -> push -> pull: which coordinates move; what each worker finds for its own; the moves.
  // mspg moves them all, each worker its own: no schedule.
  void CoordinateTasks(const Leaf& leaf, size_t i) {
    const Update& update = UpdateOf(i).update;
    const Predictor& predictor = leaf.statement->predictor;
    const bool dual = update.rule() == "sdca", slices = update.rule() == "mspg";
    const int lag = slices ? s_.lag : 1;
    const std::string partition =
        Slices(dual ? predictor.row_axis : p_.column_axis, dual ? "rows" : "slices");
    std::vector<int> axes = {predictor.row_axis};
    if (predictor.output_axis >= 0) axes.push_back(predictor.output_axis);
    const std::string view = DerivedTable(absl::StrCat("view/", ViewName(predictor)), axes, lag);
    std::vector<std::string> pushed;
    for (const int symbol : Changed(leaf))
      pushed.push_back(PushedTable(dual || slices ? "change/" : "slope/", symbol, FoldId(i)));
    const std::string numbers = dual ? DerivedTable("dual", axes) : "";
    const std::string queue = slices ? "" : ScheduleTask(leaf, update, partition);

    Task* push = AddTask(absl::StrCat(leaf.id, "/push"), Task::GATHER, Task::EACH_WORKER);
    SetPath(push, leaf);
    push->set_kernel(absl::StrCat("coordinate/", update.rule()));
    push->set_over(partition);
    push->set_take(queue);
    for (const int symbol : Changed(leaf)) AddRead(push, ParamId(symbol), lag, false);
    AddRead(push, view, lag, false);
    for (const std::string& id : pushed) AddWrite(push, id, Write::ADD);
    push->set_words(dual     ? "steps along the dual numbers of the worker's rows"
                    : slices ? "a proximal step of the worker's columns, from the predictor that it sees"
                             : "slopes along the worker's columns, from the predictor");

    Task* pull = AddTask(FoldId(i), Task::FOLD, Task::OWNER);
    SetPath(pull, leaf);
    *pull->mutable_update() = update;
    pull->set_kernel(absl::StrCat("coordinate/", update.rule()));
    for (const std::string& id : pushed) AddRead(pull, id, 0, false);
    for (const int symbol : Changed(leaf)) AddRead(pull, ParamId(symbol), 1, true);
    AddRead(pull, view, 1, true);
    for (const int symbol : Changed(leaf)) AddWrite(pull, ParamId(symbol), Write::OWN);
    AddWrite(pull, view, Write::OWN);
    if (dual) AddWrite(pull, numbers, Write::OWN);
    pull->set_words(PullWords(update));

    const double push_ms = chosen_.pass_ms * (dual || slices ? 0.9 : 0.35);
    SetEstimate(push, push_ms, slices ? "two passes over the data" : "one pass over the data");
    SetEstimate(pull, chosen_.pass_ms - push_ms, dual || slices ? "the sum of the workers' steps"
                                                                : "visits of the coordinates that move");
  }

  // Rows in blocks of their keys change the parameters in place; the fold moves what all rows share.
  void KeyedTasks(const Leaf& leaf, size_t i) {
    const Update& update = UpdateOf(i).update;
    std::vector<const KeyedFactor*> factors;
    for (const KeyedTerm& term : leaf.statement->predictor.term) {
      for (const KeyedFactor& f : term.factor) factors.push_back(&f);
    }
    // .Alternate says whose turn is first.
    const std::vector<int>& turns = leaf.statement->alternate;
    const auto turn = [&](const KeyedFactor* f) { return std::find(turns.begin(), turns.end(), f->param) - turns.begin(); };
    std::stable_sort(factors.begin(), factors.end(),
                     [&](const KeyedFactor* a, const KeyedFactor* b) { return turn(a) < turn(b); });
    std::vector<std::string> maps, shared;
    for (const KeyedFactor* f : factors) {
      if (f->map < 0) {
        shared.push_back(PushedTable("change/", f->param, FoldId(i)));
      } else if (const std::string name = Name(graph_.symbol[f->map].name);
                 std::find(maps.begin(), maps.end(), name) == maps.end()) {
        maps.push_back(name);
      }
    }
    if (s_.moves()) return MovesTasks(leaf, i, maps);
    const std::string moved = absl::StrCat("moved/", leaf.id);
    Table* table = AddTable(moved, Table::AUX);
    table->set_fold(Table::LINEAR);
    table->set_fold_task(FoldId(i));
    FillAxes({}, table);

    Task* visit = AddTask(absl::StrCat(leaf.id, "/visit"), Task::GATHER, Task::EACH_WORKER);
    SetPath(visit, leaf);
    visit->set_kernel(KernelKey(program_, absl::StrCat("keyed/", leaf.id)));
    for (const int symbol : Changed(leaf)) AddRead(visit, ParamId(symbol), 1, true);
    AddWrite(visit, moved, Write::ADD);
    for (const std::string& id : shared) AddWrite(visit, id, Write::ADD);
    const bool solves = update.rule() == "als";
    const bool all_keys = leaf.statement->predictor.all_keys.weight.fn != nullptr;
    visit->set_words(solves ? SolveWords(maps, !shared.empty(), all_keys) : VisitWords(maps));
    SetEstimate(visit, chosen_.pass_ms, solves ? "products of pairs for every row, a factorisation for every key"
                                               : "what the keys name, read and written once a row");

    Task* fold = AddTask(FoldId(i), Task::FOLD, Task::OWNER);
    SetPath(fold, leaf);
    *fold->mutable_update() = update;
    fold->set_kernel(absl::StrCat("update/", update.rule()));
    AddRead(fold, moved, 0, false);
    for (const std::string& id : shared) AddRead(fold, id, 0, false);
    for (const int symbol : Changed(leaf)) AddRead(fold, ParamId(symbol), 1, true);
    for (const int symbol : Changed(leaf)) AddWrite(fold, ParamId(symbol), Write::OWN);
    fold->set_words(solves           ? "als, what each key names where the objective is least"
                    : shared.empty() ? "dsgd, a step of its own for every row of a parameter"
                                     : "dsgd, a step of its own for every row of a parameter; a Newton step for what all rows share");
    SetEstimate(fold, chosen_.fold_ms, "the parameters as they are");
  }

  // Between processes: the rows of each change a copy of its own in place; the fold adds what has moved.
  void MovesTasks(const Leaf& leaf, size_t i, const std::vector<std::string>& maps) {
    Task* visit = AddTask(absl::StrCat(leaf.id, "/visit"), Task::GATHER, Task::EACH_WORKER);
    SetPath(visit, leaf);
    visit->set_kernel(KernelKey(program_, absl::StrCat("keyed/", leaf.id)));
    visit->set_over(RowPartition(p_.row_axis));
    std::vector<std::string> moved;
    for (const int symbol : Changed(leaf)) {
      AddRead(visit, ParamId(symbol), s_.lag < 0 ? s_.lag : s_.lag - s_.hold, true);
      moved.push_back(PushedTable("moved/", symbol, FoldId(i)));
      plan_.mutable_table(plan_.table_size() - 1)->set_symbol(symbol);
      AddWrite(visit, moved.back(), Write::ADD);
      gyre::Write* w = visit->mutable_write(visit->write_size() - 1);
      w->set_payload(Write::MOVES);
      w->set_hold(s_.hold);
      w->set_order(s_.order);
      if (p_.program->graph.symbol[symbol].rank > 0) w->set_codec(s_.codec);
    }
    visit->set_words(absl::StrCat("its own of ", p_.rows, " rows in blocks of ", absl::StrJoin(maps, " x "),
                                  ", in place in the process's copy; what has moved leaves"));
    SetEstimate(visit, chosen_.pass_ms, "what the keys name, read and written once a row");
    visit->mutable_estimate()->set_bytes_out(static_cast<int64_t>(chosen_.bytes_out));
    visit->mutable_estimate()->set_messages(static_cast<int64_t>(chosen_.messages));

    Task* fold = AddTask(FoldId(i), Task::FOLD, Task::OWNER);
    SetPath(fold, leaf);
    *fold->mutable_update() = UpdateOf(i).update;
    fold->set_kernel("update/moves");
    for (const std::string& id : moved) AddRead(fold, id, 0, false);
    for (const int symbol : Changed(leaf)) AddRead(fold, ParamId(symbol), 1, true);
    for (const int symbol : Changed(leaf)) AddWrite(fold, ParamId(symbol), Write::OWN);
    fold->set_words("adds what has moved in the copies");
    SetEstimate(fold, chosen_.fold_ms, "the parameters as they are");
  }

  std::string VisitWords(const std::vector<std::string>& maps) const {
    std::string words = absl::StrCat(p_.rows, " rows in blocks of ", absl::StrJoin(maps, " x "), ", in place");
    if (maps.size() > 1 && s_.workers > 1)
      absl::StrAppend(&words, "; they go from worker to worker without a barrier, and one that would wait takes the next of another");
    return words;
  }
  std::string SolveWords(const std::vector<std::string>& maps, bool shared, bool all_keys) const {
    return absl::StrCat("normal equations of ", shared ? "what all rows share, then of each " : "each ",
                        absl::StrJoin(maps, ", then of each "), ", from its own of ", p_.rows, " rows",
                        all_keys ? " and a sum over all keys, by their Gram matrices" : "",
                        s_.workers > 1 ? "; workers take pieces as they come" : "");
  }

  // Every datum draws its topic, in blocks of its keys; the fold ends the clock.
  void SampleTasks(const Leaf& leaf, size_t i) {
    const Sampler& sampler = leaf.statement->sampler;
    const Update& update = UpdateOf(i).update;
    const std::string latent = LatentId(sampler.latent);
    written_.insert(sampler.latent);
    Table* drawn = AddTable(latent, Table::LATENT);
    drawn->set_dtype("i32");
    drawn->set_fold(Table::PER_CLOCK);
    drawn->set_fold_task(FoldId(i));
    FillAxes({sampler.row_axis}, drawn);
    plan_.mutable_recovery()->add_save(latent);

    Task* visit = AddTask(absl::StrCat(leaf.id, "/visit"), Task::GATHER, Task::EACH_WORKER);
    SetPath(visit, leaf);
    visit->set_kernel(KernelKey(program_, absl::StrCat("sample/", leaf.id)));
    AddRead(visit, latent, 1, true);
    for (const int symbol : Changed(leaf)) AddRead(visit, ParamId(symbol), 1, true);
    for (const int symbol : sampler.param) AddRead(visit, ParamId(symbol), ParamLag(symbol), false);
    if (sampler.row_pass >= 0) {
      const Pass& pass = program_.pass[static_cast<size_t>(sampler.row_pass)];
      for (const int symbol : pass.param) AddRead(visit, ParamId(symbol), ParamLag(symbol), false);
    }
    const std::string moved = absl::StrCat("moved/", leaf.id);
    Table* table = AddTable(moved, Table::AUX);
    table->set_fold(Table::LINEAR);
    table->set_fold_task(FoldId(i));
    FillAxes({}, table);
    AddWrite(visit, moved, Write::ADD);
    std::vector<std::string> maps;
    for (const int map : MapsOf(graph_, *leaf.statement)) maps.push_back(Name(graph_.symbol[map].name));
    const bool totals = HasTotals(leaf);
    const bool cut = CutsRows(p_, s_) && static_cast<int>(i) == p_.main_leaf;
    std::string words = absl::StrCat(p_.rows, " rows, each from its conditional, in place");
    if (cut) {
      absl::StrAppend(&words, ", ", maps.empty() ? "cut into ranges" : absl::StrCat("those of one ", maps[0], " by one worker"));
      if (const std::string delayed = Delayed(leaf); !delayed.empty())
        absl::StrAppend(&words, "; ", delayed, " are each worker's own for a clock, at the end of which what all moved is added up");
    } else if (s_.workers > 1) {
      absl::StrAppend(&words, ", in blocks of ", maps.empty() ? "rows" : absl::StrJoin(maps, " x "));
      if (maps.size() > 1) words += " that go from worker to worker without a barrier";
      if (totals) words += "; totals by topic are each worker's own for a block";
    }
    visit->set_words(words);
    SetEstimate(visit, chosen_.pass_ms, absl::StrCat(ExtentOf(p_.bound->extent, sampler.topic_axis), " ",
                                                     Name(graph_.axis[sampler.topic_axis].name), " a draw, ",
                                                     update.sampler()));

    Task* fold = AddTask(FoldId(i), Task::FOLD, Task::OWNER);
    SetPath(fold, leaf);
    *fold->mutable_update() = update;
    if (cut) fold->mutable_update()->set_cut_by(maps.empty() ? Name(graph_.axis[sampler.row_axis].name) : maps[0]);
    fold->set_kernel("update/gibbs");
    AddRead(fold, moved, 0, false);
    for (const int symbol : Changed(leaf)) AddRead(fold, ParamId(symbol), 1, true);
    AddRead(fold, latent, 1, true);
    for (const int symbol : Changed(leaf)) AddWrite(fold, ParamId(symbol), Write::OWN);
    AddWrite(fold, latent, Write::OWN);
    if (p_.leaf.size() > 1) {
      const std::vector<int> before = i > 0 ? previous_ : Changed(p_.leaf.back());
      for (const int symbol : before) AddRead(fold, ParamId(symbol), i > 0 ? 0 : 1, true);
    }
    fold->set_words(absl::StrCat("gibbs, ", update.sampler() == "dense"
                                     ? "dense: a weight for every topic"
                                     : "sparse: weights of the topics that are counted, and the sum of the others"));
    SetEstimate(fold, 0, "the counts are up to date");
  }

  // The channel that it gives.
  std::string ScheduleTask(const Leaf& leaf, const Update& update, const std::string& partition) {
    Channel* queue = plan_.add_channel();
    queue->set_id(absl::StrCat(leaf.id, "/queue"));
    queue->set_kind(Channel::QUEUE);
    queue->set_partition(partition);
    queue->set_lead(1);
    Task* schedule = AddTask(absl::StrCat(leaf.id, "/schedule"), Task::SCHEDULE, Task::ONE);
    SetPath(schedule, leaf);
    schedule->set_kernel("schedule");
    schedule->set_give(queue->id());
    for (const int symbol : Changed(leaf)) AddRead(schedule, ParamId(symbol), 1, false);
    schedule->set_words(ScheduleWords(update));
    SetEstimate(schedule, 0.02 * chosen_.pass_ms, "one look at every coordinate");
    return queue->id();
  }

  static std::string ScheduleWords(const Update& u) {
    if (u.rule() == "sdca") return "rows in a random order, those at rest left out";
    if (u.select() == "sets")
      return "working sets: what is not zero and what is closest to leaving it; proven zeros are dropped";
    const char* drawn = u.select() == "sap" || u.select() == "priority"
                            ? "coordinates in proportion to what they last moved"
                            : "coordinates at random";
    if (u.coupling() == 0) return drawn;
    return absl::StrCat(drawn, "; of two that are coupled above ", u.coupling(), " one waits");
  }
  static std::string PullWords(const Update& u) {
    if (u.rule() == "sdca") return "sdca, the workers' steps added up, to a duality gap";
    if (u.rule() == "mspg") return "mspg, the workers' changes of the predictor added up, to a duality gap";
    if (u.select() != "sets") return absl::StrCat("cd in rounds by ", u.select(), ", to a duality gap");
    return "cd, exact within working sets, to a duality gap";
  }

  std::string ViewName(const Predictor& predictor) const {
    const ir::Node& node = graph_.node[predictor.view_node];
    return node.op == ir::Op::kLet ? Name(graph_.let[node.symbol].name) : "predictor";
  }

  std::string PushedTable(const char* what, int symbol, const std::string& fold) {
    const std::string id = absl::StrCat(what, Name(graph_.symbol[symbol].name));
    Table* t = AddTable(id, Table::AUX);
    t->set_fold(Table::LINEAR);
    t->set_fold_task(fold);
    FillAxes(AxesOf(graph_, symbol), t);
    return id;
  }

  std::string DerivedTable(const std::string& id, const std::vector<int>& axes, int versions = 1) {
    Table* t = AddTable(id, Table::DERIVED);
    t->set_versions(versions);
    t->set_fold(Table::PER_CLOCK);
    FillAxes(axes, t);
    return id;
  }

  void FillAxes(const std::vector<int>& axes, Table* t) const {
    int64_t n = 1;
    for (const int axis : axes) {
      t->add_axis(Name(graph_.axis[axis].name));
      t->add_extent(ExtentOf(p_.bound->extent, axis));
      n *= ExtentOf(p_.bound->extent, axis);
    }
    t->set_bytes(n * 8);
  }

  void SweepTask(const Leaf& leaf, size_t i) {
    const Statement& st = *leaf.statement;
    std::vector<std::string> views;
    for (const int let : st.maintained) {
      std::vector<int> axes;
      for (int k = 0; k < graph_.let[let].rank; ++k)
        axes.push_back(AxisOf(graph_, graph_.let[let].index[k]));
      views.push_back(DerivedTable(absl::StrCat("view/", Name(graph_.let[let].name)), axes));
    }
    const bool shared = s_.workers > 1, coloured = KnowsCouplings(p_, st);
    const std::string change = shared ? VisitTask(leaf, i) : "";
    Task* task = AddTask(FoldId(i), Task::SWEEP, Task::ONE);
    SetPath(task, leaf);
    if (shared) AddRead(task, change, 0, false);
    task->set_kernel(KernelKey(program_, absl::StrCat("sweep/", leaf.id)));
    task->mutable_update()->set_rule("sweep");
    if (st.sweep_axis >= 0) {
      task->set_words(absl::StrCat("visits ", ExtentOf(p_.bound->extent, st.sweep_axis), " ",
                                   Name(graph_.axis[st.sweep_axis].name),
                                   !coloured ? " one at a time"
                                   : shared  ? " by the workers, colour by colour"
                                             : " colour by colour"));
    }
    for (const int symbol : SweptParams(leaf)) AddRead(task, ParamId(symbol), ParamLag(symbol), true);
    for (const int symbol : Changed(leaf)) AddWrite(task, ParamId(symbol), Write::OWN);
    for (const std::string& view : views) AddWrite(task, view, Write::OWN);
    SetEstimate(task, SweepMs(p_, shared ? s_.lanes : 1),
                coloured ? "one pass over what joins the items" : "two passes over the columns");
  }

  // What the workers do of a sweep: items that nothing joins at once, changed in place. The table it
  // returns holds by how much.
  std::string VisitTask(const Leaf& leaf, size_t i) {
    const std::string id = absl::StrCat("change/", leaf.id);
    Table* change = AddTable(id, Table::AUX);
    change->set_fold(Table::LINEAR);
    change->set_fold_task(FoldId(i));
    FillAxes({}, change);
    Task* task = AddTask(absl::StrCat(leaf.id, "/visit"), Task::GATHER, Task::EACH_WORKER);
    SetPath(task, leaf);
    task->set_kernel(KernelKey(program_, absl::StrCat("sweep/", leaf.id)));
    for (const int symbol : SweptParams(leaf)) AddRead(task, ParamId(symbol), ParamLag(symbol), true);
    AddWrite(task, id, Write::ADD);
    task->set_words("items of one colour at once, in place: none of them reads another");
    return id;
  }

  std::vector<int> SweptParams(const Leaf& leaf) const {
    std::vector<int> all = Changed(leaf);
    const Pass* pass = PassOf(program_, leaf);
    if (pass != nullptr) all.insert(all.end(), pass->param.begin(), pass->param.end());
    if (p_.leaf.size() > 1) {
      const std::vector<int> before = previous_.empty() ? Changed(p_.leaf.back()) : previous_;
      all.insert(all.end(), before.begin(), before.end());
    }
    return all;
  }

  // ---- Evaluation and stop rules.

  bool ByProduct() const {
    const Statement& st = *p_.main().statement;
    return st.kind == StatementKind::kMinimize && s_.update.batch == 0 && s_.lag == 1 && p_.leaf.size() == 1 &&
           (!s_.update.keyed || s_.update.update.rule() == "als");
  }

  double EvaluateTask(const std::string& id, const Measure& measure, bool byproduct) {
    Task* task = AddTask(id, Task::EVALUATE, Task::EACH_WORKER);
    double ms = 0;
    if (measure.pass >= 0) {
      const Pass& pass = program_.pass[static_cast<size_t>(measure.pass)];
      FillPass(task, pass);
      for (const int symbol : pass.param) AddRead(task, ParamId(symbol), 1, false);
      const double rows = static_cast<double>(ExtentOf(p_.bound->extent, pass.row_axis));
      if (!byproduct) ms = PassTime(pass, rows);
      SetEstimate(task, ms, byproduct ? "with the gradient" : Basis(pass, rows));
    }
    task->set_measure(measure.name);
    task->set_byproduct(byproduct);
    task->set_words(byproduct ? "with the totals of the clock, at no cost" : "at boundaries, training paused");
    plan_.mutable_evaluation()->add_task(id);
    return ms;
  }

  void EvaluateTasks() {
    Evaluation* e = plan_.mutable_evaluation();
    e->set_mode(ByProduct() ? Evaluation::BYPRODUCT : Evaluation::PAUSED);
    e->set_budget(kPause);
    if (program_.objective.value.fn != nullptr || program_.objective.value.node >= 0 ||
        p_.main().statement->kind == StatementKind::kMinimize) {
      pause_ms_ = EvaluateTask("evaluate/objective", Objective(), ByProduct());
      plan_.mutable_task(plan_.task_size() - 1)->clear_measure();
    }
    for (const Measure& m : program_.measure) {
      const double ms = EvaluateTask(absl::StrCat("evaluate/measure/", m.name), m, false);
      measure_ms_ += ms;
    }
    if (!program_.measure.empty()) measure_ms_ += LayOutMs();
  }

  // Tables of counts that measures read whole are laid out for them, and copied once.
  double LayOutMs() const {
    double cells = 0;
    for (const int symbol : program_.counted)
      cells += static_cast<double>(ElementsOf(graph_, symbol, p_.bound->extent));
    return TransferMs(32 * cells, p_.profile->memory_gbs_one());
  }

  Measure Objective() const {
    Measure m = program_.objective;
    if (m.pass < 0) m.pass = p_.main().statement->pass;
    return m;
  }

  // Training pauses for at most this share of its time to evaluate.
  static constexpr double kPause = 0.05;

  int64_t ClocksPerEpoch() const {
    if (s_.update.batch <= 0) return 1;
    return std::max<int64_t>(1, (p_.rows + s_.update.batch - 1) / s_.update.batch);
  }

  int Every(double ms, double boundary_ms) const {
    if (ms <= 0) return 1;
    return static_cast<int>(std::min(1e6, std::max(1.0, std::ceil(ms / (kPause * boundary_ms)))));
  }

  // Clocks: ten times what is expected for rules that know when they have converged, four times for
  // those that do not. Coordinate methods end by their gap; their clocks may be short and many.
  void StopRules() {
    const Request& r = *p_.request;
    Stop* stop = plan_.mutable_stop();
    const Statement& main = *p_.main().statement;
    const int64_t repeat = RootRepeat(program_);
    const bool stochastic = s_.update.mini_batch || s_.update.keyed;
    const double slack = stochastic ? 4 : s_.update.coordinates ? 1e4 : 10;
    double clocks = repeat > 0 ? static_cast<double>(repeat)
                    : main.kind == StatementKind::kMinimize
                        ? std::max(chosen_.clocks * slack, stochastic ? 100.0 : 1000.0)
                    : main.kind == StatementKind::kResample ? chosen_.clocks
                        : 1000.0;
    stop->set_max_clocks(r.max_clocks > 0 ? r.max_clocks : static_cast<int64_t>(clocks));
    stop->set_max_seconds(r.max_seconds);
    const double until = RootTolerance(program_);
    const bool draws = s_.update.update.rule() == "gibbs";  // never at rest
    const double usual = draws ? 0 : stochastic ? 1e-4 : 1e-6;
    stop->set_tolerance(r.tolerance > 0 ? r.tolerance : until > 0 ? until : repeat > 0 ? 0 : usual);
    if (r.target.has_value()) {
      stop->set_target(*r.target);
    }
    const bool rests = s_.update.update.rule() == "mspg";  // at boundaries, where the gap is measured
    int64_t boundary = r.boundary > 0 ? r.boundary : rests ? kRest : ClocksPerEpoch();
    boundary = std::min(boundary, std::max<int64_t>(1, stop->max_clocks()));
    stop->set_boundary(boundary);
    stop->set_decision_lag(p_.embedded && (s_.lag == 1 || rests) ? 0 : 1);
    const double boundary_ms = std::max(1e-6, chosen_.clock_ms * static_cast<double>(boundary));
    // What only one process moves travels at boundaries: they are where the model is looked at.
    const bool rare = s_.moves() && r.boundary == 0;
    if (rare) {
      const double numbers = p_.state[static_cast<size_t>(p_.main_leaf)].params;
      const double look_ms = pause_ms_ + measure_ms_ +
                             TransferMs(numbers * static_cast<double>(SizeOf(p_.bound->type)), p_.profile->network_gbs());
      const int64_t looks = Every(look_ms, boundary_ms);
      boundary = std::min(looks, std::max<int64_t>(1, stop->max_clocks() / kLooks));
      stop->set_boundary(std::max<int64_t>(1, boundary));
    }
    for (Task& task : *plan_.mutable_task()) {
      if (task.kind() != Task::EVALUATE) continue;
      const bool objective = task.measure().empty();
      task.set_every(rare ? 1 : Every(objective ? pause_ms_ : measure_ms_, boundary_ms));  // all measures at once
    }
  }

  // A total by topic.
  bool HasTotals(const Leaf& leaf) const {
    const std::vector<int> counts = Changed(leaf);
    return std::any_of(counts.begin(), counts.end(), [&](int symbol) { return graph_.symbol[symbol].rank == 1; });
  }
  // Names of the tables that workers have to themselves where rows are cut.
  std::string Delayed(const Leaf& leaf) const {
    std::vector<std::string> names;
    for (const int count : DelayedCounts(graph_, *leaf.statement)) names.push_back(Name(graph_.symbol[count].name));
    return absl::StrJoin(names, ", ");
  }

  // Whether draws are from the conditional of everything else as it is.
  void CertifySampler() {
    Certificate* c = plan_.add_certificate();
    const bool cut = CutsRows(p_, s_);
    const std::string delayed = Delayed(p_.main());
    const bool exact = s_.workers == 1 || (cut ? delayed.empty() : !HasTotals(p_.main()));
    if (!exact && cut) {
      c->set_claim(absl::StrCat("sampler contract: delayed by a clock in ", delayed));
      c->set_because("other counts are exact at every draw; these lack what other workers move during a clock, and "
                     "are exact in sum after it");
      c->set_bound(1);
      c->set_asserted_by("every worker begins a clock from the same counts; what all moved is added when all are done");
      return;
    }
    if (exact) {
      c->set_claim("sampler contract: exact");
      c->set_because("every draw is from the conditional given all other rows as they are");
    } else {
      c->set_claim("sampler contract: delayed in totals");
      c->set_because("counts by key are exact at every draw; totals by topic lack what other workers move "
                     "during a block, and are exact in sum after it");
    }
    c->set_bound(exact ? 0 : 1);
    c->set_asserted_by("a block is with one worker at a time; totals are added when it is done");
  }

  void Certify() {
    if (s_.update.coordinates) CertifyGap();
    if (s_.update.update.rule() == "gibbs") CertifySampler();
    Certificate* c = plan_.add_certificate();
    c->set_asserted_by("every read compares the stamp of what it sees with its bound");
    if (s_.lag < 0) {
      c->set_claim("staleness is not bounded; it is recorded");
      c->set_because("the fold is LINEAR: contributions add in any order");
      c->set_bound(-1);
    } else if (s_.lag == 1) {
      c->set_claim("every read sees all contributions of the clocks before");
      c->set_because("bsp");
      c->set_bound(0);
    } else {
      c->set_claim(absl::StrCat("no read misses contributions older than ", s_.lag - 1, " clocks"));
      const std::string& rule = s_.update.update.rule();
      c->set_because(rule == "assign"
                         ? std::string("folds go clock by clock; an assignment has no step to lower")
                     : s_.moves() ? std::string("moves add; of what several processes move alike a share is taken, the smaller the later reads are")
                     : rule == "mspg" ? std::string("folds go clock by clock; the step allows for the delay")
                         : absl::StrCat("folds go clock by clock; the step is lowered to 1/", s_.lag,
                                        " for the delay"));
      c->set_bound(s_.lag - 1);
    }
    if (s_.hold > 0)
      c->set_asserted_by(absl::StrCat(c->asserted_by(), "; what has waited ", s_.hold, s_.hold == 1 ? " clock" : " clocks",
                                      " leaves, which belongs to the bound"));
  }

  void CertifyGap() {
    const Update& u = s_.update.update;
    Certificate* c = plan_.add_certificate();
    if (u.rule() == "mspg") {
      c->set_claim(absl::StrCat("the step is below 1 / (L_f + 2 L s), s = ", s_.lag - 1));
      c->set_because("proximal gradient under bounded delay converges with it (Zhou et al. 2016)");
      c->set_bound(s_.lag - 1);
      c->set_asserted_by("L_f and L are measured on the data before the first step, which is 0.95 of the "
                         "bound; a run that diverges stops and says so");
      c = plan_.add_certificate();
    } else if (u.coupling() > 0) {
      c->set_claim(absl::StrCat("no two coordinates of one round are coupled by more than ", u.coupling()));
      c->set_because("|x' W x'| of their columns, over their norms, is looked up before both are taken");
      c->set_bound(u.coupling());
      c->set_asserted_by("the scheduler's filter; and no check finds the objective risen");
      c = plan_.add_certificate();
    } else if (u.rule() == "cd" && u.select() != "sets" && s_.workers > 1) {
      c->set_claim("nothing keeps coupled coordinates apart: the objective may diverge");
      c->set_because(absl::StrCat("schedule ", u.select(), " has no filter (sap and dependency have)"));
      c->set_bound(-1);
      c->set_asserted_by("a run that diverges stops and says so");
      c = plan_.add_certificate();
    }
    c->set_claim(absl::StrCat("a run that converges ends within ", plan_.stop().tolerance(),
                              " of the objective from its minimum"));
    c->set_because("the losses are convex: primal less dual bounds the distance");
    c->set_bound(plan_.stop().tolerance());
    c->set_asserted_by("the duality gap, over all coordinates, is measured before a run may converge");
  }

  const Problem& p_;
  const Program& program_;
  const ir::Graph& graph_;
  const Option& chosen_;
  const Strategy& s_;
  Plan& plan_;
  std::set<int> totals_, written_;
  std::vector<int> previous_;
  double pause_ms_ = 0;
  double measure_ms_ = 0;
};

}  // namespace

void EmitTasks(const Problem& problem, const Option& chosen, Plan* plan) {
  Emitter(problem, chosen, plan).Run();
}

}  // namespace gyre
