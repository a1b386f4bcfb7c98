#include "ops/coordinate/schedule.h"

#include <algorithm>
#include <cmath>

#include "ops/contract.h"

namespace gyre {
namespace {

constexpr size_t kRemembered = size_t{1} << 23;  // couplings, 24 bytes each
constexpr int64_t kMostDraws = 8;   // per unit of a round, before a round is left smaller
constexpr int64_t kMostGrowth = 4;  // units of an evened round, as a multiple of what was asked for
constexpr double kEven = 0.95;      // share of the workers' time that an evened round should use

uint64_t Key(UnitId id) {
  return static_cast<uint64_t>(id.part()) << 56 | static_cast<uint64_t>(id.unit());
}

}  // namespace

// ---- UnitCoupling.

ColumnCoupling::ColumnCoupling(const std::vector<Part>* parts, const double* weight, int64_t rows)
    : parts_(parts), weight_(weight), rows_(rows) {
  for (const Part& part : *parts) {
    norm_.emplace_back(static_cast<size_t>(part.columns.size), -1.0);
    sparse_ = sparse_ && part.columns.sparse() && part.unit_columns() == 1;
  }
}

double ColumnCoupling::Of(UnitId a, UnitId b) {
  const std::pair<uint64_t, uint64_t> key = std::minmax(Key(a), Key(b));
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  // A round asks for one unit against all that are in: that one is spread once.
  const bool swap = any_spread_ && spread_ == b;
  const double coupling = swap ? Compute(b, a) : Compute(a, b);
  ++computed_;
  if (known_.size() >= kRemembered) known_.clear();
  known_.emplace(key, coupling);
  return coupling;
}

double ColumnCoupling::Norm(UnitId a, int64_t column) {
  double& norm = norm_[static_cast<size_t>(a.part())][static_cast<size_t>(column)];
  if (norm < 0) {
    double sum = 0;
    WithColumns((*parts_)[static_cast<size_t>(a.part())].columns, [&](const auto& view) {
      if (weight_ == nullptr) {
        sum = view.SquaredNorm(column);
      } else {
        view.ForEach(column, [&](int64_t i, double x) { sum += weight_[i] * x * x; });
      }
    });
    norm = std::sqrt(std::max(sum, 0.0));
  }
  return norm;
}

void ColumnCoupling::Spread(UnitId a) {
  const auto each_entry = [&](UnitId id, auto f) {
    const Part& part = (*parts_)[static_cast<size_t>(id.part())];
    WithColumns(part.columns, [&](const auto& view) {
      for (int64_t c = 0; c < part.unit_columns(); ++c) {
        double* const to = dense_.data() + c * rows_;
        view.ForEach(part.column(id.unit(), c), [&](int64_t i, double x) { f(to, i, x); });
      }
    });
  };
  // Only what was written is cleared: most columns are sparse.
  if (any_spread_) each_entry(spread_, [](double* to, int64_t i, double) { to[i] = 0; });
  const int64_t columns = (*parts_)[static_cast<size_t>(a.part())].unit_columns();
  if (static_cast<int64_t>(dense_.size()) < columns * rows_)
    dense_.resize(static_cast<size_t>(columns * rows_), 0.0);
  each_entry(a, [&](double* to, int64_t i, double x) {
    to[i] = (weight_ == nullptr ? 1 : weight_[i]) * x;
  });
  spread_ = a;
  any_spread_ = true;
}

double ColumnCoupling::Compute(UnitId a, UnitId b) {
  const Part& of_a = (*parts_)[static_cast<size_t>(a.part())];
  const Part& of_b = (*parts_)[static_cast<size_t>(b.part())];
  const auto single = [](const Columns& c) {
    return !c.ones && c.block.format == Format::kDense && c.block.type == Type::kFloat32;
  };
  double most = 0;
  // The common case, in float: the columns as they lie there, to what float makes of a threshold.
  if (weight_ == nullptr && of_a.unit_columns() == 1 && of_b.unit_columns() == 1 &&
      single(of_a.columns) && single(of_b.columns)) {
    const int64_t i = of_a.column(a.unit(), 0), j = of_b.column(b.unit(), 0);
    const double norms = Norm(a, i) * Norm(b, j);
    if (norms <= 0) return 0;
    const float* const x = of_a.columns.block.data<float>() + i * of_a.columns.block.stride;
    float dot = 0;
    RowsTimesVector<float>(of_b.columns.block, j, 1, x, &dot);
    return std::abs(static_cast<double>(dot)) / norms;
  }
  if (!any_spread_ || spread_ != a) Spread(a);
  WithColumns(of_b.columns, [&](const auto& view) {
    for (int64_t c = 0; c < of_a.unit_columns(); ++c) {
      const double norm = Norm(a, of_a.column(a.unit(), c));
      for (int64_t d = 0; d < of_b.unit_columns(); ++d) {
        const int64_t column = of_b.column(b.unit(), d);
        const double norms = norm * Norm(b, column);
        if (norms <= 0) continue;  // a column of zeros moves nothing
        most = std::max(most, std::abs(view.Dot(column, dense_.data() + c * rows_)) / norms);
      }
    }
  });
  return most;
}

// Makes the entries at hand those of `in`; a round only ever adds to what it asked about before.
void ColumnCoupling::Index(const std::vector<UnitId>& in) {
  const auto each_entry = [&](UnitId id, auto f) {
    WithColumns((*parts_)[static_cast<size_t>(id.part())].columns,
                [&](const auto& view) { view.ForEach(id.unit(), f); });
  };
  if (indexed_.size() > in.size() || !std::equal(indexed_.begin(), indexed_.end(), in.begin())) {
    for (const UnitId id : indexed_)
      each_entry(id, [&](int64_t i, double) { first_[static_cast<size_t>(i)] = -1; });
    indexed_.clear(), entry_.clear();
  }
  first_.resize(static_cast<size_t>(rows_), -1);
  for (size_t k = indexed_.size(); k < in.size(); ++k) {
    each_entry(in[k], [&](int64_t i, double x) {
      int32_t& first = first_[static_cast<size_t>(i)];
      const double w = weight_ == nullptr ? 1 : weight_[i];
      entry_.push_back({static_cast<uint32_t>(k), first, w * x});
      first = static_cast<int32_t>(entry_.size() - 1);
    });
    indexed_.push_back(in[k]);
  }
}

bool ColumnCoupling::Any(UnitId a, const std::vector<UnitId>& in, double rho) {
  if (!sparse_) return UnitCoupling::Any(a, in, rho);
  Index(in);
  dot_.assign(in.size(), 0.0);
  WithColumns((*parts_)[static_cast<size_t>(a.part())].columns, [&](const auto& view) {
    view.ForEach(a.unit(), [&](int64_t i, double x) {
      for (int32_t e = first_[static_cast<size_t>(i)]; e >= 0;) {
        const Entry& entry = entry_[static_cast<size_t>(e)];
        dot_[entry.unit] += x * entry.value;
        e = entry.next;
      }
    });
  });
  for (size_t k = 0; k < in.size(); ++k) {
    if (dot_[k] == 0) continue;
    const double norms = Norm(a, a.unit()) * Norm(in[k], in[k].unit());
    if (norms > 0 && std::abs(dot_[k]) > rho * norms) return true;
  }
  return false;
}

// ---- Draws.

void SumTree::Assign(const std::vector<double>& value) {
  size_ = value.size();
  leaves_ = 1;
  while (leaves_ < size_) leaves_ *= 2;
  sum_.assign(2 * leaves_, 0.0);
  std::copy(value.begin(), value.end(), sum_.begin() + static_cast<std::ptrdiff_t>(leaves_));
  for (size_t k = leaves_ - 1; k > 0; --k) sum_[k] = sum_[2 * k] + sum_[2 * k + 1];
}

void SumTree::Set(size_t k, double value) {
  size_t at = leaves_ + k;
  if (sum_[at] == value) return;
  sum_[at] = value;
  while (at > 1) {
    at /= 2;
    sum_[at] = sum_[2 * at] + sum_[2 * at + 1];
  }
}

size_t SumTree::Draw(double u) const {
  double rest = u * total();
  size_t at = 1;
  while (at < leaves_) {
    at *= 2;
    // Rounding must not lead to where there is nothing.
    if (rest >= sum_[at] && sum_[at + 1] > 0) rest -= sum_[at++];
  }
  return at - leaves_;
}

// SplitMix64 (Steele, Lea and Flood 2014).
uint64_t CounterRandom::Next() {
  uint64_t z = seed_ * 0xd1342543de82ef95u + ++count_ * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// ---- Rounds.

Scheduler::Scheduler(const Options& options, std::vector<UnitId> units, std::vector<int64_t> work,
                     UnitCoupling* coupling)
    : options_(options),
      units_(std::move(units)),
      work_(std::move(work)),
      coupling_(coupling),
      random_(options.seed),
      total_(static_cast<size_t>(options.workers), 0) {
  Reset(std::vector<double>(units_.size(), 0.0));
}

void Scheduler::Reset(const std::vector<double>& priority) {
  if (Prioritised(options_.schedule)) tree_.Assign(priority);
  out_.assign(units_.size(), false);
  in_ = units_.size();
}

void Scheduler::Return(uint32_t k, double priority) {
  if (Prioritised(options_.schedule)) tree_.Set(k, priority);
  if (out_[k]) ++in_;
  out_[k] = false;
}

// In proportion to priority + eta mean(priority): with eta of 1 + eta, any unit.
bool Scheduler::DrawOne(uint32_t* k) {
  if (in_ == 0) return false;
  const bool by_priority = tree_.total() > 0 && random_.Uniform() * (1 + options_.eta) < 1;
  if (by_priority) {
    *k = static_cast<uint32_t>(tree_.Draw(random_.Uniform()));
    return true;
  }
  const auto any = [&] {
    return std::min(static_cast<size_t>(random_.Uniform() * static_cast<double>(units_.size())),
                    units_.size() - 1);
  };
  size_t at = any();
  for (int tries = 0; out_[at] && tries < 32; ++tries) at = any();
  while (out_[at]) at = at + 1 < units_.size() ? at + 1 : 0;  // almost all are out
  *k = static_cast<uint32_t>(at);
  return true;
}

void Scheduler::Draw(std::vector<std::vector<uint32_t>>* blocks) {
  const auto workers = static_cast<size_t>(options_.workers);
  const int64_t size = options_.workers * options_.per_worker;
  const bool balanced = Balanced(options_.schedule);
  const bool filtered = Filtered(options_.schedule);
  const bool prioritised = Prioritised(options_.schedule);
  blocks->resize(workers);
  for (auto& block : *blocks) block.clear();
  drawn_.clear(), drawn_units_.clear();
  std::vector<std::pair<uint32_t, double>> refused;
  int64_t all = 0, most = 0;
  const auto full = [&] {
    const auto drawn = static_cast<int64_t>(drawn_.size());
    // With nothing left that is likely to move, one unit each to look for others.
    if (prioritised && drawn >= options_.workers && tree_.total() <= 0) return true;
    if (!balanced || drawn < size) return drawn >= size;
    const double even = kEven * static_cast<double>(most) * static_cast<double>(workers);
    return drawn >= kMostGrowth * size || static_cast<double>(all) >= even;
  };
  uint32_t k = 0;
  for (int64_t draws = 0; draws < kMostDraws * size && !full() && DrawOne(&k); ++draws) {
    const double priority = prioritised ? tree_.at(k) : 0;
    if (prioritised) tree_.Set(k, 0);
    out_[k] = true;
    --in_;
    if (filtered && coupling_->Any(units_[k], drawn_units_, options_.rho)) {
      refused.emplace_back(k, priority);
      continue;
    }
    drawn_.push_back(k), drawn_units_.push_back(units_[k]);
    all += work_[k];
    most = std::max(most, work_[k]);
  }
  rejected_ += static_cast<int64_t>(refused.size());
  for (const auto& [at, priority] : refused) Return(at, priority);

  if (!balanced) {
    for (size_t i = 0; i < drawn_.size(); ++i) (*blocks)[i % workers].push_back(drawn_[i]);
    return;
  }
  // The longest first, each to the worker with the least in this round (Graham 1969); of several,
  // to the one with the least so far.
  std::sort(drawn_.begin(), drawn_.end(), [&](uint32_t a, uint32_t b) {
    return work_[a] != work_[b] ? work_[a] > work_[b] : a < b;
  });
  std::vector<int64_t> load(workers, 0);
  for (const uint32_t at : drawn_) {
    size_t least = 0;
    for (size_t w = 1; w < workers; ++w)
      if (std::pair(load[w], total_[w]) < std::pair(load[least], total_[least])) least = w;
    load[least] += work_[at], total_[least] += work_[at];
    (*blocks)[least].push_back(at);
  }
}

}  // namespace gyre
