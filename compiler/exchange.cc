#include "compiler/exchange.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/delta.h"

namespace gyre {
namespace {

// The share of a core's peak that a product of factors reaches, with what it reads and writes.
constexpr double kApplyShare = 0.5;

double Extent(const Problem& p, const std::vector<int>& axes) {
  double n = 1;
  for (const int axis : axes) n *= static_cast<double>(ExtentOf(p.bound->extent, axis));
  return n;
}

// Numbers of v that one row has, with their positions, in bytes: sparse where the data are.
double BytesOfV(const Problem& p, const Pass& pass, const OuterForm& form) {
  const auto element = static_cast<double>(SizeOf(p.bound->type));
  double bytes = Extent(p, form.v) * element;
  for (const Contraction& c : pass.contraction) {
    if (!c.transposed || c.symbol < 0) continue;
    for (const TensorInfo& t : p.bound->tensor) {
      if (t.format == Format::kDense || t.symbol != Name(p.program->graph.symbol[c.symbol].name) ||
          static_cast<double>(t.cols) != Extent(p, form.v))
        continue;
      bytes = std::min(bytes, static_cast<double>(t.nnz) / static_cast<double>(std::max<int64_t>(1, t.rows)) * (element + 4) + 4);
    }
  }
  return bytes;
}

double CodecBytes(const std::string& codec) {
  return codec.empty() ? 8 : codec == "f32" ? 4 : 2;
}

double Elements(const Problem& p, const Pass& pass, size_t position) {
  return static_cast<double>(ElementsOfTotal(p.program->graph, pass.total[position], p.bound->extent));
}

// Numbers of one row of the total's key.
double RowWidth(const Problem& p, const Pass& pass, size_t position) {
  const ir::Total& total = p.program->graph.total[pass.total[position]];
  return Elements(p, pass, position) /
         static_cast<double>(ExtentOf(p.bound->extent, AxisOf(p.program->graph, total.index[0])));
}

// Processes of one machine share its cores, and move all their bytes through its memory.
bool OnOneMachine(const Problem& p) {
  return p.request->cluster == "local" || p.request->cluster == "inproc";
}

// How much longer an owner takes to fold for the others beside it.
double Crowding(const Problem& p, const Strategy& s) {
  if (s.storage != Table::REPLICA || !OnOneMachine(p)) return 1;
  return std::max(1.0, (s.processes + 1.0) / std::max(1, p.profile->cores()));
}

// Moves may wait for all of the bound but one clock, in which what has left is under way; without a bound
// for some clocks.
void ChooseHold(const Problem& p, Strategy* s) {
  constexpr int kAsyncHold = 3;
  const std::string& asked = p.request->order;
  if (asked == "clock") return;
  s->hold = s->lag < 0 ? kAsyncHold : std::max(0, s->lag - 2);
  if (s->hold > 0) s->order = asked == "auto" ? "magnitude" : asked;
}

}  // namespace

bool CanTravel(const Pass& pass, size_t position, Write::Payload payload) {
  if (payload == Write::FACTORS) return position < pass.outer.size() && !pass.outer[position].u.empty();
  if (payload == Write::ROWS) return pass.structure[position] == Structure::kRows;
  return true;
}

Sent SentAs(const Problem& p, const Strategy& s, const Pass& pass, size_t position,
            Write::Payload payload, double rows) {
  const double elements = Elements(p, pass, position), mine = rows / s.processes;
  const double width = CodecBytes(s.codec);
  const double stream = StreamGbs(*p.profile, elements * 8 * (s.processes + 1), 1);
  Sent sent;
  // Read once of every process, and the sum written.
  sent.bytes = elements * (elements > 1 ? width : 8);
  sent.fold_ms = TransferMs(elements * 8 * (s.processes + 1.0), stream);
  if (payload == Write::ROWS) {
    const double row = RowWidth(p, pass, position);
    sent.bytes = std::min(mine, elements / row) * (row * width + 4) + 8;
  } else if (payload == Write::FACTORS) {
    const OuterForm& form = pass.outer[position];
    const double u = Extent(p, form.u);
    const double v = BytesOfV(p, pass, form);
    sent.bytes = mine * (u * static_cast<double>(SizeOf(p.bound->type)) + v) + 32;
    const double gflops = p.bound->type == Type::kFloat32 ? p.profile->gflops_f32() : p.profile->gflops_f64();
    const double entries = std::min(Extent(p, form.v), v / static_cast<double>(SizeOf(p.bound->type)));
    const double apply = 2 * u * entries / (kApplyShare * gflops * 1e6);  // a row
    sent.fold_ms = apply * rows + TransferMs(elements * 16, StreamGbs(*p.profile, elements * 8, 1));
    sent.saved_ms = apply * mine + TransferMs(elements * 16, StreamGbs(*p.profile, elements * 8, 1));
  }
  return sent;
}

Write::Payload PayloadOf(const Strategy& s, int total) {
  return std::count(s.apart.begin(), s.apart.end(), total) > 0 ? s.payload : Write::DENSE;
}

std::string NeedsExactSums(const Strategy& s) {
  const std::string& rule = s.update.update.rule();
  if (s.update.fold == Table::COMPLETE) return absl::StrCat(rule, " compares sums of different clocks (fold COMPLETE)");
  if (rule == "assign" && s.update.fold != Table::LINEAR)
    return "an assignment that is not p = p + (a sum over rows) never makes up for what was rounded off";
  return "";
}

double BytesOfMoves(const Problem& p, const Strategy& s, int symbol) {
  for (const KeyedTerm& term : p.main().statement->predictor.term) {
    for (const KeyedFactor& f : term.factor) {
      if (f.param != symbol) continue;
      if (f.map < 0) return 8;
      const double numbers = f.rank_at < 0 ? 1 : static_cast<double>(ExtentOf(p.bound->extent, term.rank_axis));
      const auto keys = static_cast<double>(ExtentOf(p.bound->extent, p.program->graph.symbol[f.map].target));
      const double mine = static_cast<double>(p.rows) / s.processes;
      return std::min(keys, mine) * (numbers * CodecBytes(s.codec) + 4) + 8;
    }
  }
  return 0;
}

void ChoosePayloads(const Problem& p, Strategy* s) {
  if (p.embedded) return;
  const std::string& asked = p.request->codec;
  if (asked != "auto") {
    s->codec = asked == "exact" ? "" : asked;
  } else if (p.bound->type == Type::kFloat32 && !s->merged() && NeedsExactSums(*s).empty()) {
    s->codec = "f32";
  }
  if (s->moves()) ChooseHold(p, s);
  if (s->payload == Write::DENSE || s->moves()) return;
  const Pass* pass = PassOf(*p.program, p.main());
  if (pass == nullptr) return;
  const auto all = static_cast<double>(ExtentOf(p.bound->extent, pass->row_axis));
  const double rows = s->update.batch == 0 ? all : std::min(all, static_cast<double>(s->update.batch));
  // Bytes at the busiest link, and the folding of one owner.
  const double copies = s->storage == Table::REPLICA && OnOneMachine(p) ? s->processes * s->processes : s->processes;
  const auto time = [&](const Sent& sent) {
    return TransferMs(sent.bytes * copies, p.profile->network_gbs()) + sent.fold_ms * Crowding(p, *s) - sent.saved_ms;
  };
  for (size_t i = 0; i < pass->total.size(); ++i) {
    if (!CanTravel(*pass, i, s->payload)) continue;
    if (p.request->payload != "auto" ||
        time(SentAs(p, *s, *pass, i, s->payload, rows)) < time(SentAs(p, *s, *pass, i, Write::DENSE, rows)))
      s->apart.push_back(pass->total[i]);
  }
}

Exchange ExchangeOf(const Problem& p, const Strategy& s, size_t leaf, double rows) {
  Exchange e;
  const Profile& m = *p.profile;
  const Pass* pass = PassOf(*p.program, p.leaf[leaf]);
  if (pass == nullptr || s.processes < 2) return e;
  if (s.moves()) {
    double numbers = 0;
    for (const int symbol : Changed(p.leaf[leaf])) {
      e.up += BytesOfMoves(p, s, symbol);
      numbers += static_cast<double>(ElementsOf(p.program->graph, symbol, p.bound->extent));
    }
    const double bytes = numbers * 8 * (s.processes + 2.0);
    e.fold_ms = TransferMs(bytes, StreamGbs(*p.profile, bytes, 1)) * Crowding(p, s);
  }
  for (size_t i = 0; i < pass->total.size() && !s.moves(); ++i) {
    const bool main = static_cast<int>(leaf) == p.main_leaf;
    const Sent sent = SentAs(p, s, *pass, i, main ? PayloadOf(s, pass->total[i]) : Write::DENSE, rows);
    e.up += sent.bytes;
    e.fold_ms += sent.fold_ms * Crowding(p, s);
    e.saved_ms += sent.saved_ms;
  }
  const double n = s.processes, cores = std::max(1, p.profile->cores());
  const bool ring = s.topology == Table::RING;
  double link = 0;   // bytes that the busiest link carries
  double hops = 2;   // one after another, half a round trip each
  double all = 0;    // messages of all processes, with word that they have arrived where it is sent
  if (s.merged()) {
    // What folds is one sum. Process 0 tells the coordinator as well.
    e.messages = hops = ring ? 2 * (n - 1) : std::log2(n);
    e.sent = e.up * (ring ? 2 * (n - 1) / n : std::log2(n));
    e.fold_ms = e.fold_ms * 3 / (n + 1);
    link = e.sent * (OnOneMachine(p) ? n : 1) + e.up;
    all = 2 * n * e.messages + n;
  } else if (s.storage == Table::REPLICA) {
    // To every other process and to the coordinator, from every link at once.
    e.messages = n;
    e.sent = e.up * n;
    hops = 1;
    link = e.sent * (OnOneMachine(p) ? n : 1);
    all = 2 * n * n;
  } else {
    // The link of the one owner carries what all send, then what all are sent.
    e.down = p.state[leaf].params * static_cast<double>(SizeOf(p.bound->type));
    e.messages = 1;
    e.sent = e.up;
    link = n * (e.up + e.down);
    all = 2 * n;
  }
  // Whoever sends and whoever receives pays for a message: the cores of the machine, or every machine.
  const double share = OnOneMachine(p) ? cores : s.storage == Table::REPLICA ? n : 1;
  e.network_ms = TransferMs(link, m.network_gbs()) + (hops * m.rtt_us() / 2 + 2 * all / share * m.message_us()) * 1e-3;
  return e;
}

}  // namespace gyre
