#include "runtime/driver/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/data/memory.h"
#include "runtime/driver/csv_field.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;

// Rows predicted at once, or those of one that asks, if these are more.
constexpr int64_t kRowsAtOnce = 1 << 14;

bool OverRows(const ir::Symbol& s, int row_axis) {
  return std::find(s.axis, s.axis + s.rank, row_axis) != s.axis + s.rank;
}

// Why a prediction cannot be ranked; empty: it can, and `out` says how.
std::string WhyNot(const Program& program, const Prediction& prediction, RankedPrediction* out) {
  const ir::Graph& graph = program.graph;
  if (prediction.pass < 0) return StrCat(prediction.name, " is not of rows");
  const Pass& pass = program.pass[static_cast<size_t>(prediction.pass)];
  if (!pass.row_axes.empty()) return StrCat(prediction.name, " is several numbers a row");
  out->prediction = &prediction;
  out->pass = &pass;
  int other = -1;
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (std::find(pass.data.begin(), pass.data.end(), s) == pass.data.end()) continue;
    const ir::Symbol& symbol = graph.symbol[s];
    if (!OverRows(symbol, pass.row_axis)) {
      out->tables.push_back(s);
    } else if (symbol.kind == ir::Kind::kMap && symbol.rank == 1) {
      out->key.push_back(s);
    } else {
      other = s;
    }
  }
  if (out->key.size() < 2) return StrCat(prediction.name, " is not of rows that name two keys");
  if (other >= 0)
    return StrCat(prediction.name, " reads ", NameOf(graph, other),
                  " of its row, which a pair that is not in the data does not have");
  return "";
}

// Everyone who asks: positions of the keys that are not ranked, and what each has a row for.
struct Asked {
  std::vector<std::vector<int32_t>> at;  // by key; empty for the ranked one
  std::vector<size_t> begin;             // by who asks, and one more: where in `known`
  std::vector<int32_t> known;            // positions of the ranked key, ascending
  size_t size() const { return begin.size() - 1; }
};

Asked AskedByModel(const RankedPrediction& ranked, int64_t extent) {
  Asked asked;
  asked.at.resize(ranked.key.size());
  asked.at[0].resize(static_cast<size_t>(extent));
  std::iota(asked.at[0].begin(), asked.at[0].end(), 0);
  asked.begin.assign(static_cast<size_t>(extent) + 1, 0);
  return asked;
}

// Rows in the order of a key's positions, rows with equal ones as they were.
void SortBy(const Block& key, int64_t extent, std::vector<int64_t>* rows) {
  const int32_t* const at = key.data<int32_t>();
  std::vector<size_t> place(static_cast<size_t>(extent) + 1, 0);
  for (const int64_t r : *rows) ++place[static_cast<size_t>(at[r * key.stride]) + 1];
  std::partial_sum(place.begin(), place.end(), place.begin());
  std::vector<int64_t> sorted(rows->size());
  for (const int64_t r : *rows) sorted[place[static_cast<size_t>(at[r * key.stride])]++] = r;
  *rows = std::move(sorted);
}

Asked AskedByData(const ir::Graph& graph, const RankedPrediction& ranked, const Dataset& data) {
  std::vector<Block> key;
  for (const int s : ranked.key) key.push_back(data.block[static_cast<size_t>(s)]);
  const auto position = [&](size_t k, int64_t row) {
    return key[k].data<int32_t>()[row * key[k].stride];
  };
  std::vector<int64_t> rows(static_cast<size_t>(key[0].rows));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::vector<size_t> order = {1};  // the least significant first
  for (size_t k = key.size(); k-- > 0;)
    if (k != 1) order.push_back(k);
  for (const size_t k : order) {
    const int target = graph.symbol[ranked.key[k]].target;
    SortBy(key[k], data.info.extent[static_cast<size_t>(target)], &rows);
  }
  Asked asked;
  asked.at.resize(key.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    bool fresh = i == 0;
    for (size_t k = 0; k < key.size(); ++k)
      fresh = fresh || (k != 1 && position(k, rows[i]) != position(k, rows[i - 1]));
    if (fresh) {
      asked.begin.push_back(asked.known.size());
      for (size_t k = 0; k < key.size(); ++k)
        if (k != 1) asked.at[k].push_back(position(k, rows[i]));
    }
    asked.known.push_back(position(1, rows[i]));
  }
  asked.begin.push_back(asked.known.size());
  return asked;
}

// Writes the best of one that asks.
class Writer {
 public:
  Writer(const Model& model, const RankedPrediction& ranked, const Asked& asked, int64_t top,
         Ranking* out)
      : model_(model), ranked_(ranked), asked_(asked), top_(top), out_(out) {}

  // `score` by position of the ranked key.
  void One(size_t who, const std::vector<double>& score) {
    left_.clear();
    size_t known = asked_.begin[who];
    const size_t end = asked_.begin[who + 1];
    for (size_t i = 0; i < score.size(); ++i) {
      while (known < end && asked_.known[known] < static_cast<int32_t>(i)) ++known;
      if (known == end || asked_.known[known] != static_cast<int32_t>(i)) left_.push_back(i);
    }
    const auto order = [&](size_t i) {  // what is no number comes last
      return std::isnan(score[i]) ? -std::numeric_limits<double>::infinity() : score[i];
    };
    const size_t shown = std::min(left_.size(), static_cast<size_t>(top_));
    const auto middle = left_.begin() + static_cast<std::ptrdiff_t>(shown);
    std::partial_sort(left_.begin(), middle, left_.end(), [&](size_t a, size_t b) {
      return order(a) != order(b) ? order(a) > order(b) : a < b;
    });
    for (size_t i = 0; i < shown; ++i) {
      for (size_t k = 0; k < ranked_.key.size(); ++k)
        absl::StrAppend(&out_->csv,
                        Name(k, k == 1 ? left_[i] : static_cast<size_t>(asked_.at[k][who])), ",");
      absl::StrAppendFormat(&out_->csv, "%.9g\n", score[left_[i]]);
    }
    ++out_->asked;
    if (shown < static_cast<size_t>(top_)) ++out_->fewer;
  }

 private:
  std::string Name(size_t k, size_t position) const {
    const auto names = model_.label.find(ranked_.key[k]);
    const bool named = names != model_.label.end() && position < names->second.size();
    return named ? CsvField(names->second[position]) : StrCat(position);
  }

  const Model& model_;
  const RankedPrediction& ranked_;
  const Asked& asked_;
  const int64_t top_;
  Ranking* const out_;
  std::vector<size_t> left_;
};

}  // namespace

absl::StatusOr<RankedPrediction> FindRanked(const Program& program, bool has_data) {
  std::vector<std::string> why;
  for (const Prediction& prediction : program.prediction) {
    RankedPrediction found;
    why.push_back(WhyNot(program, prediction, &found));
    if (!why.back().empty()) continue;
    if (!has_data && (found.key.size() > 2 || !found.tables.empty() || program.build >= 0))
      return InvalidArgumentError(StrCat("--top: ", prediction.name,
                                         " takes more than a pair of keys; give the data that asks "
                                         "by --data=FILE"));
    return found;
  }
  if (why.empty()) why.emplace_back("there is no prediction");
  return InvalidArgumentError(
      StrCat("--top ranks predictions of rows that name two keys, like score(user(r), item(r)); in "
             "this program ",
             absl::StrJoin(why, ", ")));
}

absl::StatusOr<Ranking> Rank(const Program& program, const Model& model, const Dataset& data,
                             const RankedPrediction& ranked, int64_t top, Evaluator* evaluator) {
  const ir::Graph& graph = program.graph;
  const auto extent_of = [&](size_t k) {
    return model.extent[static_cast<size_t>(graph.symbol[ranked.key[k]].target)];
  };
  const int64_t choices = extent_of(1);
  if (top > choices)
    return InvalidArgumentError(StrCat("--top=", top, ": there are ", choices, " positions of ",
                                       NameOf(graph, ranked.ranked()), "; give at most ", choices));
  const Asked asked =
      data.empty() ? AskedByModel(ranked, extent_of(0)) : AskedByData(graph, ranked, data);
  Ranking out;
  for (const int s : ranked.key) absl::StrAppend(&out.csv, CsvField(NameOf(graph, s)), ",");
  absl::StrAppend(&out.csv, CsvField(ranked.prediction->name), "\n");

  std::vector<Block> block = data.block;
  block.resize(static_cast<size_t>(graph.symbol.size));
  const int64_t at_once = std::max<int64_t>(1, kRowsAtOnce / choices);
  std::vector<OwnedBlock> key;
  for (const int s : ranked.key) {
    key.push_back(MakeDense(Type::kInt32, at_once * choices, 1));
    block[static_cast<size_t>(s)] = key.back().block;
  }
  for (int64_t r = 0; r < at_once * choices; ++r)
    key[1].mutable_values<int32_t>()[r] = static_cast<int32_t>(r % choices);

  std::vector<double> score(static_cast<size_t>(choices));
  Writer writer(model, ranked, asked, top, &out);
  const auto all = static_cast<int64_t>(asked.size());
  for (int64_t begin = 0; begin < all; begin += at_once) {
    const int64_t count = std::min(at_once, all - begin);
    for (size_t k = 0; k < key.size(); ++k) {
      if (k == 1) continue;
      int32_t* const to = key[k].mutable_values<int32_t>();
      for (int64_t i = 0; i < count; ++i)
        std::fill_n(to + i * choices, choices, asked.at[k][static_cast<size_t>(begin + i)]);
    }
    evaluator->EachRow(*ranked.pass, block, count * choices,
                       [&](int64_t row, absl::Span<const double> value) {
                         const int64_t at = row % choices;
                         score[static_cast<size_t>(at)] = value[0];
                         if (at + 1 == choices)
                           writer.One(static_cast<size_t>(begin + row / choices), score);
                       });
  }
  return out;
}

}  // namespace gyre::driver
