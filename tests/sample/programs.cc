#include "tests/sample/programs.h"

#include "dsl/dsl.h"

namespace gyre {
namespace {

constexpr struct Token : Axis<Token> {
} t;
constexpr struct Doc : Axis<Doc> {
} m;
constexpr struct Author : Axis<Author> {
} a;
constexpr struct Word : Axis<Word> {
} w;
constexpr struct Topic : Axis<Topic, 2> {
} k;

constexpr auto doc = map<"doc">(t, m);
constexpr auto author = map<"author">(t, a);
constexpr auto word = map<"word">(t, w);
constexpr auto z = latent<"z">(t, k);
constexpr auto alpha = hyper<"alpha">(0.3);
constexpr auto eta = hyper<"eta">(0.2);
constexpr auto prior_of_docs = param<"prior_of_docs">();
constexpr auto prior = data<"prior">(m, k);
constexpr auto worth = data<"worth">(t, k);
constexpr auto X = data<"X">(t, w);
constexpr auto shape = data<"shape">(k, w);
constexpr auto seen = param<"seen">(k, w);

constexpr auto Ndk = count<"doc_topic">(doc(t), z(t));
constexpr auto Nak = count<"author_topic">(author(t), z(t));
constexpr auto Nkw = count<"topic_word">(z(t), word(t));  // the latent first
constexpr auto Nk = count<"topic">(z(t));
constexpr auto Nd = count<"length">(doc(t));
constexpr auto phi = let<"phi">(w, k, (Nkw + eta) / (Nk + size(w) * eta));
constexpr auto theta = let<"theta">(m, k, (Ndk + alpha) / (Nd + size(k) * alpha));

constexpr auto kLda =
    Resample(z(t), theta(doc(t), k) * phi(word(t), k))  // the length of its document moves no topic
        .Predict<"mixture">(theta)
        .Measure<"likelihood">((sum(m, k, lgamma(Ndk + alpha) - lgamma(alpha)) -
                                sum(m, lgamma(Nd + size(k) * alpha) - lgamma(size(k) * alpha)) +
                                sum(k, w, lgamma(Nkw + eta) - lgamma(eta)) -
                                sum(k, lgamma(Nk + size(w) * eta) - lgamma(size(w) * eta))) /
                               size(t))
        .Measure<"perplexity">(exp(-mean(t, log(sum(k, theta(doc(t), k) * phi(word(t), k))))));
constexpr auto kContexts =
    Resample(z(t), (Ndk(doc(t), k) + alpha) * (Nak(author(t), k) + 2 * alpha) * phi(word(t), k));
constexpr auto kGiven = Resample(z(t), prior(doc(t), k) * phi(word(t), k));
constexpr auto kPriors = Resample(z(t), (Ndk(doc(t), k) + prior(doc(t), k)) * phi(word(t), k));
constexpr auto kImages = Resample(z(t), (Nk + alpha) * prod(w, pow(shape, X)))
                             .Then(Iterate(seen = sum(t, where(z(t) == k, X))))
                             .Repeat(7);
constexpr auto kEstimated =
    Resample(z(t), (Ndk(doc(t), k) + prior_of_docs) * phi(word(t), k))
        .Then(Iterate(prior_of_docs = prior_of_docs *
                                      (sum(m, k, digamma(Ndk + prior_of_docs)) -
                                       size(m) * size(k) * digamma(prior_of_docs)) /
                                      (size(k) * (sum(m, digamma(Nd + size(k) * prior_of_docs)) -
                                                  size(m) * digamma(size(k) * prior_of_docs)))))
        .Start(prior_of_docs = 1)
        .Measure<"most">(max(m, k, Ndk));
constexpr auto mean_of = param<"mean">(m, k);
constexpr auto kAveraged = Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k))
                               .Then(Iterate(mean_of = mean_of + where(epoch >= 4, (Ndk - mean_of) / (epoch - 3))));
constexpr auto x = param<"x">(m);
constexpr auto y = param<"y">(m);
constexpr auto twice = param<"twice">(m);
constexpr auto kNoisy = Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k))
                            .Then(Iterate(x = normal(1, 2), y = uniform(0, 1), twice = normal(0, 1) - normal(0, 1)))
                            .Start(x = normal(1, 2));
constexpr auto of_topics = sum(k, prior(doc(t), k) * Ndk(doc(t), k));
constexpr auto kSupervised = Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k) *
                                                exp(-sq(of_topics + prior(doc(t), k) - 2)));
constexpr auto kLabels = Resample(z(t), (Nk + alpha) * exp(worth(t, k)));

}  // namespace

Program Lda() { return internal::Compile(kLda); }
Program Contexts() { return internal::Compile(kContexts); }
Program Priors() { return internal::Compile(kPriors); }
Program Supervised() { return internal::Compile(kSupervised); }
Program Images() { return internal::Compile(kImages); }
Program Given() { return internal::Compile(kGiven); }
Program Estimated() { return internal::Compile(kEstimated); }
Program Noisy() { return internal::Compile(kNoisy); }
Program Averaged() { return internal::Compile(kAveraged); }
Program Labels() { return internal::Compile(kLabels); }

}  // namespace gyre
