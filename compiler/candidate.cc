#include "compiler/candidate.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "compiler/delta.h"
#include "compiler/exchange.h"

namespace gyre {
namespace {

// The staleness that is weighed when nobody names one: enough to hide a hand-over, little enough to
// cost few clocks.
constexpr int kDefaultStaleness = 2;

double ResidentBytes(const BoundInfo& bound) {
  double bytes = 0;
  for (const TensorInfo& t : bound.tensor) {
    const double entry = static_cast<double>(SizeOf(t.type));
    bytes += t.format == Format::kDense ? static_cast<double>(t.rows * t.cols) * entry
                                        : static_cast<double>(t.nnz) * (entry + 4);
  }
  return bytes;
}

// Workers are processes of their own in a cluster, unless it is said how many processes there are.
int ProcessesOf(const Request& r) {
  if (r.cluster == "embedded") return 1;
  if (r.processes > 1) return r.workers > 0 ? std::min(r.processes, r.workers) : r.processes;
  return r.workers > 0 ? r.workers : 2;
}

void MeasureWork(Problem* p) {
  p->resident = ResidentBytes(*p->bound);
  for (const Leaf& leaf : p->leaf) {
    p->state.push_back(StateOf(*p->program, leaf, *p->bound));
    const Pass* pass = PassOf(*p->program, leaf);
    const double rows =
        pass == nullptr ? 0 : static_cast<double>(ExtentOf(p->bound->extent, pass->row_axis));
    p->work.push_back(pass == nullptr ? Work{} : WorkOf(*p->program, *pass, *p->bound, rows));
  }
}

int MainLeaf(const Problem& p) {
  for (size_t i = 0; i < p.leaf.size(); ++i) {
    if (p.leaf[i].statement->kind == StatementKind::kMinimize) return static_cast<int>(i);
  }
  for (size_t i = 0; i < p.leaf.size(); ++i) {
    if (p.leaf[i].statement->kind == StatementKind::kResample) return static_cast<int>(i);
  }
  int best = 0;
  double most = -1;
  for (size_t i = 0; i < p.leaf.size(); ++i) {
    const Work& work = p.work[i];
    if (work.flops + work.bytes > most) most = work.flops + work.bytes, best = static_cast<int>(i);
  }
  return best;
}

// The axis that coordinate descent shares out: of the columns of the widest matrix.
int ColumnAxis(const Problem& p) {
  const ir::Graph& graph = p.program->graph;
  int axis = -1;
  for (const PredictorPart& part : p.main().statement->predictor.part) {
    if (part.matrix < 0) continue;
    const int mine = graph.symbol[part.matrix].axis[1];
    if (axis < 0 || ExtentOf(p.bound->extent, mine) > ExtentOf(p.bound->extent, axis)) axis = mine;
  }
  return axis;
}

int Staleness(const Request& request) {
  int s = kDefaultStaleness;
  absl::string_view text = request.bridge;
  if (absl::ConsumePrefix(&text, "ssp:")) {
    if (!absl::SimpleAtoi(text, &s) || s < 1) s = kDefaultStaleness;
  }
  return s;
}

struct Place {
  Partitioning partitioning;
  int axis;
};

std::vector<Place> Places(const Problem& p) {
  std::vector<Place> places{{Partitioning::kData, p.row_axis}};
  for (const AxisVerdict& v : p.verdict) {
    const bool seen = std::any_of(places.begin(), places.end(), [&](const Place& a) {
      return a.axis == v.axis;
    });
    if (!p.program->graph.axis[v.axis].data && !seen) {
      places.push_back({Partitioning::kModel, v.axis});
    }
  }
  places.push_back({Partitioning::kHybrid, -1});
  return places;
}

struct Home {
  Table::Storage storage;
  Table::Topology topology;
};

std::vector<Home> Homes(const Problem& p) {
  if (p.embedded) {
    return {{Table::CENTRAL, Table::NONE}, {Table::REPLICA, Table::NONE},
            {Table::CENTRAL, Table::STAR}, {Table::REPLICA, Table::P2P},
            {Table::REPLICA, Table::RING}, {Table::REPLICA, Table::HALTON}};
  }
  return {{Table::CENTRAL, Table::STAR}, {Table::REPLICA, Table::P2P},
          {Table::REPLICA, Table::RING}, {Table::REPLICA, Table::HALTON}};
}

struct Crew {
  int workers, lanes;
};

// Workers and lanes to weigh: with pinned workers the lanes vary, otherwise one worker a lane.
std::vector<Crew> Crews(const Problem& p) {
  const Request& r = *p.request;
  const int machine = std::max(1, p.profile->lanes() > 0 ? p.profile->lanes() : p.profile->cores());
  const int processes = p.processes;
  // Processes of one machine share its cores.
  const bool together = r.cluster == "local" || r.cluster == "inproc";
  const int fair = together ? std::max(1, machine / processes) : machine;
  const int most = r.lanes > 0 ? std::min(r.lanes, machine) : fair;
  std::vector<Crew> crews;
  if (r.workers > 0) {
    const int each = std::max(1, (r.workers + processes - 1) / processes);
    for (int l = 1; l <= std::min(most, each); ++l) crews.push_back({r.workers, l});
  } else {
    for (int l = 1; l <= most; ++l) {
      if (l > 1 && l * processes > p.rows) break;
      crews.push_back({l * processes, l});
    }
  }
  return crews;
}

void Judge(const Problem& p, Option* o) {
  o->reason = IllegalBecause(p, o->strategy);
  o->legal = o->reason.empty();
  if (o->legal) o->reason = NotInThisBuild(p, o->strategy);
  o->executable = o->reason.empty();
  EstimateCost(p, o);
  if (o->executable && o->memory > static_cast<double>(p.profile->memory_bytes()) &&
      p.profile->memory_bytes() > 0) {
    o->executable = false;
    o->reason = absl::StrCat("needs ", static_cast<int64_t>(o->memory / (1 << 20)), " MiB of ",
                             p.profile->memory_bytes() >> 20, " MiB",
                             p.request->memory ? "" : " (--memory=BYTES leaves data on disk)");
  }
}

}  // namespace

Problem MakeProblem(const Program& program, const BoundInfo& bound, const Profile& profile,
                    const Request& request) {
  Problem p;
  p.program = &program;
  p.bound = &bound;
  p.profile = &profile;
  p.request = &request;
  p.leaf = Leaves(program);
  for (const Leaf& leaf : p.leaf) p.traits.push_back(TraitsOf(program, leaf));
  p.verdict = AnalyzeDependences(program, bound.extent);
  p.embedded = request.cluster == "embedded";
  p.processes = ProcessesOf(request);
  if (p.leaf.empty()) return p;
  MeasureWork(&p);
  p.main_leaf = MainLeaf(p);
  const Pass* pass = PassOf(program, p.main());
  const Sampler& sampler = p.main().statement->sampler;
  if (pass != nullptr || sampler.latent >= 0) {
    p.row_axis = pass != nullptr ? pass->row_axis : sampler.row_axis;
    p.rows = ExtentOf(bound.extent, p.row_axis);
  }
  p.column_axis = ColumnAxis(p);
  for (const TensorInfo& t : bound.tensor) {
    if (t.format != Format::kDense) p.skew = std::max(p.skew, t.row_skew);
  }
  return p;
}

std::string BridgeName(int lag) {
  if (lag < 0) return "async";
  return lag <= 1 ? "bsp" : absl::StrCat("ssp(", lag - 1, ")");
}

std::string PartitionName(const Problem& p, const Strategy& s) {
  if (s.partitioning == Partitioning::kHybrid) return "hybrid";
  const char* kind = s.partitioning == Partitioning::kData ? "data" : "model";
  if (s.axis < 0) return kind;
  return absl::StrCat(kind, "[", Name(p.program->graph.axis[s.axis].name), "]");
}

std::string PayloadName(Write::Payload payload) {
  switch (payload) {
    case Write::ROWS: return "sparse";
    case Write::FACTORS: return "factors";
    case Write::MOVES: return "moves";
    default: return "full";
  }
}

std::string StorageName(const Strategy& s) {
  switch (s.topology) {
    case Table::STAR: return "server, star";
    case Table::P2P: return "replicas, p2p";
    case Table::HALTON: return "replicas, halton";
    case Table::RING: return "replicas, ring";
    default: break;
  }
  if (s.storage == Table::REPLICA) return "replicas";
  return s.workers > 1 ? "shared memory" : "local";
}

bool CutsRows(const Problem& p, const Strategy& s) {
  return s.workers > 1 && s.partitioning == Partitioning::kData &&
         p.main().statement->kind == StatementKind::kResample;
}

std::string Describe(const Problem& p, const Strategy& s) {
  const std::string& select = s.update.update.select();
  const std::string& sampler = s.update.update.sampler();
  return absl::StrCat(PartitionName(p, s), ", ", s.update.update.rule(),
                      sampler.empty() ? "" : absl::StrCat(" ", sampler),
                      select.empty() ? "" : absl::StrCat(" by ", select), ", ", BridgeName(s.lag),
                      ", ", StorageName(s), ", ", PayloadName(s.payload), ", ", s.workers,
                      s.workers == 1 ? " worker on " : " workers on ", s.lanes,
                      s.lanes == 1 ? " lane" : " lanes");
}

namespace {

int PairsOf(const Problem& p) {
  const size_t main = static_cast<size_t>(p.main_leaf);
  return PairsFor(p.state[main].params, p.work[main].bytes);
}

}  // namespace

std::vector<UpdateChoice> UpdatesOf(const Problem& p) {
  const Traits& traits = p.traits[static_cast<size_t>(p.main_leaf)];
  const Statement& s = *p.main().statement;
  if (s.kind == StatementKind::kMinimize) {
    Request r = *p.request;
    const std::string asked = s.alternate.empty() ? s.update : "als";
    const bool own = !asked.empty() && r.update == "auto";  // the program's own choice, .By or .Alternate
    if (own) r.update = asked;
    std::vector<UpdateChoice> choices = UpdateChoices(traits, p.rows, PairsOf(p), r);
    if (own) std::erase_if(choices, [&](const UpdateChoice& c) { return c.update.rule() != asked; });
    return choices;
  }
  if (s.kind == StatementKind::kResample)
    return SampleChoices(s.sampler, *p.request, RootRepeat(*p.program));
  UpdateChoice choice = AssignChoice(traits, *p.request, RootRepeat(*p.program));
  if (s.kind != StatementKind::kIterate) choice.update.set_rule("sweep");
  return {choice};
}

namespace {

// Strategies that leave the plain one (rows cut, first home, full payload) in more ways than this are
// not weighed: no executor runs them yet, and a plan should be made within milliseconds.
int MostDeviations(const Problem& p) { return p.embedded ? 1 : 2; }

// One combination with every crew.
void AddCrews(const Problem& p, const Strategy& base, std::vector<Option>* all) {
  for (const Crew& crew : Crews(p)) {
    Option o;
    o.strategy = base;
    o.strategy.workers = crew.workers;
    o.strategy.lanes = crew.lanes;
    o.strategy.processes = p.processes;
    if (crew.workers == 1 && base.storage == Table::CENTRAL && base.topology == Table::NONE) {
      o.strategy.storage = Table::LOCAL;
    }
    const bool cut = base.partitioning != Partitioning::kData;
    if (cut && p.request->workers == 0) o.strategy.workers = std::max(2, crew.workers);
    if (!p.embedded && base.update.update.rule() == "dsgd" && base.payload == Write::DENSE)
      o.strategy.payload = Write::MOVES;
    ChoosePayloads(p, &o.strategy);
    Judge(p, &o);
    all->push_back(std::move(o));
  }
}

}  // namespace

std::vector<Option> Enumerate(const Problem& p) {
  std::vector<Option> all;
  const std::vector<UpdateChoice> updates = UpdatesOf(p);
  const std::vector<Home> homes = Homes(p);
  for (const Place& place : Places(p)) {
    for (const Home& home : homes) {
      for (const auto payload : {Write::DENSE, Write::ROWS, Write::FACTORS}) {
        const bool moved = home.storage != homes[0].storage || home.topology != homes[0].topology;
        const int deviations = (place.partitioning != Partitioning::kData ? 1 : 0) + (moved ? 1 : 0) +
                               (payload != Write::DENSE ? 1 : 0);
        if (deviations > MostDeviations(p)) continue;
        for (const UpdateChoice& update : updates) {
          for (const int lag : {1, Staleness(*p.request) + 1, -1}) {
            Strategy base;
            base.partitioning = place.partitioning;
            base.axis = place.axis;
            base.lag = lag;
            base.storage = home.storage;
            base.topology = home.topology;
            base.payload = payload;
            base.update = update;
            AddCrews(p, base, &all);
          }
        }
      }
    }
  }
  return all;
}

}  // namespace gyre
