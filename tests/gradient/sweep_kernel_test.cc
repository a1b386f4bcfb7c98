// Sweeps that are not about samples and features: coupled quadratics over a table, potentials over
// the edges of a graph. Kernels against the interpreter, and by what their items are coupled.
#include <string>
#include <type_traits>
#include <vector>

#include "dsl/dsl.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/harness.h"

namespace gyre {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr struct Edge : Axis<Edge> {} e;
constexpr struct Item : Axis<Item> {} v;
constexpr auto u = v.prime();

constexpr auto from = map<"from">(e, v);
constexpr auto to = map<"to">(e, v);
constexpr auto w = data<"w">(e);
constexpr auto c = data<"c">(v);
constexpr auto diag = data<"diag">(v);
constexpr auto Q = data<"Q">(v, u);
constexpr auto x = param<"x">(v);
constexpr auto rate = hyper<"rate">(0.5);

// 1/2 x'Qx - c'x, each x at its minimum with the others fixed.
constexpr auto ByRows = Sweep(v, x = (c - sum(u, where(u != v, Q * x(u)))) / diag);
constexpr auto g = let<"g">(v, sum(u, Q(u, v) * x(u)));
constexpr auto ByColumns = Sweep(v, x = x - (g - c) / sum(u, where(u == v, Q(u, v))));
constexpr auto Rotated = Sweep(v, x = x - 0.1 * sum(u, Q * tanh(x(u)) * c(u)));

// sum_v (x_v - c_v)^2 + rate sum_e w_e (x_from - x_to)^2, and with absolute values for squares.
constexpr auto pull = sum(e, where(from == v, w * x(to))) + sum(e, where(to == v, w * x(from)));
constexpr auto weight = let<"weight">(v, sum(e, where(from == v, w)) + sum(e, where(to == v, w)));
constexpr auto Smooth = Sweep(v, x = (c + rate * pull) / (1 + rate * weight));
constexpr auto apart = let<"apart">(e, x(from) - x(to));
constexpr auto slope = sum(e, where(from == v, w * apart)) - sum(e, where(to == v, w * apart));
constexpr auto Sparse = Sweep(v, x = soft(x - 0.1 * slope, 0.01 * rate));

// Items that never meet, and items that meet outside of what the data has of them.
constexpr auto Alone = Sweep(v, x = sum(e, where(from == v, w * x(from))) / (1 + weight));
constexpr auto Mean = Sweep(v, x = c + 0.1 * sum(e, where(from == v, w * x(to))) + 0.1 * sum(u, x(u)));

template <class S>
std::vector<std::string> CouplingsOf(const S& source) {
  const Program p = internal::Compile(source);
  std::vector<std::string> out;
  for (const Coupling& k : p.root.coupling) {
    if (k.form == CouplingForm::kKeys) {
      out.push_back(std::string(p.graph.symbol[k.first].name) + "-" +
                    std::string(p.graph.symbol[k.second].name));
    } else {
      out.push_back((k.form == CouplingForm::kOther ? "? " : "") +
                    ToText(p.graph, p.literal, k.node));
    }
  }
  return out;
}

TEST(Coupling, ATableCouplesItsRowsAndItsColumns) {
  EXPECT_THAT(CouplingsOf(ByRows), ElementsAre("Q(Item,Item')"));
  EXPECT_THAT(CouplingsOf(ByColumns), ElementsAre("Q(Item',Item)"));
}

TEST(Coupling, TheDerivativeKeepsItsOtherFactors) {
  EXPECT_THAT(CouplingsOf(Rotated),
              ElementsAre("((c(Item') * Q(Item,Item')) * (1 - sq(tanh(x(Item')))))"));
}

TEST(Coupling, AnEdgeJoinsTheItemsOfItsTwoKeys) {
  EXPECT_THAT(CouplingsOf(Smooth), ElementsAre("from-to", "to-from"));
  EXPECT_THAT(CouplingsOf(Sparse), ElementsAre("from-to", "to-from"));
}

TEST(Coupling, ARowHasOneValueOfAMap) { EXPECT_THAT(CouplingsOf(Alone), IsEmpty()); }

TEST(Coupling, WhatNoDataJoinsIsNotTakenForKnown) {
  EXPECT_THAT(CouplingsOf(Mean), ElementsAre("from-to", "? 0.1"));
}

template <class S>
void Check(const S& source) {
  HarnessOptions options;
  options.range = {{"diag", {1, 2}}, {"w", {0, 1}}, {"Q", {-0.3, 0.3}}};
  const auto& s = internal::Compiled<std::remove_const_t<S>>::kIr.statement[0];
  options.sweep_node = s.assign[0].node;
  options.sweep_index = s.axis_index;
  CheckEverywhere(internal::Compile(source), options);
}

TEST(SweepKernel, RowsOfATable) { Check(ByRows); }
TEST(SweepKernel, ColumnsOfATable) { Check(ByColumns); }
TEST(SweepKernel, FunctionsOfOtherItems) { Check(Rotated); }
TEST(SweepKernel, RowsByKey) { Check(Smooth); }
TEST(SweepKernel, ALetOverTheRowsReadsTheLatest) { Check(Sparse); }
TEST(SweepKernel, ItemsThatNeverMeet) { Check(Alone); }
TEST(SweepKernel, SumsOverAllItemsReadTheLatest) { Check(Mean); }

}  // namespace

int internal::Main(int, char**, const Program&) { return 1; }

}  // namespace gyre
