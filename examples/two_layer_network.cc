// A network with one hidden layer. Nothing but the two lets says that it is one.
#include "dsl/dsl.h"

namespace two_layer_network {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Hidden : Axis<Hidden, 32> {} h;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto label = map<"label">(n, c);
constexpr auto V = param<"V">(h, d);
constexpr auto a = param<"a">(h);
constexpr auto W = param<"W">(c, h);
constexpr auto b = param<"b">(c);
constexpr auto lambda = hyper<"lambda">(0.0001);

constexpr auto hidden = let<"hidden">(n, h, tanh(sum(d, V * X) + a));
constexpr auto logit = let<"logit">(n, c, sum(h, W * hidden) + b);

constexpr auto Network =
    Minimize(mean(n, xent(c, logit, label)) + lambda * (sum(h, d, sq(V)) + sum(c, h, sq(W))))
        .Start(V = normal(0, 0.1), W = normal(0, 0.1))
        .Predict<"class">(argmax(c, logit))
        .Measure<"accuracy">(mean(n, argmax(c, logit) == label(n)));

// What a sample adds to the gradient of a layer is an outer product: of its errors and of its inputs.
static_assert(DeltaIsSufficientFactors<decltype(Network), decltype(V)>);
static_assert(DeltaIsSufficientFactors<decltype(Network), decltype(W)>);

}  // namespace two_layer_network

int main(int argc, char** argv) { return gyre::Main(argc, argv, two_layer_network::Network); }
