#include "runtime/driver/result_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/driver/progress.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

constexpr size_t kShown = 5;

// Names along an axis: those of a matrix's columns, or of the labels of a map onto it.
const std::vector<std::string>* NamesAlong(const ir::Graph& graph, const Model& model, int axis) {
  for (const auto& [symbol, names] : model.column) {
    if (graph.symbol[symbol].rank == 2 && graph.symbol[symbol].axis[1] == axis) return &names;
  }
  for (const auto& [symbol, names] : model.label) {
    if (graph.symbol[symbol].target == axis) return &names;
  }
  return nullptr;
}

}  // namespace

std::string PlaceName(const ir::Graph& graph, const Model& model, int symbol, size_t cell) {
  const ir::Symbol& s = graph.symbol[symbol];
  std::vector<std::string> parts(static_cast<size_t>(s.rank));
  for (int i = s.rank - 1; i >= 0; --i) {
    const size_t extent = static_cast<size_t>(model.extent[static_cast<size_t>(s.axis[i])]);
    const size_t at = cell % extent;
    cell /= extent;
    const std::vector<std::string>* names = NamesAlong(graph, model, s.axis[i]);
    const bool named = names != nullptr && at < names->size() && !(*names)[at].empty();
    parts[static_cast<size_t>(i)] = named ? (*names)[at] : absl::StrCat(at);
  }
  return parts.size() == 1
             ? (NamesAlong(graph, model, s.axis[0]) == nullptr ? absl::StrCat("[", parts[0], "]")
                                                               : parts[0])
             : absl::StrCat("[", absl::StrJoin(parts, ","), "]");
}

namespace {

std::string LargestText(const ir::Graph& graph, const Model& model, int symbol) {
  const std::vector<double>& values = model.parameter[static_cast<size_t>(symbol)];
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t shown = std::min(kShown, values.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](size_t a, size_t b) { return std::abs(values[a]) > std::abs(values[b]); });
  std::vector<std::string> words;
  for (size_t i = 0; i < shown && values[order[i]] != 0; ++i) {
    words.push_back(
        absl::StrFormat("%s %.4g", PlaceName(graph, model, symbol, order[i]), values[order[i]]));
  }
  return absl::StrJoin(words, ", ");
}

}  // namespace

std::string OutcomeText(const Program& program, const RunResult& result,
                        const std::string& stop_reason) {
  std::string text = absl::StrFormat("stopped    %s after %d clocks, %s of training", stop_reason,
                                     result.clocks, Seconds(result.train_seconds));
  if (!result.detail.empty()) absl::StrAppend(&text, ": ", result.detail);
  text += "\n";
  if (!result.certificate.empty()) absl::StrAppend(&text, "certified  ", result.certificate, "\n");
  if (!std::isnan(result.objective))
    absl::StrAppendFormat(&text, "objective  %.8g\n", result.objective);
  for (size_t i = 0; i < result.measure.size() && i < program.measure.size(); ++i) {
    absl::StrAppendFormat(&text, "%-9s  %.6g  (%s)\n", program.measure[i].name, result.measure[i],
                          result.measured_on_test ? "held-out data" : "training data");
  }
  return text;
}

std::string ParameterText(const Program& program, const Model& model) {
  std::string text;
  for (int s = 0; s < program.graph.symbol.size; ++s) {
    const std::vector<double>& values = model.parameter[static_cast<size_t>(s)];
    if (values.empty()) continue;
    if (program.graph.symbol[s].rank == 0) {
      absl::StrAppendFormat(&text, "%-9s  %.6g\n", NameOf(program.graph, s), values[0]);
      continue;
    }
    const auto zeros = std::count(values.begin(), values.end(), 0.0);
    absl::StrAppendFormat(&text, "%-9s  %d values", Signature(program.graph, s), values.size());
    if (zeros > 0)
      absl::StrAppendFormat(&text, ", %d not zero", static_cast<int64_t>(values.size()) - zeros);
    const std::string largest = LargestText(program.graph, model, s);
    absl::StrAppend(&text, largest.empty() ? "" : "; largest ", largest, "\n");
  }
  return text;
}

namespace {

constexpr size_t kTopics = 20, kNames = 9, kMostNumbers = 50;

// Names that say nothing: the numbers of many.
bool AreNumbers(const std::vector<std::string>& names) {
  return names.size() > kMostNumbers &&
         std::all_of(names.begin(), names.end(), [](const std::string& name) {
           return name.find_first_not_of("0123456789") == std::string::npos;
         });
}

// The names with the largest values for each position of axis `topic` of a table of two axes, for the
// positions with the most.
std::string NamesText(const ir::Graph& graph, const Model& model, int symbol, int topic) {
  const ir::Symbol& s = graph.symbol[symbol];
  const std::vector<double>& value = model.parameter[static_cast<size_t>(symbol)];
  const std::vector<std::string>* names = NamesAlong(graph, model, s.axis[1 - topic]);
  if (names == nullptr || value.empty() || AreNumbers(*names)) return "";
  const auto topics = static_cast<size_t>(model.extent[static_cast<size_t>(s.axis[topic])]);
  const size_t keys = value.size() / std::max<size_t>(1, topics);
  const auto at = [&](size_t key, size_t k) {
    return value[topic == 1 ? key * topics + k : k * keys + key];
  };
  std::vector<double> size(topics);
  for (size_t k = 0; k < topics; ++k) {
    for (size_t i = 0; i < keys; ++i) size[k] += at(i, k);
  }
  const double all = std::accumulate(size.begin(), size.end(), 0.0);
  if (!(all > 0)) return "";
  std::vector<size_t> order(topics);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size[a] > size[b]; });
  std::string text = absl::StrFormat("\n%s, its share of %s, and %s with the most of it\n",
                                     graph.axis[s.axis[topic]].name, s.name,
                                     graph.axis[s.axis[1 - topic]].name);
  for (size_t t = 0; t < std::min(topics, kTopics) && size[order[t]] > 0; ++t) {
    std::vector<size_t> key(keys);
    std::iota(key.begin(), key.end(), size_t{0});
    const size_t shown = std::min(kNames, keys);
    std::partial_sort(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(shown), key.end(),
                      [&](size_t a, size_t b) { return at(a, order[t]) > at(b, order[t]); });
    std::vector<std::string> words;
    for (size_t i = 0; i < shown && at(key[i], order[t]) > 0; ++i)
      words.push_back(key[i] < names->size() ? (*names)[key[i]] : absl::StrCat(key[i]));
    absl::StrAppendFormat(&text, "%5d %5.1f%%  %s\n", order[t], 100 * size[order[t]] / all,
                          absl::StrJoin(words, ", "));
  }
  if (topics > kTopics) absl::StrAppendFormat(&text, "  ... the %d largest of %d\n", kTopics, topics);
  return text;
}

// Which axis of a table of two is that of its topics: the latent's, of counts; of a parameter that is
// nowhere negative (a part of a factorisation), the one without names. -1: it is no such table.
int TopicAxis(const ir::Graph& graph, const Model& model, int symbol) {
  const ir::Symbol& s = graph.symbol[symbol];
  const std::vector<double>& value = model.parameter[static_cast<size_t>(symbol)];
  if (s.rank != 2 || value.empty()) return -1;
  for (int i = 0; i < 2; ++i) {
    if (s.kind == ir::Kind::kCount &&
        graph.symbol[graph.node[s.key[i]].symbol].kind == ir::Kind::kLatent)
      return i;
    if (s.kind == ir::Kind::kParam && NamesAlong(graph, model, s.axis[i]) == nullptr &&
        std::all_of(value.begin(), value.end(), [](double x) { return x >= 0; }))
      return i;
  }
  return -1;
}

}  // namespace

std::string TopicText(const Program& program, const Model& model) {
  const ir::Graph& graph = program.graph;
  std::vector<int> tables;
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (TopicAxis(graph, model, s) >= 0) tables.push_back(s);
  }
  const auto cells = [&](int s) { return model.parameter[static_cast<size_t>(s)].size(); };
  std::stable_sort(tables.begin(), tables.end(), [&](int a, int b) { return cells(a) > cells(b); });
  std::string text;
  for (const int s : tables) text += NamesText(graph, model, s, TopicAxis(graph, model, s));
  return text;
}

}  // namespace gyre::driver
