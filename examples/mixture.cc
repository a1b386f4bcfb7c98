// A mixture of multinomials: every image is drawn from one of a few typical ones, ink falling on each
// pixel as often as that one has it. Images are dealt to components by Gibbs sampling, given the
// typical images; these are the mean of what they were dealt, with a little ink everywhere.
//
// The weight of a component is a product over all pixels, far below the smallest number: it is taken
// in logs, by a pass over the images that is one matrix product.
#include "dsl/dsl.h"

namespace mixture {
using namespace gyre;

constexpr struct Image : Axis<Image> {} n;
constexpr struct Pixel : Axis<Pixel> {} d;
constexpr struct Component : Axis<Component, 12> {} k;
constexpr struct Digit : Axis<Digit> {} c;

constexpr auto X = data<"X">(n, d);           // ink, a count
constexpr auto digit = map<"digit">(n, c);    // not used to deal
constexpr auto z = latent<"z">(n, k);
constexpr auto alpha = hyper<"alpha">(1.0);
constexpr auto eta = hyper<"eta">(0.5);
constexpr auto phi = param<"phi">(k, d);      // where a component has its ink

constexpr auto Nk = count<"size">(z(n));
constexpr auto Nkc = count<"digits">(z(n), digit(n));
constexpr auto ink = let<"ink">(k, d, eta + sum(n, where(z(n) == k, X)));
constexpr auto likelihood = let<"likelihood">(n, k, sum(d, X * log(phi)));

constexpr auto Mixture = Resample(z(n), (Nk + alpha) * exp(likelihood))
                             .Then(Iterate(phi = ink / sum(d, ink)))
                             .Repeat(60)
                             .Start(phi = uniform(0.9, 1.1) / size(d))
                             .Predict<"component">(argmax(k, likelihood))
                             .Measure<"fit">(mean(n, max(k, likelihood)))  // log p of an image given its likeliest component
                             .Measure<"purity">(sum(k, max(c, Nkc)) / size(n));

}  // namespace mixture

int main(int argc, char** argv) { return gyre::Main(argc, argv, mixture::Mixture); }
