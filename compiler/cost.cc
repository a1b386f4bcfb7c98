#include "compiler/cost.h"

#include <algorithm>
#include <cmath>

namespace gyre {
namespace {

// Fractions of the peak rate of multiply-adds: a blocked matrix product, and loops that load an
// operand for every multiply-add (bounded by the load ports rather than by arithmetic).
constexpr double kMatrixShare = 0.7;
constexpr double kVectorShare = 0.35;

const TensorInfo* TensorOf(const BoundInfo& bound, absl::string_view symbol) {
  for (const TensorInfo& t : bound.tensor) {
    if (t.symbol == symbol) return &t;
  }
  return nullptr;
}

double BytesOf(const TensorInfo& t) {
  const double entry = static_cast<double>(SizeOf(t.type));
  if (t.format == Format::kDense) return static_cast<double>(t.rows) * static_cast<double>(t.cols) * entry;
  return static_cast<double>(t.nnz) * (entry + 4) + static_cast<double>(t.rows) * 8;
}

double WidthOf(const Contraction& c, const BoundInfo& bound) {
  double width = 1;
  for (const int axis : c.axes) width *= static_cast<double>(ExtentOf(bound.extent, axis));
  return width;
}

void AddContraction(const Program& program, const Contraction& c, const BoundInfo& bound,
                    double rows, double share, Work* work) {
  const double width = WidthOf(c, bound);
  const TensorInfo* t =
      c.symbol < 0 ? nullptr : TensorOf(bound, Name(program.graph.symbol[c.symbol].name));
  const double entries = t == nullptr ? rows : static_cast<double>(t->nnz) * share;
  const double flops = 2 * entries * width;
  work->flops += flops;
  if (width >= 4) work->matrix_flops += flops;
  if (t != nullptr && t->format != Format::kDense) {
    // One access brings a run of `width` numbers; beyond a line of 64 bytes it streams.
    const double element = static_cast<double>(SizeOf(bound.type));
    work->gathers += entries * std::max(1.0, width * element / 64);
    work->gather_span = std::max(work->gather_span, static_cast<double>(t->cols) * width * element);
  }
}

double GatherRate(const Profile& p, double span, int lanes) {
  const double each = span <= static_cast<double>(p.l2_bytes())   ? p.random_mops_l2()
                      : span <= static_cast<double>(p.l3_bytes()) ? p.random_mops_l3()
                                                                  : p.random_mops_memory();
  return each * 1e3 * lanes;  // a millisecond
}

}  // namespace

Work& Work::operator+=(const Work& o) {
  flops += o.flops;
  matrix_flops += o.matrix_flops;
  bytes += o.bytes;
  gathers += o.gathers;
  gather_span = std::max(gather_span, o.gather_span);
  return *this;
}

Work Work::Scaled(double f) const {
  return {flops * f, matrix_flops * f, bytes * f, gathers * f, gather_span};
}

Work WorkOf(const Program& program, const Pass& pass, const BoundInfo& bound, double rows) {
  Work work;
  const double all = static_cast<double>(ExtentOf(bound.extent, pass.row_axis));
  const double share = rows / all;
  for (const int symbol : pass.data) {
    const TensorInfo* t = TensorOf(bound, Name(program.graph.symbol[symbol].name));
    if (t != nullptr) work.bytes += BytesOf(*t) * share;
  }
  for (const Contraction& c : pass.contraction) {
    AddContraction(program, c, bound, rows, share, &work);
  }
  for (const SumAlong& sum : pass.along) {
    constexpr double kRow = 30, kElement = 2;  // reads and additions
    const auto extent = static_cast<double>(ExtentOf(bound.extent, sum.axis)), element = static_cast<double>(SizeOf(bound.type));
    work.flops += rows * (kRow + (kElement + sum.flops) * extent);
    for (const int symbol : sum.param) {
      work.gathers += rows * std::max(1.0, extent * element / 64);
      work.gather_span = std::max(work.gather_span, element * static_cast<double>(ElementsOf(program.graph, symbol, bound.extent)));
    }
  }
  work.flops += pass.flops_per_row * rows;
  return work;
}

double StreamGbs(const Profile& p, double resident, int lanes) {
  const double memory = std::min(p.memory_gbs_one() * lanes, p.memory_gbs_all());
  if (resident / lanes <= 0.8 * static_cast<double>(p.l2_bytes())) return p.cache_gbs_one() * lanes;
  // The last level lies between: half the speed of L2 until it is full.
  if (resident <= 0.8 * static_cast<double>(p.l3_bytes())) {
    return std::max(memory, 0.5 * p.cache_gbs_one() * lanes);
  }
  return memory;
}

double PassMs(const Work& work, const Profile& p, Type type, int lanes, double resident,
              double skew) {
  const double peak = (type == Type::kFloat32 ? p.gflops_f32() : p.gflops_f64()) * 1e6 * lanes;
  const double vector_flops = work.flops - work.matrix_flops;
  const double arithmetic =
      work.matrix_flops / (kMatrixShare * peak) + vector_flops / (kVectorShare * peak);
  const double streaming = TransferMs(work.bytes, StreamGbs(p, resident, lanes));
  const double gathering = work.gathers / GatherRate(p, work.gather_span, lanes);
  return (std::max(arithmetic, streaming) + gathering) * std::max(1.0, skew);
}

StateSize StateOf(const Program& program, const Leaf& leaf, const BoundInfo& bound) {
  StateSize size;
  for (const int p : Changed(leaf)) {
    size.params += static_cast<double>(ElementsOf(program.graph, p, bound.extent));
  }
  const int pass = leaf.statement->pass;
  if (pass >= 0) {
    for (const int t : program.pass[static_cast<size_t>(pass)].total) {
      size.totals += static_cast<double>(ElementsOfTotal(program.graph, t, bound.extent));
    }
  }
  return size;
}

double StreamsOf(const std::string& rule, int memory) {
  if (rule == "fista") return 8;
  if (rule == "lbfgs" || rule == "owlqn") return 8 + 4.0 * memory;
  if (rule == "adam") return 6;
  if (rule == "sgd" || rule == "adagrad") return 4;
  return 3;  // assign
}

double FoldMs(const StateSize& state, const std::string& rule, int memory, const Profile& p,
              int workers, int lanes) {
  constexpr double kDouble = sizeof(double);
  // Each worker's accumulator is zeroed, then read by the fold; of the lanes' own work that is local.
  const double local = state.totals * kDouble * (2.0 * workers) / lanes;
  const double shared = lanes > 1 ? state.totals * kDouble * (lanes - 1) / lanes : 0;
  const double g = state.params * kDouble * StreamsOf(rule, memory);
  const double bandwidth = StreamGbs(p, g, 1);
  return TransferMs(local, StreamGbs(p, local, 1)) + TransferMs(shared, p.shared_gbs()) +
         TransferMs(g, bandwidth);
}

double SyncMs(const Profile& p, int workers, int lanes, int stages) {
  const double per_lane = std::ceil(static_cast<double>(workers) / lanes);
  const double instances = per_lane * 2 * stages * p.task_us();  // a gather and a share of the fold
  const double hand_overs = lanes > 1 ? 2.0 * stages * p.sync_us() : 0;
  return (instances + hand_overs) * 1e-3;
}

}  // namespace gyre
