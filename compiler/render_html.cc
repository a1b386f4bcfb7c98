// The tree as one page that needs nothing else: tables, and the task graph as inline SVG.
//
// Layout of the graph: a task stands one column to the right of the last task of its clock that it
// reads from; edges into a later clock run back below, dashed; tasks without edges (evaluation) stand
// in a row of their own.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compiler/render.h"

namespace gyre {
namespace {

constexpr char kStyle[] = R"(
:root { --ink: #1d2733; --soft: #5b6875; --line: #d8dee5; --paper: #ffffff; --card: #f6f8fa;
  --accent: #0b63c5; --back: #b4540a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --soft: #9aa7b4; --line: #35404c;
  --paper: #14191f; --card: #1c232b; --accent: #6cb0ff; --back: #f0a35e; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
h2 .note, p.note { color: var(--soft); font-weight: normal; }
p.note { margin: .15rem 0; }
p.note b { color: var(--ink); font-weight: 600; }
div.wide { overflow-x: auto; }
div.wide + p.note { margin-top: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
.right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { font-family: ui-monospace, monospace; font-size: .86rem; }
tr.detail td { border-bottom: 1px solid var(--line); color: var(--soft);
  font: .82rem/1.4 ui-monospace, monospace; padding-left: 1.5rem; }
tr.open td { border-bottom: none; }
svg { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg text.id { font: 600 12px ui-monospace, monospace; }
svg text.soft { fill: var(--soft); }
svg text.label { font: 11px ui-monospace, monospace; fill: var(--soft); paint-order: stroke;
  stroke: var(--card); stroke-width: 4px; }
svg rect { fill: var(--paper); stroke: var(--line); stroke-width: 1.5; }
svg path { fill: none; stroke: var(--accent); stroke-width: 1.6; }
svg path.across { stroke: var(--back); stroke-dasharray: 5 4; }
svg marker path { fill: var(--accent); stroke: none; }
svg marker.across path { fill: var(--back); }
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// ---- Tables.

void AppendCells(const RenderSection& s, const std::vector<std::string>& cells, absl::string_view tag,
                 std::string* out) {
  for (size_t c = 0; c < s.column.size(); ++c) {
    const bool right = c < s.right.size() && s.right[c];
    absl::StrAppend(out, "<", tag, right ? " class=\"right\"" : "", ">",
                    c < cells.size() ? Escaped(cells[c]) : "", "</", tag, ">");
  }
}

void AppendTable(const RenderSection& s, std::string* out) {
  absl::StrAppend(out, "<div class=\"wide\"><table>\n");
  if (s.shown) {
    absl::StrAppend(out, "<tr>");
    AppendCells(s, s.column, "th", out);
    absl::StrAppend(out, "</tr>\n");
  }
  for (const RenderRow& row : s.row) {
    absl::StrAppend(out, row.detail.empty() ? "<tr>" : "<tr class=\"open\">");
    AppendCells(s, row.cell, "td", out);
    absl::StrAppend(out, "</tr>\n");
    for (const std::string& detail : row.detail) {
      absl::StrAppend(out, "<tr class=\"detail\"><td colspan=\"", s.column.size(), "\">", Escaped(detail),
                      "</td></tr>\n");
    }
  }
  absl::StrAppend(out, "</table></div>\n");
}

void AppendSection(const RenderSection& s, std::string* out) {
  if (s.row.empty()) {
    if (!s.note.empty())
      absl::StrAppend(out, "<p class=\"note\"><b>", Escaped(s.title), "</b> ", Escaped(s.note), "</p>\n");
    return;
  }
  absl::StrAppend(out, "<h2>", Escaped(s.title));
  if (!s.note.empty()) absl::StrAppend(out, " <span class=\"note\">", Escaped(s.note), "</span>");
  absl::StrAppend(out, "</h2>\n");
  AppendTable(s, out);
}

// ---- The graph.

constexpr int kWide = 230, kGapX = 170, kGapY = 34, kLineHeight = 16, kMargin = 24;
constexpr size_t kLetters = 34;  // of a line in a box, at 12 pixels

// Words into lines of a box.
std::vector<std::string> Wrapped(absl::string_view text) {
  std::vector<std::string> lines;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (lines.empty() || lines.back().size() + 1 + word.size() > kLetters)
      lines.emplace_back(word);
    else
      absl::StrAppend(&lines.back(), " ", word);
  }
  return lines;
}

struct Box {
  std::string id;
  std::vector<std::string> line;
  int column = 0, x = 0, y = 0, height = 0;
  bool linked = false;  // an edge ends here

  int middle() const { return y + height / 2; }
  int bottom() const { return y + height; }
};

// Edges between the same two tasks are one line with a label of several.
struct Line {
  size_t from, to;
  bool across;
  std::vector<std::string> label;
};

class Graph {
 public:
  explicit Graph(const RenderTree& tree) {
    for (size_t i = 0; i < tree.node.size(); ++i) AddBox(tree.node[i], tree.node_text[i]);
    for (const RenderEdge& e : tree.edge) AddLine(e);
    Place();
  }

  std::string Svg() const {
    std::string out;
    for (const Line& line : line_)
      if (!line.across) Forward(line, &out);
    int depth = below_;
    for (const Line& line : line_)
      if (line.across) Back(line, &depth, &out);
    for (const Box& box : box_) Draw(box, &out);
    const int height = std::max(height_, depth + kMargin);
    return absl::StrFormat(
        "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"task graph\">\n"
        "<defs>%s%s</defs>\n%s</svg>\n",
        width_, height, width_, height, Marker("ahead", ""), Marker("back", " class=\"across\""), out);
  }

 private:
  static std::string Marker(absl::string_view id, absl::string_view more) {
    return absl::StrCat("<marker id=\"", id, "\"", more, " viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" "
                        "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
                        "<path d=\"M0 0 L8 4 L0 8 z\"/></marker>");
  }

  void AddBox(const std::string& id, absl::string_view text) {
    Box box;
    box.id = id;
    for (const absl::string_view part : absl::StrSplit(text, '\n')) {
      if (part == id) continue;
      for (std::string& line : Wrapped(part)) box.line.push_back(std::move(line));
    }
    box.height = 2 * 10 + kLineHeight * static_cast<int>(box.line.size() + 1);
    at_[id] = box_.size();
    box_.push_back(std::move(box));
  }

  void AddLine(const RenderEdge& e) {
    const size_t from = at_.at(e.from), to = at_.at(e.to);
    box_[from].linked = box_[to].linked = true;
    const auto same = std::find_if(line_.begin(), line_.end(), [&](const Line& l) {
      return l.from == from && l.to == to && l.across == e.across;
    });
    if (same != line_.end()) {
      same->label.push_back(e.label);
    } else {
      line_.push_back({from, to, e.across, {e.label}});
    }
  }

  // Tasks stand in the order of the tape, so one pass over them is enough; edges of a clock that go
  // against it (a broken plan) are left out of the columns.
  void Place() {
    for (size_t b = 0; b < box_.size(); ++b)
      for (const Line& l : line_)
        if (!l.across && l.to == b && l.from < b)
          box_[b].column = std::max(box_[b].column, box_[l.from].column + 1);
    std::map<int, int> next;  // by column: the first free place
    for (Box& box : box_) {
      if (!box.linked) continue;
      int& y = next.emplace(box.column, kMargin).first->second;
      box.x = kMargin + box.column * (kWide + kGapX);
      box.y = y;
      y += box.height + kGapY;
      below_ = std::max(below_, box.bottom());
      width_ = std::max(width_, box.x + kWide + kMargin);
    }
    int depth = below_;
    std::string ignored;
    for (const Line& line : line_)
      if (line.across) Back(line, &depth, &ignored);
    PlaceUnlinked(depth + (below_ > 0 ? kGapY : kMargin));
  }

  void PlaceUnlinked(int y) {
    int x = kMargin, tallest = 0;
    for (Box& box : box_) {
      if (box.linked) continue;
      if (x > kMargin && x + kWide + kMargin > std::max(width_, 1100)) {
        x = kMargin;
        y += tallest + kGapY;
        tallest = 0;
      }
      box.x = x, box.y = y;
      x += kWide + kGapY;
      tallest = std::max(tallest, box.height);
      width_ = std::max(width_, box.x + kWide + kMargin);
      height_ = std::max(height_, box.bottom() + kMargin);
    }
  }

  static void Label(const Line& line, int x, int y, std::string* out) {
    for (const std::string& text : line.label) {
      absl::StrAppendFormat(out, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                            x, y, Escaped(text));
      y += 13;
    }
  }

  void Forward(const Line& l, std::string* out) const {
    const Box &a = box_[l.from], &b = box_[l.to];
    const int x = a.x + kWide, bend = kGapX / 2;
    absl::StrAppendFormat(out, "<path d=\"M%d %d C%d %d %d %d %d %d\" marker-end=\"url(#ahead)\"/>\n", x,
                          a.middle(), x + bend, a.middle(), b.x - bend, b.middle(), b.x, b.middle());
    const int lines = static_cast<int>(l.label.size());
    Label(l, (x + b.x) / 2, (a.middle() + b.middle()) / 2 - 6 - 13 * (lines - 1), out);
  }

  // Down, along below everything so far, and up again.
  void Back(const Line& l, int* depth, std::string* out) const {
    const Box &a = box_[l.from], &b = box_[l.to];
    const int y = *depth + 26, from = a.x + kWide * 2 / 3, to = b.x + kWide / 3;
    const int turn = from >= to ? -8 : 8;
    absl::StrAppendFormat(out,
                          "<path class=\"across\" d=\"M%d %d V%d Q%d %d %d %d H%d Q%d %d %d %d V%d\" "
                          "marker-end=\"url(#back)\"/>\n",
                          from, a.bottom(), y - 8, from, y, from + turn, y, to - turn, to, y, to, y - 8,
                          b.bottom() + 1);
    *depth = y + 13 * static_cast<int>(l.label.size());
    Label(l, (from + to) / 2, y + 13, out);
  }

  static void Draw(const Box& box, std::string* out) {
    absl::StrAppendFormat(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", box.x, box.y,
                          kWide, box.height);
    int y = box.y + 22;
    absl::StrAppendFormat(out, "<text class=\"id\" x=\"%d\" y=\"%d\">%s</text>\n", box.x + 12, y,
                          Escaped(box.id));
    for (const std::string& line : box.line) {
      y += kLineHeight;
      absl::StrAppendFormat(out, "<text%s x=\"%d\" y=\"%d\">%s</text>\n",
                            absl::EndsWith(line, " ms") ? " class=\"soft\"" : "", box.x + 12, y, Escaped(line));
    }
  }

  std::vector<Box> box_;
  std::vector<Line> line_;
  std::map<std::string, size_t> at_;
  int width_ = 0, height_ = 0, below_ = 0;
};

}  // namespace

std::string RenderHtml(const RenderTree& tree) {
  std::string out = absl::StrCat("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                                 "<meta name=\"viewport\" content=\"width=device-width\">\n<title>plan ",
                                 Escaped(tree.name), "</title>\n<style>", kStyle, "</style>\n");
  bool first = true, drawn = tree.node.empty();
  for (const RenderSection& s : tree.section) {
    if (first) {
      absl::StrAppend(&out, "<h1>", Escaped(s.title), "</h1>\n<p class=\"note\">", Escaped(s.note), "</p>\n");
      first = false;
      if (s.row.empty()) continue;
    }
    AppendSection(s, &out);
    if (drawn || !absl::StartsWith(s.title, "PLAN")) continue;
    drawn = true;
    absl::StrAppend(&out,
                    "<h2>TASK GRAPH <span class=\"note\">of one clock; dashed: read by a later one"
                    "</span></h2>\n<div class=\"wide\">", Graph(tree).Svg(), "</div>\n");
  }
  return out + "</html>\n";
}

}  // namespace gyre
