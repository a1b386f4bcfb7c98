#include "runtime/driver/result_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/driver/progress.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

constexpr size_t kShown = 5;

}  // namespace

const std::vector<std::string>* NamesAlong(const ir::Graph& graph, const Model& model, int axis) {
  for (const auto& [symbol, names] : model.column) {
    if (graph.symbol[symbol].rank == 2 && graph.symbol[symbol].axis[1] == axis) return &names;
  }
  for (const auto& [symbol, names] : model.label) {
    if (graph.symbol[symbol].target == axis) return &names;
  }
  return nullptr;
}

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

}  // namespace gyre::driver
