#include "compiler/render.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace gyre {
namespace {

// A wider column would push the others off the screen; longer cells just run over.
constexpr size_t kWidestColumn = 60;

// ---- Text.

// Columns of characters, not of bytes: names may hold UTF-8.
size_t WidthOf(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Pad(const std::string& text, size_t width, bool right) {
  const size_t have = WidthOf(text);
  if (have >= width) return text;
  const std::string space(width - have, ' ');
  return right ? space + text : text + space;
}

std::vector<size_t> Widths(const RenderSection& s) {
  std::vector<size_t> width(s.column.size(), 0);
  for (size_t c = 0; c < s.column.size(); ++c) {
    if (s.shown) width[c] = WidthOf(s.column[c]);
    for (const RenderRow& row : s.row) {
      const size_t w = c < row.cell.size() ? WidthOf(row.cell[c]) : 0;
      if (w <= kWidestColumn) width[c] = std::max(width[c], w);
    }
  }
  return width;
}

void AppendCells(const std::vector<std::string>& cells, const std::vector<size_t>& width,
                 const std::vector<bool>& right, std::string* out) {
  std::string line = " ";
  for (size_t c = 0; c < cells.size() && c < width.size(); ++c) {
    if (width[c] == 0 && cells[c].empty()) continue;
    absl::StrAppend(&line, " ", Pad(cells[c], width[c], c < right.size() && right[c]), " ");
  }
  absl::StripTrailingAsciiWhitespace(&line);
  absl::StrAppend(out, line, "\n");
}

void AppendSection(const RenderSection& s, std::string* out) {
  if (s.row.empty() && s.note.empty()) return;
  absl::StrAppend(out, s.title, s.note.empty() ? "" : "  ", s.note, "\n");
  const std::vector<size_t> width = Widths(s);
  if (s.shown) AppendCells(s.column, width, s.right, out);
  for (const RenderRow& row : s.row) {
    AppendCells(row.cell, width, s.right, out);
    for (const std::string& detail : row.detail) absl::StrAppend(out, "       ", detail, "\n");
  }
}

// ---- JSON.

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string QuotedList(const std::vector<std::string>& items) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) absl::StrAppend(&out, i > 0 ? ", " : "", Quoted(items[i]));
  return out + "]";
}

std::string RowJson(const RenderSection& s, const RenderRow& row) {
  std::string out = "{";
  const auto field = [&out](absl::string_view name, const std::string& value) {
    absl::StrAppend(&out, out.size() > 1 ? ", " : "", Quoted(name), ": ", value);
  };
  if (!row.id.empty()) field("id", Quoted(row.id));
  for (size_t c = 0; c < row.cell.size() && c < s.column.size(); ++c) field(s.column[c], Quoted(row.cell[c]));
  if (!row.detail.empty()) field("detail", QuotedList(row.detail));
  return out + "}";
}

std::string SectionJson(const RenderSection& s) {
  std::string out = absl::StrCat("    {\"title\": ", Quoted(s.title), ", \"note\": ", Quoted(s.note), ", \"rows\": [");
  for (size_t i = 0; i < s.row.size(); ++i) {
    absl::StrAppend(&out, i > 0 ? "," : "", "\n      ", RowJson(s, s.row[i]));
  }
  return out + (s.row.empty() ? "]}" : "\n    ]}");
}

}  // namespace

std::string RenderText(const RenderTree& tree) {
  std::string out;
  for (const RenderSection& s : tree.section) AppendSection(s, &out);
  return out;
}

std::string RenderJson(const RenderTree& tree) {
  std::string out = absl::StrCat("{\n  \"plan\": ", Quoted(tree.name), ",\n  \"sections\": [");
  for (size_t i = 0; i < tree.section.size(); ++i) {
    absl::StrAppend(&out, i > 0 ? "," : "", "\n", SectionJson(tree.section[i]));
  }
  absl::StrAppend(&out, "\n  ],\n  \"edges\": [");
  for (size_t i = 0; i < tree.edge.size(); ++i) {
    const RenderEdge& e = tree.edge[i];
    absl::StrAppend(&out, i > 0 ? "," : "", "\n    {\"from\": ", Quoted(e.from), ", \"to\": ", Quoted(e.to),
                    ", \"label\": ", Quoted(e.label), "}");
  }
  return absl::StrCat(out, tree.edge.empty() ? "]" : "\n  ]", "\n}\n");
}

std::string RenderDot(const RenderTree& tree) {
  std::string out = absl::StrCat("digraph ", Quoted(tree.name), " {\n  rankdir=LR;\n  node [shape=box];\n");
  for (size_t i = 0; i < tree.node.size(); ++i) {
    absl::StrAppend(&out, "  ", Quoted(tree.node[i]), " [label=", Quoted(tree.node_text[i]), "];\n");
  }
  for (const RenderEdge& e : tree.edge) {
    absl::StrAppend(&out, "  ", Quoted(e.from), " -> ", Quoted(e.to), " [label=", Quoted(e.label),
                    e.across ? ", style=dashed" : "", "];\n");
  }
  return out + "}\n";
}

}  // namespace gyre
