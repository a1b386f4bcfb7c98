// The tree behind every rendering of a plan: sections of rows, and the edges between tasks.
//
// explain.cc fills it from the proto; the renderers know nothing of plans. Ids are the plan's own, so
// they agree between formats, between explain and analyze, and across re-planning.
#pragma once
#include <string>
#include <vector>

namespace gyre {

struct RenderRow {
  std::string id;                     // of a node or a task; empty: none
  std::vector<std::string> cell;      // by position in RenderSection::column
  std::vector<std::string> detail;    // further lines below the row
};

struct RenderSection {
  std::string title;                  // "DEPENDENCES of W(Class,Feature)"
  std::string note;                   // beside the title
  std::vector<std::string> column;    // names, for JSON; text shows those in `shown`
  std::vector<bool> right;            // by column: aligned right
  bool shown = false;                 // text prints the names of columns
  std::vector<RenderRow> row;
};

struct RenderEdge {
  std::string from, to, label;
  bool across = false;                // from one clock to a later one
};

struct RenderTree {
  std::string name;
  std::vector<RenderSection> section;
  std::vector<std::string> node;      // of the graph, in order: ids,
  std::vector<std::string> node_text; // and what to write on them
  std::vector<RenderEdge> edge;
};

std::string RenderText(const RenderTree& tree);
std::string RenderJson(const RenderTree& tree);
std::string RenderDot(const RenderTree& tree);
std::string RenderHtml(const RenderTree& tree);  // one page, with the graph; render_html.cc

}  // namespace gyre
