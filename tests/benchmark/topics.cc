// LDA that measures its joint likelihood and nothing else, as topics.py compares it.
#include "dsl/dsl.h"

namespace topics {
using namespace gyre;

constexpr struct Token : Axis<Token> {} t;
constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Word : Axis<Word> {} w;
constexpr struct Topic : Axis<Topic, 100> {} k;

constexpr auto doc = map<"doc">(t, m);
constexpr auto word = map<"word">(t, w);
constexpr auto z = latent<"z">(t, k);
constexpr auto alpha = hyper<"alpha">(0.1);
constexpr auto eta = hyper<"eta">(0.01);

constexpr auto Ndk = count<"doc_topic">(doc(t), z(t));
constexpr auto Nwk = count<"word_topic">(word(t), z(t));
constexpr auto Nk = count<"topic">(z(t));
constexpr auto Nd = count<"length">(doc(t));

constexpr auto likelihood =
    sum(m, k, lgamma(Ndk + alpha) - lgamma(alpha)) - sum(m, lgamma(Nd + size(k) * alpha) - lgamma(size(k) * alpha)) +
    sum(w, k, lgamma(Nwk + eta) - lgamma(eta)) - sum(k, lgamma(Nk + size(w) * eta) - lgamma(size(w) * eta));

constexpr auto Topics =
    Resample(z(t), (Ndk(doc(t), k) + alpha) * (Nwk(word(t), k) + eta) / (Nk + size(w) * eta))
        .Measure<"likelihood">(likelihood / size(t));

}  // namespace topics

int main(int argc, char** argv) { return gyre::Main(argc, argv, topics::Topics); }
