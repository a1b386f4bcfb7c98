// Time, memory and clocks of a strategy, from the costs of its parts.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "compiler/candidate.h"
#include "compiler/exchange.h"

namespace gyre {
namespace {

// More epochs of sdca for each worker more.
constexpr double kSharedDual = 0.3;
// Stale reads cost progress: expected clocks grow by this share for each clock of staleness that a
// read may have. A rule of thumb; SSP's published runs lie between 0.05 and 0.3.
constexpr double kStalenessCost = 0.15;
// Mini-batch rules divide their step by s + 1 on top: at s = 2, 1.5 to 5.9 times the clocks, the more the
// nearer the step is to the largest that is stable (tests/benchmark:network).
constexpr double kStaleStepCost = 0.6;
// An assignment has no step that could be lowered: reads s clocks old make s + 1 sequences of it, each
// as long as the one without.
constexpr double kStaleAssignmentCost = 1.15;

// More sweeps of a sampler whose workers see each other's moves a clock later: 50 of 4 or 16 workers hold the
// likelihood of 32 to 35 of one (docs/benchmarks.md).
constexpr double kCutCost = 0.5;

// A thread or a process that must be started first, in milliseconds.
constexpr double kThreadStart = 0.05, kProcessStart = 100;

double LeafRows(const Problem& p, size_t leaf, const Strategy& s, double all) {
  if (static_cast<int>(leaf) != p.main_leaf || s.update.batch == 0) return all;
  return std::min(all, static_cast<double>(s.update.batch));
}

// The busiest worker's share over the mean: rows of uneven length even out as a part grows.
double Imbalance(const Problem& p, const Strategy& s, double rows) {
  if (s.workers <= 1) return 1;
  const double part = std::max(1.0, rows / s.workers);
  const double grain = std::ceil(part) / part;  // whole rows
  const double per_lane = std::ceil(static_cast<double>(s.workers) / s.lanes) * s.lanes / s.workers;
  return grain * per_lane * (1 + (p.skew - 1) / std::sqrt(part) * 0.5);
}

// Cutting the model along an axis: work divides as with rows, but slices exchange the values of the
// reductions that couple them.
double ExchangeBytes(const Problem& p, const Strategy& s) {
  if (s.partitioning != Partitioning::kModel) return 0;
  double numbers = 0;
  for (const AxisVerdict& v : p.verdict) {
    if (v.axis == s.axis) numbers = std::max(numbers, static_cast<double>(v.exchange));
  }
  const double rows = s.update.batch > 0 ? static_cast<double>(s.update.batch)
                                         : static_cast<double>(p.rows);
  return numbers * rows * static_cast<double>(SizeOf(p.bound->type)) * (s.workers - 1);
}

// Topics that a key with so many data has once they have settled: few of many.
double TopicsInUse(double data, double topics) {
  return std::min({topics, data, 4 * std::sqrt(data)});
}

// Rows that change what their keys name, in place: every number of a factor is read twice and written once, from
// a cache; as flops, for lack of a better unit.
Work KeyedWork(const Problem& p, const Statement& statement) {
  constexpr double kRow = 60, kNumber = 24;
  double row = kRow;
  for (const KeyedTerm& term : statement.predictor.term) {
    for (const KeyedFactor& f : term.factor)
      row += kNumber * (f.rank_at >= 0 ? static_cast<double>(ExtentOf(p.bound->extent, term.rank_axis)) : 1);
  }
  Work work;
  work.flops = row * static_cast<double>(p.rows);
  work.bytes = 12 * static_cast<double>(p.rows);
  return work;
}

// A sum over all keys beside the rows: how many combinations of keys, and of how many products each is
// the sum; none where f has no such sum.
struct AllKeysSize {
  double cells = 1, features = 0;
};
AllKeysSize AllKeysSizeOf(const Problem& p, const Statement& statement) {
  const Predictor& predictor = statement.predictor;
  AllKeysSize size;
  std::set<int> maps;
  for (size_t t = 0; t < predictor.all_keys.scale.size(); ++t) {
    if (predictor.all_keys.scale[t].fn == nullptr) continue;
    const KeyedTerm& term = predictor.term[t];
    size.features += term.rank_axis < 0 ? 1 : static_cast<double>(ExtentOf(p.bound->extent, term.rank_axis));
    for (const KeyedFactor& f : term.factor) {
      if (f.map >= 0 && maps.insert(f.map).second)
        size.cells *= static_cast<double>(ExtentOf(p.bound->extent, p.program->graph.symbol[f.map].target));
    }
  }
  return size;
}

// The gradient of such a sum as posts have it, by one lane: for each of its numbers all combinations that its
// key is part of, each the sum of all products.
Work AllKeysGradientWork(const Problem& p, const Statement& statement) {
  const AllKeysSize all = AllKeysSizeOf(p, statement);
  Work work;
  for (const KeyedTerm& term : statement.predictor.term)
    work.flops += 2 * static_cast<double>(term.factor.size()) * all.cells * all.features *
                  (term.rank_axis < 0 ? 1 : static_cast<double>(ExtentOf(p.bound->extent, term.rank_axis)));
  return work;
}

// Exact minimisation over what each map names: products of all pairs of its numbers for every row, and a
// factorisation for every key. As flops of a matrix product, at the share of its speed that small ones reach.
Work AlternateWork(const Problem& p, const Statement& statement) {
  constexpr double kPair = 2, kCube = 2, kRow = 60, kKey = 600;
  std::map<int, double> numbers, keys;
  for (const KeyedTerm& term : statement.predictor.term) {
    for (const KeyedFactor& f : term.factor) {
      numbers[f.map] += f.rank_at >= 0 ? static_cast<double>(ExtentOf(p.bound->extent, term.rank_axis)) : 1;
      keys[f.map] = f.map < 0 ? 1 : static_cast<double>(ExtentOf(p.bound->extent, p.program->graph.symbol[f.map].target));
    }
  }
  const AllKeysSize all = AllKeysSizeOf(p, statement);
  Work work;
  for (const auto& [map, n] : numbers) {
    if (all.features > 0) work.flops += keys[map] * kPair * (all.features * all.features + n * n);
    work.flops += static_cast<double>(p.rows) * (kRow + kPair * n * n) + keys[map] * (kKey + kCube * n * n * n / 3);
    work.bytes += 12 * static_cast<double>(p.rows);
  }
  return work;
}

// A datum that draws its topic: what it takes whatever the topics; a weight for each of them, or, sparse,
// one for each that its inner key has, and the sums above two that change. As flops, like the above.
Work SampleWork(const Problem& p, const Statement& statement, const Update& update) {
  constexpr double kRow = 2600, kTopic = 6.5, kCounted = 12, kSums = 1900, kHoist = 4;
  const Sampler& sampler = statement.sampler;
  const auto topics = static_cast<double>(ExtentOf(p.bound->extent, sampler.topic_axis));
  const auto rows = static_cast<double>(p.rows);
  const ir::Graph& graph = p.program->graph;
  Work best;
  best.flops = std::numeric_limits<double>::infinity();
  for (const SamplerForm& form : sampler.form) {
    const double keys =
        form.map < 0 ? 1 : static_cast<double>(ExtentOf(p.bound->extent, graph.symbol[form.map].target));
    Work work;
    work.bytes = 16 * rows;
    work.flops = kHoist * keys * topics;
    if (update.sampler() == "sparse") {
      if (form.count < 0) continue;
      double inner = 1;  // rows of the table that the rest is a line of
      for (const int axis : AxesOf(graph, form.count)) {
        if (axis != sampler.topic_axis) inner *= static_cast<double>(ExtentOf(p.bound->extent, axis));
      }
      work.flops += rows * (kRow + kSums + kCounted * TopicsInUse(rows / inner, topics));
    } else {
      work.flops += rows * (kRow + kTopic * topics);
    }
    if (work.flops < best.flops) best = work;
  }
  if (sampler.row_pass >= 0) {  // a factor that a pass over rows computes
    const Work pass = WorkOf(*p.program, p.program->pass[static_cast<size_t>(sampler.row_pass)], *p.bound, rows);
    best.flops += pass.flops, best.bytes += pass.bytes;
  }
  return best;
}

// Bytes of a table of counts, sparse where that is less.
double CountBytes(const Problem& p, int count) {
  const auto cells = static_cast<double>(ElementsOf(p.program->graph, count, p.bound->extent));
  return std::min(4 * cells, 8 * static_cast<double>(p.rows));
}

// Of one worker's own tables where rows are cut.
double OwnBytes(const Problem& p) {
  double bytes = 0;
  for (const int count : DelayedCounts(p.program->graph, *p.main().statement)) bytes += CountBytes(p, count);
  return bytes;
}

// A clock of a coordinate method. cd: all columns are scored, by all lanes; then a working set is
// solved: a pass or two's worth of visits where penalties keep it small, else many. sdca: an epoch, a
// row read and written. mspg: every column, read and then added.
double CoordinateMs(const Problem& p, const Strategy& s, const Work& work) {
  const Work score = work.Scaled(0.5);  // forward or backward
  const double shared = PassMs(score, *p.profile, p.bound->type, s.lanes, p.resident, 1);
  const double alone = PassMs(score, *p.profile, p.bound->type, 1, p.resident, 1);
  if (s.update.update.rule() == "sdca") return 2.5 * shared;
  if (s.update.update.rule() == "mspg") return 2 * shared;
  // A round visits a small share of the coordinates; all are scored once in a while.
  if (s.update.update.select() != "sets") return 0.1 * shared;
  return shared + (p.traits[static_cast<size_t>(p.main_leaf)].sparse ? 2 : 4) * alone;
}

void AddStages(const Problem& p, const Strategy& s, Option* o) {
  const double resident = p.resident / s.processes;
  for (size_t i = 0; i < p.leaf.size(); ++i) {
    const StateSize size = p.state[i];
    const bool main = static_cast<int>(i) == p.main_leaf;
    const Update& update = s.update.update;
    if (main && s.update.coordinates) {
      o->pass_ms += CoordinateMs(p, s, p.work[i]);
      continue;
    }
    if (main && s.update.keyed) {
      const Statement& statement = *p.leaf[i].statement;
      const Work all = statement.sampler.latent >= 0 ? SampleWork(p, statement, update)
                       : update.rule() == "als"      ? AlternateWork(p, statement)
                                                     : KeyedWork(p, statement);
      const Work work = all.Scaled(1.0 / s.processes);
      o->pass_ms += PassMs(work, *p.profile, p.bound->type, s.lanes, p.resident, 1);
      if (s.moves()) {
        const Exchange e = ExchangeOf(p, s, i, static_cast<double>(p.rows));
        // The copy takes what has arrived, and looks for what has moved.
        const double look = size.params * 6 * static_cast<double>(SizeOf(p.bound->type));
        o->pass_ms += TransferMs(look, StreamGbs(*p.profile, look, s.lanes));
        o->network_ms += e.network_ms, o->fold_ms += e.fold_ms;
        o->bytes_out += e.sent, o->messages += e.messages;
      }
      if (CutsRows(p, s))  // own tables are copied before a clock and compared after it
        o->pass_ms += TransferMs(4 * s.workers * OwnBytes(p), StreamGbs(*p.profile, p.resident, s.lanes));
      continue;
    }
    o->fold_ms += FoldMs(size, main ? update.rule() : "assign", update.memory(), *p.profile,
                         s.workers / s.processes, s.lanes);
    if (p.traits[i].all_keys)
      o->fold_ms += PassMs(AllKeysGradientWork(p, *p.leaf[i].statement), *p.profile, Type::kFloat64, 1, 0, 1);
    const Pass* pass = PassOf(*p.program, p.leaf[i]);
    if (pass == nullptr) continue;
    const double all = static_cast<double>(ExtentOf(p.bound->extent, pass->row_axis));
    const double rows = LeafRows(p, i, s, all);
    const Work work = p.work[i].Scaled(rows / all / s.processes);
    o->pass_ms += PassMs(work, *p.profile, p.bound->type, s.lanes, resident, Imbalance(p, s, rows));
    if (s.processes > 1) {
      const Exchange e = ExchangeOf(p, s, i, rows);
      o->network_ms += e.network_ms;
      o->fold_ms += e.fold_ms;
      o->pass_ms = std::max(0.5 * o->pass_ms, o->pass_ms - e.saved_ms);
      o->bytes_out += e.sent;
      o->messages += e.messages;
    }
  }
}

// What lies in memory: the data and what is as long as it, which a budget leaves on disk, and the rest.
struct Bytes {
  double data = 0, state = 0;
};

// Of a coordinate method: the data by columns (cd) beside the rows that measures read, unless it comes so;
// the parameters as masters, as kernels read them, in the monitor and in the result; of a coordinate its
// id, score and norm; of a row the predictor, slope, curvature and trials.
Bytes CoordinateBytes(const Problem& p, const Strategy& s, double params) {
  const double element = static_cast<double>(SizeOf(p.bound->type));
  double columns = 0, offsets = 0;
  for (const TensorInfo& t : p.bound->tensor) {
    if (t.format == Format::kCsc) {
      offsets += 8 * static_cast<double>(t.cols);
    } else if (t.cols > 1) {
      columns += t.format == Format::kDense
                     ? static_cast<double>(t.rows * t.cols) * element
                     : static_cast<double>(t.nnz) * (element + 4) + 8 * static_cast<double>(t.cols);
    }
  }
  const double rows = static_cast<double>(p.rows), state = params * (24 + 2 * element);
  if (s.update.update.rule() == "sdca")
    return {p.resident, state + 120 * rows + 16 * params * s.workers};
  const double seen = s.update.update.rule() == "mspg" ? 8 * (s.workers * (s.lag + 2) + s.lag) : 0;
  return {p.resident + offsets + columns, state + (72 + seen) * rows + 24 * params};
}

// Of rows that change in place: the keys and what losses read once more, in the order of blocks, with the
// order itself; the parameters as masters, as kernels read them, in place, in the monitor and in the result.
Bytes KeyedBytes(const Problem& p, const Strategy& s, double params) {
  const double element = static_cast<double>(SizeOf(p.bound->type));
  if (s.moves()) {
    // In a process of several: all rows and, in order, its own; the copy, what others know of it and what left and is not back, moves with
    // their encoding; a replica has room for those of all processes (Assembly::OwnerWindow).
    const double lag = std::max(1, s.lag);
    const double received = s.storage == Table::REPLICA ? 8 * s.processes * (2 * lag + 1) + 16 : 0;
    return {p.resident + (p.resident + 16 * static_cast<double>(p.rows)) / s.processes,
            params * (element * (3 + lag) + 8 * (lag + 2) + received)};
  }
  return {2 * p.resident + 16 * static_cast<double>(p.rows), params * (24 + 2 * element)};
}

// The same, with the rows in an order of their own for each map, and Gram matrices in up to 16 pieces.
Bytes AlternateBytes(const Problem& p, double params) {
  std::set<int> maps;
  for (const KeyedTerm& term : p.main().statement->predictor.term) {
    for (const KeyedFactor& f : term.factor) maps.insert(f.map);
  }
  const double element = static_cast<double>(SizeOf(p.bound->type));
  const double features = AllKeysSizeOf(p, *p.main().statement).features;
  const auto orders = static_cast<double>(maps.size());
  return {p.resident + orders * (p.resident + 24 * static_cast<double>(p.rows)),
          orders * 16 * element * features * features + params * (24 + 2 * element)};
}

// Of a latent: the keys in the order of blocks, with the order itself and the topic of every row; tables of
// counts; and, where something reads a table whole, its numbers as others do.
Bytes SampleBytes(const Problem& p, const Strategy& s) {
  const Sampler& sampler = p.main().statement->sampler;
  const ir::Graph& graph = p.program->graph;
  Bytes bytes{2 * p.resident + 16 * static_cast<double>(p.rows), 0};
  for (const int symbol : sampler.count) {
    const auto cells = static_cast<double>(ElementsOf(graph, symbol, p.bound->extent));
    bytes.state += CountBytes(p, symbol);
    const std::vector<int>& read = p.program->counted;
    if (std::find(read.begin(), read.end(), symbol) != read.end()) bytes.state += 28 * cells;
  }
  if (CutsRows(p, s)) bytes.state += s.workers * OwnBytes(p);
  return bytes;
}

Bytes MemoryOf(const Problem& p, const Strategy& s) {
  double params = 0, totals = 0;
  for (const StateSize& size : p.state) {
    params += size.params;
    totals += size.totals;
  }
  const double lag = std::max(1, s.lag), workers = static_cast<double>(s.workers) / s.processes;
  const double state = params * (8 * (lag + StreamsOf(s.update.update.rule(), s.update.update.memory()) / 2) +
                                 static_cast<double>(SizeOf(p.bound->type)));
  if (s.update.coordinates) return CoordinateBytes(p, s, params);
  if (s.update.update.rule() == "gibbs") return SampleBytes(p, s);
  if (s.update.update.rule() == "als") return AlternateBytes(p, params);
  if (s.update.keyed) return KeyedBytes(p, s, params);
  // A replica has room for what all processes are ahead (Assembly::OwnerWindow), but for terms.
  double received = 0;
  if (s.storage == Table::REPLICA) {
    const ir::Graph& graph = p.program->graph;
    double apart = 0;
    for (const int total : s.apart) apart += static_cast<double>(ElementsOfTotal(graph, total, p.bound->extent));
    received = 8 * ((totals - apart) * (s.merged() ? 4 : s.processes * (2 * lag + 1)) + params + totals);
    if (s.payload == Write::FACTORS) totals -= apart;
  }
  return {p.resident / s.processes, state + totals * 8 * workers * lag + received};
}

}  // namespace

double SweepMs(const Problem& p, int lanes) {
  double ms = 0;
  for (const Leaf& leaf : p.leaf) {
    if (leaf.statement->kind != StatementKind::kSweep) continue;
    // Every item reads and updates the maintained views along its column: twice the data.
    Work work;
    work.bytes = (leaf.statement->maintained.empty() ? 1 : 2) * p.resident;
    work.flops = work.bytes / static_cast<double>(SizeOf(p.bound->type)) * 2;
    ms += PassMs(work, *p.profile, p.bound->type, lanes, p.resident, 1);
  }
  return ms;
}

void EstimateCost(const Problem& p, Option* o) {
  const Strategy& s = o->strategy;
  o->pass_ms = SweepMs(p, s.lanes);
  AddStages(p, s, o);
  o->sync_ms = SyncMs(*p.profile, std::max(1, s.workers / s.processes), s.lanes,
                      static_cast<int>(p.leaf.size()));
  const double exchange = ExchangeBytes(p, s);
  o->network_ms += TransferMs(exchange, p.embedded ? p.profile->shared_gbs() : p.profile->network_gbs());
  o->bytes_out += p.embedded ? 0 : exchange / std::max(1, s.workers);
  const double cycle = o->pass_ms + o->fold_ms + o->sync_ms + o->network_ms;
  if (s.lag == 1) {
    o->clock_ms = cycle;
  } else {
    // The lag graph's bound: the cycle divided by its lag, or the busiest resource. A version more to
    // write for every fold.
    const StateSize size = p.state[static_cast<size_t>(p.main_leaf)];
    const double versions = TransferMs(size.params * 16, StreamGbs(*p.profile, size.params * 16, 1));
    const double lag = s.lag < 0 ? 1e9 : s.lag;
    const double lane = o->pass_ms + o->fold_ms + versions + o->sync_ms / 2;
    const double wire = o->network_ms - (s.processes > 1 ? p.profile->rtt_us() * 1e-3 : 0);
    o->clock_ms = std::max({cycle / lag, lane, wire});
  }
  o->start_ms = kThreadStart * (s.lanes - 1) + kProcessStart * (s.processes - 1);
  // The data by columns, beside the rows that measures read.
  if (s.update.coordinates && s.update.update.rule() != "sdca")
    o->start_ms += TransferMs(4 * p.resident, p.profile->memory_gbs_one());
  o->low_ms = o->clock_ms * 0.8;
  o->high_ms = o->clock_ms * 1.5;
  const Bytes bytes = MemoryOf(p, s);
  const auto budget = static_cast<double>(p.request->memory.value_or(std::numeric_limits<int64_t>::max()));
  o->memory = std::min(bytes.data, budget) + bytes.state;
  const double staleness = s.lag > 1 ? s.lag - 1 : s.lag < 0 ? s.workers : 0;
  const bool assigns = s.update.update.rule() == "assign";
  const bool certified = s.update.update.rule() == "mspg";  // L_f + 2 L s for L_f, and L >= L_f
  const double cost = certified ? 2 : assigns ? kStaleAssignmentCost : s.update.mini_batch ? kStaleStepCost : kStalenessCost;
  o->clocks = std::ceil(s.update.clocks * (1 + cost * staleness));
  if (CutsRows(p, s)) o->clocks *= 1 + kCutCost;
  // Workers that add up dual steps take shorter ones, for some of what the others do.
  if (s.update.update.rule() == "sdca") o->clocks *= 1 + kSharedDual * (s.workers - 1);
}

}  // namespace gyre
