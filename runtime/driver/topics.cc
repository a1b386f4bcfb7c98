#include "runtime/driver/topics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/driver/coherence.h"
#include "runtime/driver/result_text.h"

namespace gyre::driver {
namespace {

constexpr size_t kTopics = 20, kNames = 9, kMostNumbers = 50;

// Names that say nothing: the numbers of many.
bool AreNumbers(const std::vector<std::string>& names) {
  return names.size() > kMostNumbers &&
         std::all_of(names.begin(), names.end(), [](const std::string& name) {
           return name.find_first_not_of("0123456789") == std::string::npos;
         });
}

// Names of the words of a table that people can read; null: there are none.
const std::vector<std::string>* Readable(const ir::Graph& graph, const Model& model,
                                         const TopicTable& table) {
  const std::vector<std::string>* names =
      NamesAlong(graph, model, graph.symbol[table.symbol].axis[1 - table.topic]);
  return names == nullptr || AreNumbers(*names) ? nullptr : names;
}

// Which axis of a table of two is that of its topics: the latent's, of counts; of a parameter that
// is nowhere negative (a part of a factorisation), the one without names. -1: it is no such table.
int TopicAxis(const ir::Graph& graph, const Model& model, int symbol) {
  const ir::Symbol& s = graph.symbol[symbol];
  const std::vector<double>& value = model.parameter[static_cast<size_t>(symbol)];
  if (s.rank != 2 || value.empty()) return -1;
  for (int i = 0; i < 2; ++i) {
    if (s.kind == ir::Kind::kCount &&
        graph.symbol[graph.node[s.key[i]].symbol].kind == ir::Kind::kLatent)
      return i;
    if (s.kind == ir::Kind::kParam && NamesAlong(graph, model, s.axis[i]) == nullptr &&
        NamesAlong(graph, model, s.axis[1 - i]) != nullptr &&
        std::all_of(value.begin(), value.end(), [](double x) { return x >= 0; }))
      return i;
  }
  return -1;
}

// Sizes and top words, in one pass over the cells as they lie.
void Scan(const std::vector<double>& value, size_t topics, TopicTable* table) {
  table->size.assign(topics, 0);
  table->top.assign(topics, {});
  const size_t words = value.size() / std::max<size_t>(1, topics);
  const auto at = [&](size_t w, size_t k) {
    return value[table->topic == 1 ? w * topics + k : k * words + w];
  };
  const auto visit = [&](size_t w, size_t k) {
    const double x = at(w, k);
    table->size[k] += x;
    std::vector<int32_t>& top = table->top[k];
    const auto less = [&](int32_t other) { return at(static_cast<size_t>(other), k) < x; };
    if (!(x > 0) || (top.size() == kTopWords && !less(top.back()))) return;
    if (top.size() == kTopWords) top.pop_back();
    top.insert(std::find_if(top.begin(), top.end(), less), static_cast<int32_t>(w));
  };
  if (table->topic == 1) {
    for (size_t w = 0; w < words; ++w)
      for (size_t k = 0; k < topics; ++k) visit(w, k);
  } else {
    for (size_t k = 0; k < topics; ++k)
      for (size_t w = 0; w < words; ++w) visit(w, k);
  }
}

// The map that names the words of a table, and the documents' map over the same rows, the first
// there is; -1: none, or the words' is the first itself.
struct Meeting {
  int word = -1, document = -1;
};
Meeting MapsOf(const ir::Graph& graph, const TopicTable& table) {
  const ir::Symbol& s = graph.symbol[table.symbol];
  const auto is_key = [&](int map) {
    return graph.symbol[map].kind == ir::Kind::kMap && graph.symbol[map].rank == 1;
  };
  Meeting maps;
  if (s.kind == ir::Kind::kCount) {
    maps.word = graph.node[s.key[1 - table.topic]].symbol;
  } else {
    for (int m = 0; m < graph.symbol.size && maps.word < 0; ++m)
      if (is_key(m) && graph.symbol[m].target == s.axis[1 - table.topic]) maps.word = m;
  }
  if (maps.word < 0 || !is_key(maps.word)) return {};
  for (int m = 0; m < maps.word && maps.document < 0; ++m)
    if (is_key(m) && graph.symbol[m].axis[0] == graph.symbol[maps.word].axis[0]) maps.document = m;
  return maps;
}

void Measure(const ir::Graph& graph, const Model& model, const std::vector<Block>& data,
             TopicTable* table) {
  const Meeting maps = MapsOf(graph, *table);
  if (maps.document < 0 || data.empty()) return;
  const Block& document = data[static_cast<size_t>(maps.document)];
  const Block& word = data[static_cast<size_t>(maps.word)];
  if (document.values == nullptr || word.values == nullptr) return;
  const auto extent = [&](int map) {
    return model.extent[static_cast<size_t>(graph.symbol[map].target)];
  };
  table->coherence =
      UMassCoherence(table->top, document, extent(maps.document), word, extent(maps.word));
  double sum = 0;
  int64_t topics = 0;
  for (const double c : table->coherence) {
    if (std::isnan(c)) continue;
    sum += c;
    ++topics;
  }
  if (topics == 0) table->coherence.clear();
  if (topics > 0) table->mean_coherence = sum / static_cast<double>(topics);
}

std::string TableText(const ir::Graph& graph, const Model& model, const TopicTable& table) {
  const ir::Symbol& s = graph.symbol[table.symbol];
  const double all = std::accumulate(table.size.begin(), table.size.end(), 0.0);
  const std::vector<std::string>* names = Readable(graph, model, table);
  if (names == nullptr || !(all > 0)) return "";
  const bool measured = !table.coherence.empty();
  const size_t topics = table.size.size();
  std::vector<size_t> order(topics);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return table.size[a] > table.size[b]; });
  std::string text = absl::StrFormat(
      "\n%s, its share of %s,%s and %s with the most of it\n", graph.axis[s.axis[table.topic]].name,
      s.name, measured ? " its coherence," : "", graph.axis[s.axis[1 - table.topic]].name);
  for (size_t t = 0; t < std::min(topics, kTopics) && table.size[order[t]] > 0; ++t) {
    const size_t k = order[t];
    std::vector<std::string> words;
    for (const int32_t w : table.top[k]) {
      const auto at = static_cast<size_t>(w);
      if (words.size() < kNames)
        words.push_back(at < names->size() ? (*names)[at] : absl::StrCat(at));
    }
    absl::StrAppendFormat(&text, "%5d %5.1f%%", k, 100 * table.size[k] / all);
    if (measured && std::isnan(table.coherence[k])) {
      absl::StrAppendFormat(&text, " %7s", "-");
    } else if (measured) {
      absl::StrAppendFormat(&text, " %7.1f", table.coherence[k]);
    }
    absl::StrAppend(&text, "  ", absl::StrJoin(words, ", "), "\n");
  }
  if (topics > kTopics)
    absl::StrAppendFormat(&text, "  ... the %d largest of %d\n", kTopics, topics);
  return text;
}

}  // namespace

std::vector<TopicTable> FindTopics(const Program& program, const Model& model,
                                   const std::vector<Block>& data) {
  const ir::Graph& graph = program.graph;
  std::vector<TopicTable> tables;
  for (int s = 0; s < graph.symbol.size; ++s) {
    TopicTable table;
    table.symbol = s;
    table.topic = TopicAxis(graph, model, s);
    if (table.topic < 0) continue;
    const bool asked = Readable(graph, model, table) != nullptr ||
                       (!data.empty() && MapsOf(graph, table).document >= 0);
    if (!asked) continue;
    const int axis = graph.symbol[s].axis[table.topic];
    Scan(model.parameter[static_cast<size_t>(s)],
         static_cast<size_t>(model.extent[static_cast<size_t>(axis)]), &table);
    Measure(graph, model, data, &table);
    tables.push_back(std::move(table));
  }
  const auto cells = [&](const TopicTable& t) {
    return model.parameter[static_cast<size_t>(t.symbol)].size();
  };
  std::stable_sort(tables.begin(), tables.end(),
                   [&](const TopicTable& a, const TopicTable& b) { return cells(a) > cells(b); });
  return tables;
}

std::string TopicText(const Program& program, const Model& model,
                      const std::vector<TopicTable>& tables) {
  std::string text;
  for (const TopicTable& table : tables) {
    text += TableText(program.graph, model, table);
    if (!table.coherence.empty())
      absl::StrAppendFormat(
          &text, "coherence  %.6g  (mean over the topics of %s; UMass of %d words)\n",
          table.mean_coherence, program.graph.symbol[table.symbol].name, kTopWords);
  }
  return text;
}

}  // namespace gyre::driver
