// Latent Dirichlet allocation (Blei, Ng and Jordan 2003) by collapsed Gibbs sampling (Griffiths and
// Steyvers 2004): every word of a document has a topic; documents share topics, topics share words.
// The data that ship with it are the chapters of the King James Bible.
//
// The weight is a product of a factor that the document names and one that the word names: from that
// the sampler is derived, and the blocks of documents and words that workers visit at once.
#include "dsl/dsl.h"

namespace lda {
using namespace gyre;

constexpr struct Token : Axis<Token> {} t;
constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Word : Axis<Word> {} w;
constexpr struct Topic : Axis<Topic, 20> {} k;

constexpr auto doc = map<"doc">(t, m);
constexpr auto word = map<"word">(t, w);
constexpr auto z = latent<"z">(t, k);
constexpr auto alpha = hyper<"alpha">(0.1);
constexpr auto eta = hyper<"eta">(0.01);

// A table is declared by what it counts.
constexpr auto Ndk = count<"doc_topic">(doc(t), z(t));
constexpr auto Nwk = count<"word_topic">(word(t), z(t));
constexpr auto Nk = count<"topic">(z(t));
constexpr auto Nd = count<"length">(doc(t));

constexpr auto phi = let<"phi">(w, k, (Nwk + eta) / (Nk + size(w) * eta));
constexpr auto theta = let<"theta">(m, k, (Ndk + alpha) / (Nd + size(k) * alpha));

// log p(words, topics) with the proportions integrated out.
constexpr auto of_docs = sum(m, k, lgamma(Ndk + alpha) - lgamma(alpha)) -
                         sum(m, lgamma(Nd + size(k) * alpha) - lgamma(size(k) * alpha));
constexpr auto of_words = sum(w, k, lgamma(Nwk + eta) - lgamma(eta)) -
                          sum(k, lgamma(Nk + size(w) * eta) - lgamma(size(w) * eta));

constexpr auto Lda = Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k))
                         .Predict<"topics">(phi)
                         .Predict<"mixture">(theta)
                         .Measure<"likelihood">((of_docs + of_words) / size(t))
                         .Measure<"perplexity">(exp(-mean(t, log(sum(k, theta(doc(t), k) * phi(word(t), k))))));

}  // namespace lda

int main(int argc, char** argv) { return gyre::Main(argc, argv, lda::Lda); }
