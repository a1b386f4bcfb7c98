// The listings of the language's design: each type-checks, folds to text, graph and fingerprint,
// and either runs or says in one line what is missing.
#include <set>

#include "dsl/dsl.h"
#include "gtest/gtest.h"

// clang-format off
namespace lasso {
using namespace gyre;
constexpr struct Sample : Axis<Sample> {} n;       constexpr struct Feature : Axis<Feature> {} d;
constexpr auto X = data<"X">(n, d);                constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);            constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto yhat = let<"yhat">(n, sum(d, X * beta) + b);
constexpr auto r    = let<"r">(n, y - yhat);
constexpr auto Lasso = Minimize(0.5 * mean(n, sq(r)) + lambda * sum(d, abs(beta)))
    .Predict<"y">(yhat).Measure<"rmse">(sqrt(mean(n, sq(r))));

// one coordinate at a time: r is a view of beta, so it is maintained; no primes, no Delta plumbing
constexpr auto norm2   = let<"norm2">(d, sum(n, sq(X)));
constexpr auto LassoCd = Sweep(d, beta = soft(beta + sum(n, X * r) / norm2, size(n) * lambda / norm2)).Then(Iterate(b = b + mean(n, r)));
}  // namespace lasso

namespace logistic {
using namespace gyre;
constexpr struct Sample : Axis<Sample> {} n;       constexpr struct Feature : Axis<Feature> {} d;
constexpr auto X = data<"X">(n, d);                constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto y = sign<"label">(n);               // any two labels -> -1, +1; names kept in the manifest
constexpr auto w = param<"w">(d);                  constexpr auto b = param<"b">();
constexpr auto weight = data<"weight">(n);         // all ones unless --data=weight=FILE

constexpr auto score = let<"score">(n, sum(d, X * w) + b);
constexpr auto Logistic = Minimize(mean(n, weight * log1p(exp(-(y * score)))) + lambda * sum(d, abs(w)))
    .Predict<"probability">(sigmoid(score))
    .Measure<"accuracy">(mean(n, y * score > 0));
}  // namespace logistic

namespace lda {
using namespace gyre;
constexpr struct Token : Axis<Token> {} t;         constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Word : Axis<Word> {} w;           constexpr struct Topic : Axis<Topic, 100> {} k;
constexpr auto doc = map<"doc">(t, m);             constexpr auto word = map<"word">(t, w);
constexpr auto z = latent<"z">(t, k);
constexpr auto alpha = hyper<"alpha">(0.1);           constexpr auto eta = hyper<"eta">(0.01);

constexpr auto Ndk = count<"doc_topic">(doc(t), z(t));      // a table is declared by what it counts
constexpr auto Nwk = count<"word_topic">(word(t), z(t));
constexpr auto Nk  = count<"topic">(z(t));                  constexpr auto Nd = count<"length">(doc(t));
constexpr auto phi   = let<"phi">(w, k, (Nwk + eta) / (Nk + size(w) * eta));
constexpr auto theta = let<"theta">(m, k, (Ndk + alpha) / (Nd + size(k) * alpha));

constexpr auto Lda = Resample(z(t), (Ndk(doc(t), k) + alpha) * phi(word(t), k))
    .Predict<"topics">(theta)
    .Measure<"perplexity">(exp(-mean(t, log(sum(k, theta(doc(t), k) * phi(word(t), k))))));
}  // namespace lda

namespace factorisation {
using namespace gyre;
constexpr struct Rating : Axis<Rating> {} r;       constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;           constexpr struct Rank : Axis<Rank, 32> {} k;
constexpr auto user = map<"user">(r, u);           constexpr auto item = map<"item">(r, i);
constexpr auto R = data<"rating">(r);              constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto U = param<"U">(u, k);               constexpr auto V = param<"V">(i, k);
constexpr auto bu = param<"bu">(u);                constexpr auto bi = param<"bi">(i);   constexpr auto b = param<"b">();

constexpr auto score = let<"score">(u, i, sum(k, U * V) + bu + bi + b);
constexpr auto e     = let<"e">(r, R - score(user(r), item(r)));
constexpr auto Mf = Minimize(sum(r, sq(e)) + lambda * (sum(u, k, sq(U)) + sum(i, k, sq(V)) + sum(u, sq(bu)) + sum(i, sq(bi))))
    .Start(U = normal(0, 0.1), V = normal(0, 0.1))
    .Predict<"rating">(score).Measure<"rmse">(sqrt(mean(r, sq(e))));

constexpr auto Als = Mf.Alternate(U, V);           // quadratic in each: the solve is derived ...

constexpr auto j = k.prime();                      // ... and is what this says
constexpr auto G = let<"G">(u, k, j, sum(r, where(user(r) == u, V(item(r), k) * V(item(r), j))) + where(k == j, lambda));
constexpr auto h = let<"h">(u, k, sum(r, where(user(r) == u, (R - b - bu(u) - bi(item(r))) * V(item(r), k))));
constexpr auto AlsUsers = Iterate(U = solve(k, j, G, h));
}  // namespace factorisation

namespace implicit_feedback {
using namespace factorisation;
constexpr auto weight = data<"weight">(r);

constexpr auto score = sum(k, U(user(r), k) * V(item(r), k));
constexpr auto all   = sum(u, sum(i, sq(sum(k, U(u, k) * V(i, k)))));   // every pair, as a zero
constexpr auto Implicit = Minimize(sum(r, weight * sq(1 - score) - sq(score)) + all + lambda * (sum(u, k, sq(U)) + sum(i, k, sq(V))));
}  // namespace implicit_feedback

namespace lenet {
using namespace gyre;
constexpr struct Image : Axis<Image> {} n;         constexpr struct Class : Axis<Class> {} c;
constexpr struct Map1 : Axis<Map1, 20> {} f;           constexpr struct Map2 : Axis<Map2, 50> {} g;
constexpr struct Hidden : Axis<Hidden, 128> {} h;       constexpr struct Tap : Axis<Tap, 5> {} p;
constexpr struct Pool : Axis<Pool, 2> {} a;           constexpr auto q = p.prime();   constexpr auto b = a.prime();
constexpr struct Row : Span<Row> {} i;             constexpr struct Col : Span<Col> {} j;   // extents inferred per tensor
constexpr auto X = data<"X">(n, i, j);             constexpr auto label = map<"label">(n, c);
constexpr auto K1 = param<"K1">(f, p, q);          constexpr auto b1 = param<"b1">(f);
constexpr auto K2 = param<"K2">(g, f, p, q);       constexpr auto b2 = param<"b2">(g);
constexpr auto W3 = param<"W3">(h, g, i, j);       constexpr auto b3 = param<"b3">(h);
constexpr auto W4 = param<"W4">(c, h);             constexpr auto b4 = param<"b4">(c);

constexpr auto conv1 = let<"conv1">(n, f, i, j, sum(p, q, K1 * X(n, i + p, j + q)) + b1);
constexpr auto pool1 = let<"pool1">(n, f, i, j, relu(max(a, b, conv1(n, f, 2 * i + a, 2 * j + b))));
constexpr auto conv2 = let<"conv2">(n, g, i, j, sum(f, p, q, K2 * pool1(n, f, i + p, j + q)) + b2);
constexpr auto pool2 = let<"pool2">(n, g, i, j, relu(max(a, b, conv2(n, g, 2 * i + a, 2 * j + b))));
constexpr auto hid   = let<"hid">(n, h, relu(sum(g, i, j, W3 * pool2) + b3));
constexpr auto logit = let<"logit">(n, c, sum(h, W4 * hid) + b4);

constexpr auto LeNet = Minimize(mean(n, xent(c, logit, label)))
    .Predict<"digit">(argmax(c, logit)).Measure<"accuracy">(mean(n, argmax(c, logit) == label(n)));
}  // namespace lenet

namespace boosting {
using namespace gyre;
constexpr struct Sample : Axis<Sample> {} n;       constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Bin : Axis<Bin, 256> {} b;             constexpr struct Node : Axis<Node, 128> {} v;
constexpr auto bin = map<"bin">(n, d, b);          constexpr auto y = sign<"label">(n);
constexpr auto node = latent<"node">(n, v);        constexpr auto F = local<"F">(n);      // both live with their sample
constexpr auto rate = hyper<"rate">(0.1);

constexpr auto p  = let<"p">(n, sigmoid(F));
constexpr auto gr = let<"gr">(n, p - where(y > 0, 1));
constexpr auto he = let<"he">(n, p * (1 - p));
constexpr auto G  = let<"G">(v, d, b, sum(n, where(node(n) == v && bin(n, d) == b, gr)));   // additive: this is Delta
constexpr auto H  = let<"H">(v, d, b, sum(n, where(node(n) == v && bin(n, d) == b, he)));
constexpr auto leaf = let<"leaf">(v, -sum(n, where(node(n) == v, gr)) / (sum(n, where(node(n) == v, he)) + 1));

struct Split { int feature, bin; };
struct BestSplit {                                 // g: for each node v, on what is left of G and H
  Split operator()(View<float, Feature, Bin> gradient, View<float, Feature, Bin> hessian) const {
    Split best{-1, 0};  float most = 0;
    for (int f = 0; f < gradient.size(d); ++f) {
      float g = 0, h = 0, gs = 0, hs = 0;
      for (int c = 0; c < gradient.size(b); ++c) gs += gradient(f, c), hs += hessian(f, c);
      for (int c = 0; c < gradient.size(b); ++c) {
        g += gradient(f, c), h += hessian(f, c);
        const float gain = g * g / (h + 1) + (gs - g) * (gs - g) / (hs - h + 1) - gs * gs / (hs + 1);
        if (gain > most) most = gain, best = {f, c};
      } }
    return best; } };
struct Descend {                                   // for each sample n: its node, that node's split, its bins
  int operator()(View<int> at, View<Split> s, View<int, Feature> x) const {
    return s().feature < 0 ? at() : 2 * at() + 1 + (x(s().feature) > s().bin); } };

constexpr auto split = param<"split", Split>(v);
constexpr auto Level = Iterate(split = each(v, BestSplit{}, G, H)).Then(Iterate(node = each(n, Descend{}, node(n), split(node(n)), bin(n, d))));
constexpr auto Boost = Iterate(node = 0).Then(Level.Repeat(6)).Then(Iterate(F = F + rate * leaf(node(n))))
    .Predict<"probability">(p).Measure<"logloss">(mean(n, log1p(exp(-(y * F)))));
}  // namespace boosting

// clang-format on

namespace gyre {
namespace {

using internal::Compile;

TEST(ListingTest, Lasso) {
  const Program program = Compile(lasso::Lasso);
  EXPECT_EQ(program.refusal, "");
  EXPECT_FALSE(program.pass.empty());
  ASSERT_EQ(program.root.penalty.size(), 1u);
  EXPECT_EQ(program.root.penalty[0].kind, PenaltyKind::kL1);
}

TEST(ListingTest, LassoByCoordinates) {
  const Program program = Compile(lasso::LassoCd);
  EXPECT_EQ(program.refusal, "");
  ASSERT_EQ(program.root.child.size(), 2u);
  EXPECT_NE(program.root.child[0].sweep, nullptr);
}

TEST(ListingTest, LogisticRegression) {
  const Program program = Compile(logistic::Logistic);
  EXPECT_EQ(program.refusal, "");
  EXPECT_FALSE(program.pass.empty());
}

TEST(ListingTest, MatrixFactorisation) {
  const Program program = Compile(factorisation::Mf);
  EXPECT_EQ(program.refusal, "");
  ASSERT_EQ(program.prediction.size(), 1u);
  EXPECT_EQ(program.prediction[0].value.axes.size(), 2u);  // every user and item: no rows
}

TEST(ListingTest, ImplicitFeedback) {
  const Program program = Compile(implicit_feedback::Implicit);
  EXPECT_EQ(program.refusal, "");
  EXPECT_NE(program.root.predictor.all_keys.weight.fn, nullptr);
  EXPECT_EQ(program.root.predictor.visit, nullptr);
}

TEST(ListingTest, AProgramMayNameItsUpdateRule) {
  EXPECT_EQ(Compile(factorisation::Mf).root.update, "");
  EXPECT_EQ(Compile(factorisation::Mf.By(update<"adam">())).root.update, "adam");
}

// Not to be run yet: text, graph, fingerprint, and a line that says why.
void Refused(const Program& program, const std::string& why) {
  EXPECT_TRUE(program.pass.empty());
  EXPECT_NE(program.text, "");
  EXPECT_NE(program.fingerprint, 0u);
  EXPECT_NE(program.refusal.find("GY040"), std::string::npos);
  EXPECT_NE(program.refusal.find(why), std::string::npos) << program.refusal;
  EXPECT_EQ(program.refusal.find('\n'), std::string::npos);
}

// Multiclass logistic regression: Delta is an outer product; of a factorisation, rows that keys
// name.
namespace multiclass {
using logistic::d;
using logistic::n;
using logistic::X;
constexpr struct Class : Axis<Class> {
} c;
constexpr auto label = map<"label">(n, c);
constexpr auto W = param<"W">(c, d);
constexpr auto bias = param<"bias">(c);
constexpr auto z = let<"z">(n, c, sum(d, X* W) + bias);
constexpr auto Mlr = Minimize(mean(n, xent(c, z, label)));
}  // namespace multiclass
static_assert(DeltaIsSufficientFactors<decltype(multiclass::Mlr), decltype(multiclass::W)>);
static_assert(DeltaIsDense<decltype(multiclass::Mlr), decltype(multiclass::bias)>);
static_assert(DeltaIsRows<decltype(factorisation::Mf), decltype(factorisation::U)>);
static_assert(DeltaIsRows<decltype(factorisation::Mf), decltype(factorisation::bi)>);
static_assert(DeltaIsScalar<decltype(lasso::Lasso), decltype(lasso::b)>);
static_assert(DeltaIsDense<decltype(lasso::Lasso), decltype(lasso::beta)>);

// What an Iterate assigns a parameter from has a structure as well.
namespace assigned {
using multiclass::c;
using multiclass::d;
using multiclass::label;
using multiclass::n;
using multiclass::W;
using multiclass::X;
constexpr auto Grouped = Iterate(W = sum(n, where(label(n) == c, X)));
constexpr auto Pulled = Iterate(W = 0.5 * W + sum(n, multiclass::z* X));
}  // namespace assigned
static_assert(DeltaIsRows<decltype(assigned::Grouped), decltype(assigned::W)>);
static_assert(DeltaIsSufficientFactors<decltype(assigned::Pulled), decltype(assigned::W)>);

// State that lives with a row is assigned beside what all rows share, and read there alone.
namespace locals {
using logistic::d;
using logistic::n;
using logistic::w;
using logistic::X;
constexpr auto F = local<"F">(n);
constexpr auto s = let<"s">(n, sum(d, X* w));
constexpr auto Lives = Iterate(w = w + mean(n, X* F), F = 0.5 * F + s);
constexpr auto Alone = Iterate(w = w + mean(n, X* F)).Then(Iterate(F = F + s));
constexpr auto Never = Iterate(w = w + mean(n, X* F));
constexpr auto Fitted = Minimize(mean(n, sq(F - s)));
constexpr auto Predicted = Lives.Predict<"F">(F);
constexpr auto Started = Lives.Start(w = mean(n, X* F));
}  // namespace locals

TEST(ListingTest, Locals) {
  const Program program = Compile(locals::Lives);
  EXPECT_EQ(program.refusal, "");
  EXPECT_EQ(program.root.param.size(), 1u);
  EXPECT_EQ(program.root.local.size(), 1u);
  EXPECT_EQ(program.pass[static_cast<size_t>(program.root.pass)].local.size(), 1u);
  Refused(Compile(locals::Alone), "local \"F\"");
  Refused(Compile(locals::Never), "local \"F\"");
  Refused(Compile(locals::Fitted), "local \"F\"");
  Refused(Compile(locals::Predicted), "local \"F\"");
  Refused(Compile(locals::Started), "local \"F\"");
}

TEST(ListingTest, AlternatingLeastSquares) {
  const Program als = Compile(factorisation::Als);
  EXPECT_EQ(als.refusal, "");
  ASSERT_EQ(als.root.child.size(), 1u);
  EXPECT_EQ(als.root.child[0].alternate.size(), 2u);
  const Program users = Compile(factorisation::AlsUsers);
  EXPECT_EQ(users.refusal, "");
  EXPECT_NE(users.text.find("solve[Rank,Rank'](G(User,Rank,Rank'), h(User,Rank))"),
            std::string::npos)
      << users.text;
}

TEST(ListingTest, LatentDirichletAllocation) {
  const Program program = Compile(lda::Lda);
  EXPECT_EQ(program.refusal, "");
  ASSERT_EQ(program.root.sampler.form.size(), 2u);  // by document and by word
  for (const SamplerForm& form : program.root.sampler.form) {
    EXPECT_GE(form.count, 0);
    EXPECT_NE(form.slope, nullptr);
  }
  EXPECT_NE(program.text.find("by doc(Token) by z(Token)"), std::string::npos) << program.text;
}

TEST(ListingTest, LeNet) { Refused(Compile(lenet::LeNet), "spatial"); }

TEST(ListingTest, BoostedTrees) {
  const Program program = Compile(boosting::Boost);
  Refused(program, "latent \"node\"");
  EXPECT_NE(program.text.find("each[Node](BestSplit: G(Node,Feature,Bin), H(Node,Feature,Bin))"),
            std::string::npos)
      << program.text;
  EXPECT_NE(program.text.find("each[Sample](Descend: node(Sample), split(node(Sample)), "
                              "bin(Sample,Feature))"),
            std::string::npos)
      << program.text;
}

TEST(ListingTest, FingerprintsDiffer) {
  std::set<uint64_t> seen;
  for (const Program& program :
       {Compile(lasso::Lasso), Compile(lasso::LassoCd), Compile(logistic::Logistic),
        Compile(lda::Lda), Compile(factorisation::Mf), Compile(factorisation::Als),
        Compile(factorisation::AlsUsers), Compile(lenet::LeNet), Compile(boosting::Boost),
        Compile(factorisation::Mf.By(update<"sgd">())),
        Compile(factorisation::Mf.By(update<"adam">()))}) {
    EXPECT_TRUE(seen.insert(program.fingerprint).second) << program.text;
  }
}

}  // namespace
}  // namespace gyre
