// Smoothing over a graph (Laplacian regularisation, Zhu et al. 2003): each item is drawn to what was
// measured there and to its neighbours, one at a time. Items that no edge joins are visited at once.
#include "dsl/dsl.h"

namespace graph_smoothing {
using namespace gyre;

constexpr struct Edge : Axis<Edge> {} e;
constexpr struct Item : Axis<Item> {} v;

constexpr auto from = map<"from">(e, v);  // every edge is listed both ways
constexpr auto to = map<"to">(e, v);
constexpr auto w = data<"w">(e);
constexpr auto measured = data<"measured">(v);
constexpr auto x = param<"x">(v);
constexpr auto rate = hyper<"rate">(1);

constexpr auto degree = let<"degree">(v, sum(e, where(from == v, w)));
constexpr auto near = sum(e, where(from == v, w * x(to)));
constexpr auto GraphSmoothing =
    Sweep(v, x = (measured + rate * near) / (1 + rate * degree))
        .Predict<"smooth">(x)
        .Measure<"energy">(sum(v, sq(x - measured)) + 0.5 * rate * sum(e, w * sq(x(from) - x(to))));

}  // namespace graph_smoothing

int main(int argc, char** argv) { return gyre::Main(argc, argv, graph_smoothing::GraphSmoothing); }
