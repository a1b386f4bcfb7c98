// MedLDA (Zhu, Ahmed and Xing 2012; by Gibbs sampling, Zhu, Chen, Perkins and Zhang 2014): topics that
// explain the words of a document and tell its side by a large margin, together.
// The data that ship with it are the chapters of the King James Bible, and for four of five of them the
// testament; that of the fifth is found from the words.
//
// exp(-hinge) of a margin is a mixture of normals over a weight `slack` of each document (Polson and Scott 2011):
// given it, a topic weighs exp of a square, and the weights of topics are normal.
#include "dsl/dsl.h"

namespace medlda {
using namespace gyre;

constexpr struct Token : Axis<Token> {} t;
constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Word : Axis<Word> {} w;
constexpr struct Topic : Axis<Topic, 20> {} k;
constexpr auto j = k.prime();

constexpr auto doc = map<"doc">(t, m);
constexpr auto word = map<"word">(t, w);
constexpr auto z = latent<"z">(t, k);
constexpr auto side = sign<"testament">(m);
constexpr auto told = data<"told">(m);  // 1 where the side is known, else 0
constexpr auto alpha = hyper<"alpha">(0.1);
constexpr auto beta = hyper<"beta">(0.01);
constexpr auto c = hyper<"c">(1);  // what a margin is worth beside the words

constexpr auto Ndk = count<"doc_topic">(doc(t), z(t));
constexpr auto Nwk = count<"word_topic">(word(t), z(t));
constexpr auto Nk = count<"topic">(z(t));
constexpr auto Nd = count<"length">(doc(t));

constexpr auto eta = param<"eta">(k);      // what a topic says of the side
constexpr auto slack = param<"slack">(m);
constexpr auto noise = param<"noise">(m);  // standard normal

constexpr auto y = let<"y">(m, told * side);
constexpr auto share = let<"share">(m, k, Ndk / max(Nd, 1));
constexpr auto score = let<"score">(m, sum(k, eta * share));
constexpr auto phi = let<"phi">(w, k, (Nwk + beta) / (Nk + size(w) * beta));

// What topic k of one more word does to the margin of its document.
constexpr auto step = let<"step">(m, y / max(Nd, 1));
constexpr auto margin = step(doc(t)) * (sum(k, eta * Ndk(doc(t), k)) + eta(k) / 2);
constexpr auto pull = exp(c * step(doc(t)) * eta(k) * (1 + c * (1 - margin) / slack(doc(t))));

// 1 / slack is inverse Gaussian (drawn as Michael, Schucany and Haas 1976 do).
constexpr auto mean_of = let<"mean_of">(m, 1 / max(c * abs(1 - y * score), 0.001));
constexpr auto root = let<"root">(m, mean_of * (1 + mean_of * sq(normal(0, 1)) / 2 -
                                                sqrt(mean_of * sq(normal(0, 1)) * (1 + mean_of * sq(normal(0, 1)) / 4))));
constexpr auto precision = where(k == j, 1) + sum(m, sq(c * y) / slack * share(m, k) * share(m, j));
constexpr auto moment = sum(m, (c * y * (1 + c / slack) + c * y * noise / sqrt(slack)) * share);

constexpr auto MedLda =
    Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k) * pull)
        .Then(Iterate(slack = where(uniform(0, 1) * (mean_of + root) <= mean_of, 1 / root, root / sq(mean_of)), noise = normal(0, 1)))
        .Then(Iterate(eta = solve(k, j, precision, moment + normal(0, 1))))
        .Repeat(60)
        .Start(slack = 1)
        .Predict<"topics">(phi)
        .Predict<"side">(score)
        .Measure<"accuracy">(sum(m, told * (side * score > 0)) / sum(m, told))
        .Measure<"accuracy_untold">(sum(m, (1 - told) * (side * score > 0)) / sum(m, 1 - told));

}  // namespace medlda

int main(int argc, char** argv) { return gyre::Main(argc, argv, medlda::MedLda); }
