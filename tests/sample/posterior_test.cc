// Samplers against the law they promise, by enumeration: on a handful of tokens every assignment of
// topics has a known probability, and long runs must visit each as often as that says.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dsl/random.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "runtime/archive.h"
#include "runtime/data/layout.h"
#include "runtime/env.h"
#include "runtime/fold.h"
#include "tests/sample/programs.h"

namespace gyre {
namespace {

using Vector = std::vector<double>;

constexpr int64_t kTokens = 6, kTopics = 3;
constexpr double kAlpha = 0.3, kEta = 0.2;
const std::vector<int> kDoc = {0, 0, 0, 1, 1, 1}, kAuthor = {0, 1, 1, 0, 0, 1},
                       kWord = {0, 1, 1, 2, 0, 2};

double Lgamma(double x) { return std::lgamma(x); }

// log of a product of Gamma(count + prior) over the cells of a table.
double LogCells(const std::vector<int>& key, const std::vector<int>& z, int keys,
                const std::function<double(int, int)>& prior) {
  std::vector<int> count(static_cast<size_t>(keys * kTopics));
  for (size_t t = 0; t < z.size(); ++t) ++count[static_cast<size_t>(key[t] * kTopics + z[t])];
  double sum = 0;
  for (int i = 0; i < keys; ++i) {
    for (int k = 0; k < kTopics; ++k)
      sum += Lgamma(count[static_cast<size_t>(i * kTopics + k)] + prior(i, k));
  }
  return sum;
}
double LogWords(const std::vector<int>& z) {
  double sum = LogCells(kWord, z, 3, [](int, int) { return kEta; });
  for (int k = 0; k < kTopics; ++k)
    sum -= Lgamma(static_cast<double>(std::count(z.begin(), z.end(), k)) + 3 * kEta);
  return sum;
}
double Prior(int doc, int k) { return 0.2 + 0.5 * doc + 0.3 * k; }
double Worth(int token, int k) { return std::sin(token + 2.0 * k); }

double Ink(int token, int word) { return (3 * token + 2 * word) % 4; }
double Shape(int k, int word) { return 0.2 + 0.1 * ((k + 2 * word) % 3); }

using Law = std::function<double(const std::vector<int>&)>;  // log p, up to a constant
double LdaLaw(const std::vector<int>& z) {
  return LogCells(kDoc, z, 2, [](int, int) { return kAlpha; }) + LogWords(z);
}
double ContextsLaw(const std::vector<int>& z) {
  return LdaLaw(z) + LogCells(kAuthor, z, 2, [](int, int) { return 2 * kAlpha; });
}
double PriorsLaw(const std::vector<int>& z) { return LogCells(kDoc, z, 2, Prior) + LogWords(z); }
double SupervisedLaw(const std::vector<int>& z) {
  double sum = LdaLaw(z);
  for (int d = 0; d < 2; ++d) {
    double worth = 0;
    for (size_t t = 0; t < z.size(); ++t) worth += kDoc[t] == d ? Prior(d, z[t]) : 0;
    sum -= (worth - 2) * (worth - 2);
  }
  return sum;
}
double GivenLaw(const std::vector<int>& z) {
  double sum = LogWords(z);
  for (size_t t = 0; t < z.size(); ++t) sum += std::log(Prior(kDoc[t], z[t]));
  return sum;
}
double LabelsLaw(const std::vector<int>& z) {
  double sum = LogCells(std::vector<int>(z.size(), 0), z, 1, [](int, int) { return kAlpha; });
  for (size_t t = 0; t < z.size(); ++t) sum += Worth(static_cast<int>(t), z[t]);
  return sum;
}

double ImagesLaw(const std::vector<int>& z) {
  double sum = LogCells(std::vector<int>(z.size(), 0), z, 1, [](int, int) { return kAlpha; });
  for (size_t t = 0; t < z.size(); ++t) {
    for (int w = 0; w < 3; ++w) sum += Ink(static_cast<int>(t), w) * std::log(Shape(z[t], w));
  }
  return sum;
}

struct Tokens {
  std::vector<int> doc = kDoc, author = kAuthor, word = kWord;
  int docs = 2, authors = 2, words = 3;
  int64_t topics = kTopics;

  int64_t size() const { return static_cast<int64_t>(doc.size()); }
};
// More of them, of documents of any length.
Tokens Many() {
  Tokens tokens;
  tokens.doc = tokens.author = tokens.word = {};
  tokens.docs = 40, tokens.authors = 7, tokens.words = 23;
  const rng::Stream draws(3, rng::Hash("tokens"), 0);
  for (uint64_t t = 0; t < 700; ++t) {
    const auto draw = [&, at = 3 * t](uint64_t i, int n, double skew) {
      return static_cast<int>(std::pow(draws.Uniform(at + i), skew) * n);
    };
    tokens.doc.push_back(draw(0, tokens.docs, 1.5));
    tokens.author.push_back(draw(1, tokens.authors, 1));
    tokens.word.push_back(draw(2, tokens.words, 3));
  }
  return tokens;
}

// The fold of a program's first statement, driven by hand.
class Chain {
 public:
  Chain(Program program, const std::string& sampler, int workers, uint64_t seed,
        const std::string& cut_by = "", Tokens tokens = Tokens())
      : program_(std::move(program)), tokens_(std::move(tokens)) {
    const std::map<std::string, int64_t> extents = {{"Token", tokens_.size()},
                                                    {"Topic", tokens_.topics},
                                                    {"Doc", tokens_.docs},
                                                    {"Author", tokens_.authors},
                                                    {"Word", tokens_.words}};
    for (const ir::Axis& axis : program_.graph.axis) {
      const auto found = extents.find(std::string(axis.name));
      extent_.push_back(found == extents.end() ? tokens_.size() + 3 : found->second);
    }
    block_.resize(static_cast<size_t>(program_.graph.symbol.size));
    hyper_.resize(block_.size());
    const std::map<std::string, const std::vector<int>*> maps = {
        {"doc", &tokens_.doc}, {"author", &tokens_.author}, {"word", &tokens_.word}};
    for (int i = 0; i < program_.graph.symbol.size; ++i) {
      const ir::Symbol& s = program_.graph.symbol[i];
      const auto at = static_cast<size_t>(i);
      if (s.kind == ir::Kind::kHyper) hyper_[at] = program_.literal[static_cast<size_t>(s.literal)];
      if (s.kind == ir::Kind::kMap) {
        const std::vector<int>& key = *maps.at(std::string(s.name));
        owned_.push_back(MakeColumn(Type::kInt32, Vector(key.begin(), key.end())));
        block_[at] = owned_.back().block;
      }
      if (s.kind == ir::Kind::kData) {
        const auto fill = s.name == "prior"   ? Prior
                          : s.name == "X"     ? Ink
                          : s.name == "shape" ? Shape
                                              : Worth;
        const int64_t rows = s.name == "prior"   ? tokens_.docs
                             : s.name == "shape" ? kTopics
                                                 : tokens_.size(),
                      cols = s.name == "prior" || s.name == "worth" ? kTopics : tokens_.words;
        owned_.push_back(MakeDense(Type::kFloat64, rows, cols));
        const int64_t stride = owned_.back().block.stride;
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t k = 0; k < cols; ++k)
            owned_.back().mutable_values<double>()[r * stride + k] =
                fill(static_cast<int>(r), static_cast<int>(k));
        }
        block_[at] = owned_.back().block;
      }
    }
    FoldSetup setup;
    setup.program = &program_;
    setup.context.program = &program_;
    setup.context.data = block_.data();
    setup.context.hyper = hyper_.data();
    setup.context.extent = extent_.data();
    setup.context.total.resize(static_cast<size_t>(program_.graph.total.size));
    setup.extent = extent_;
    setup.workers = workers;
    setup.env = &env_;
    setup.seed = seed;
    Rule rule;
    rule.name = "gibbs", rule.sampler = sampler, rule.cut_by = cut_by;
    workers_ = workers;
    state_ = std::make_unique<ParamState>(program_, extent_, Type::kFloat64);
    const Statement* first = &program_.root;
    while (!first->child.empty()) first = &first->child[0];
    auto fold = MakeFold(setup, *first, rule);
    status_ = fold.status();
    if (!status_.ok()) return;
    fold_ = *std::move(fold);
    status_ = fold_->Start(state_.get());
  }

  const absl::Status& status() const { return status_; }
  void Sweep() { Sweep(false); }
  void SweepBackwards() { Sweep(true); }
  std::vector<int> Topics() const {
    const std::string bytes = fold_->Save();
    Archive archive{absl::string_view(bytes)};
    int64_t clocks = 0;
    std::vector<int32_t> topic;
    archive(clocks), archive(topic);
    return {topic.begin(), topic.end()};
  }
  Fold& fold() { return *fold_; }
  ParamState& state() { return *state_; }
  const Program& program() const { return program_; }
  const Tokens& tokens() const { return tokens_; }

 private:
  void Sweep(bool backwards) {
    std::vector<bool> done(static_cast<size_t>(workers_));
    for (int left = workers_; left > 0;) {
      for (int i = 0; i < workers_; ++i) {
        const int w = backwards ? workers_ - 1 - i : i;
        if (done[static_cast<size_t>(w)]) continue;
        if (fold_->WorkTurn(w, 0) != Fold::Turn::kLast) continue;
        done[static_cast<size_t>(w)] = true;
        --left;
      }
    }
  }

  Program program_;
  const Tokens tokens_;
  MachineEnv env_;
  std::vector<int64_t> extent_;
  std::vector<OwnedBlock> owned_;
  std::vector<Block> block_;
  Vector hyper_;
  int workers_ = 1;
  std::unique_ptr<ParamState> state_;
  std::unique_ptr<Fold> fold_;
  absl::Status status_;
};

int64_t NumberOf(const std::vector<int>& z) {
  int64_t n = 0;
  for (const int k : z) n = n * kTopics + k;
  return n;
}

// Chi-square of states visited in thinned sweeps against the law; states rarer than 8 expected
// visits are pooled. Its mean is its degrees of freedom.
// `p`: the law by NumberOf, up to a constant.
void ExpectVisits(Program program, const std::string& sampler, const Vector& p, int workers,
                  const std::string& cut_by) {
  constexpr int kVisits = 60000, kThin = 6;
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  Chain chain(std::move(program), sampler, workers, 11, cut_by);
  ASSERT_TRUE(chain.status().ok()) << chain.status();
  std::vector<int> visits(p.size());
  for (int i = 0; i < 100; ++i) chain.Sweep();
  for (int i = 0; i < kVisits; ++i) {
    for (int s = 0; s < kThin; ++s) chain.Sweep();
    ++visits[static_cast<size_t>(NumberOf(chain.Topics()))];
  }
  double chi = 0, rest_expected = 0, rest_visits = 0;
  int freedom = -1;
  const auto add = [&](double seen, double expected) {
    chi += (seen - expected) * (seen - expected) / expected;
    ++freedom;
  };
  for (size_t s = 0; s < p.size(); ++s) {
    const double expected = p[s] / sum * kVisits;
    if (expected >= 8) {
      add(visits[s], expected);
    } else {
      rest_expected += expected, rest_visits += visits[s];
    }
  }
  if (rest_expected > 0) add(rest_visits, rest_expected);
  EXPECT_GT(freedom, 100);
  // Four standard deviations, and something for what thinning leaves of the correlation.
  EXPECT_LT(chi, freedom + 6 * std::sqrt(2.0 * freedom)) << freedom << " degrees of freedom";
}

constexpr int kStates = 729;  // kTopics to the power of kTokens
std::vector<int> StateAt(int number) {
  std::vector<int> z(static_cast<size_t>(kTokens));
  for (size_t i = z.size(); i > 0; --i, number /= static_cast<int>(kTopics))
    z[i - 1] = number % static_cast<int>(kTopics);
  return z;
}
Vector TableOf(const Law& law) {
  Vector p;
  for (int s = 0; s < kStates; ++s) p.push_back(std::exp(law(StateAt(s))));
  return p;
}
void ExpectLaw(Program program, const std::string& sampler, const Law& law, int workers = 1,
               const std::string& cut_by = "") {
  ExpectVisits(std::move(program), sampler, TableOf(law), workers, cut_by);
}

TEST(Posterior, LdaDense) { ExpectLaw(Lda(), "dense", LdaLaw); }
TEST(Posterior, LdaSparse) { ExpectLaw(Lda(), "sparse", LdaLaw); }
TEST(Posterior, ThreeKeys) { ExpectLaw(Contexts(), "dense", ContextsLaw); }
TEST(Posterior, PriorsFromData) { ExpectLaw(Priors(), "dense", PriorsLaw); }
// By word the rest is no line that all documents share; by document it is.
TEST(Posterior, PriorsFromDataSparse) { ExpectLaw(Priors(), "sparse", PriorsLaw); }
// In logs, by a pass over rows.
TEST(Posterior, AProductOverColumns) { ExpectLaw(Images(), "dense", ImagesLaw); }
// The weights sum counts over the topics: all of them move with every draw.
TEST(Posterior, ASumOfCounts) { ExpectLaw(Supervised(), "dense", SupervisedLaw); }
TEST(Posterior, AKeyOfDataAlone) { ExpectLaw(Given(), "dense", GivenLaw); }
TEST(Posterior, AKeyOfDataAloneSparse) { ExpectLaw(Given(), "sparse", GivenLaw); }
TEST(Posterior, NoKeys) { ExpectLaw(Labels(), "dense", LabelsLaw); }

// One worker has nobody to be behind of.
TEST(Posterior, RowsCutForOneWorker) { ExpectLaw(Lda(), "dense", LdaLaw, 1, "doc"); }
TEST(Posterior, RowsCutForOneWorkerSparse) { ExpectLaw(Lda(), "sparse", LdaLaw, 1, "doc"); }
// Blocks that go round: where none is visited while another is, no total is late.
TEST(Posterior, BlocksInTurn) {
  for (const int workers : {2, 3}) ExpectLaw(Lda(), "dense", LdaLaw, workers);
}
TEST(Posterior, BlocksInTurnSparse) { ExpectLaw(Lda(), "sparse", LdaLaw, 2); }

// Two workers with a document each draw its tokens in turn, each from the conditional given its own
// as they are and the other's as the clock found them. The law of such a chain, by powers of its
// transitions.
Vector DelayedLaw() {
  const Vector exact = TableOf(LdaLaw);
  const std::vector<std::vector<size_t>> own = {{0, 1, 2}, {4, 3, 5}};  // as rows lie: by word
  constexpr int kOwn = 27;
  std::vector<std::vector<Vector>> to(2, std::vector<Vector>(kStates));  // by worker and state
  const auto number = [](int state, const std::vector<size_t>& tokens) {
    const std::vector<int> z = StateAt(state);
    int n = 0;
    for (const size_t t : tokens) n = n * static_cast<int>(kTopics) + z[t];
    return n;
  };
  for (size_t w = 0; w < 2; ++w) {
    for (int from = 0; from < kStates; ++from) {
      std::map<int, double> at = {
          {from, 1.0}};  // states of its own tokens, the other's as they were
      for (const size_t token : own[w]) {
        std::map<int, double> next;
        for (const auto& [state, chance] : at) {
          std::vector<int> z = StateAt(state);
          double sum = 0;
          std::vector<std::pair<int, double>> draw;
          for (int k = 0; k < kTopics; ++k) {
            z[token] = k;
            draw.emplace_back(NumberOf(z), exact[static_cast<size_t>(NumberOf(z))]);
            sum += draw.back().second;
          }
          for (const auto& [drawn, weight] : draw) next[drawn] += chance * weight / sum;
        }
        at = std::move(next);
      }
      to[w][static_cast<size_t>(from)].assign(kOwn, 0);
      for (const auto& [state, chance] : at)
        to[w][static_cast<size_t>(from)][static_cast<size_t>(number(state, own[w]))] += chance;
    }
  }
  Vector p(kStates, 1.0 / kStates);
  for (int step = 0; step < 200; ++step) {
    Vector both(kOwn * kOwn), next(kStates);
    for (size_t s = 0; s < p.size(); ++s) {
      for (size_t a = 0; a < kOwn; ++a) {
        for (size_t b = 0; b < kOwn; ++b) both[a * kOwn + b] += p[s] * to[0][s][a] * to[1][s][b];
      }
    }
    for (int s = 0; s < kStates; ++s)
      next[static_cast<size_t>(s)] =
          both[static_cast<size_t>(number(s, own[0]) * kOwn + number(s, own[1]))];
    p = std::move(next);
  }
  return p;
}

TEST(Delayed, RowsCutForTwoWorkersFollowTheLawOfTheirChain) {
  const Vector p = DelayedLaw();
  Vector exact = TableOf(LdaLaw);
  const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
  double apart = 0;
  for (size_t s = 0; s < p.size(); ++s) apart += 0.5 * std::abs(p[s] - exact[s] / sum);
  EXPECT_GT(apart, 0.01);  // it is another law
  for (const char* sampler : {"dense", "sparse"}) ExpectVisits(Lda(), sampler, p, 2, "doc");
}

// Topics by the first datum that has them: what is left of an assignment where topics are alike.
std::vector<int> Pattern(const std::vector<int>& z) {
  std::vector<int> pattern;
  for (size_t t = 0; t < z.size(); ++t) {
    const auto first = std::find(z.begin(), z.end(), z[t]) - z.begin();
    pattern.push_back(static_cast<int>(first));
  }
  return pattern;
}

// So many topics that rows of tables are sparse, and keys tell apart a few of them only.
void ExpectLawOfManyTopics(const std::string& sampler) {
  constexpr int64_t kMany = 300;
  constexpr int kVisits = 100000, kThin = 4;
  Tokens tokens;
  tokens.doc = {0, 0, 1, 1}, tokens.word = {0, 1, 1, 0}, tokens.author = {0, 0, 0, 0};
  tokens.topics = kMany;
  // log p of an assignment, by the gamma functions of its counts over those of none.
  const auto cells = [&](const std::vector<int>& key, const std::vector<int>& z, double prior) {
    std::map<std::pair<int, int>, int> count;
    for (size_t t = 0; t < z.size(); ++t) ++count[{key[t], z[t]}];
    double sum = 0;
    for (const auto& [cell, n] : count) sum += Lgamma(n + prior) - Lgamma(prior);
    return sum;
  };
  std::map<std::vector<int>, double> law;
  double all = 0;
  std::vector<int> z(tokens.doc.size());
  const std::function<void(size_t, int)> visit = [&](size_t t, int used) {
    if (t < z.size()) {
      for (z[t] = 0; z[t] < used; ++z[t]) visit(t + 1, used);
      z[t] = used;
      return visit(t + 1, used + 1);
    }
    double log = cells(tokens.doc, z, kAlpha) + cells(tokens.word, z, kEta);
    for (int k = 0; k < used; ++k) {
      const auto n = static_cast<double>(std::count(z.begin(), z.end(), k));
      log -= Lgamma(n + tokens.words * kEta) - Lgamma(tokens.words * kEta);
      log += std::log(static_cast<double>(kMany - k));  // topics that may be its k-th
    }
    all += law[Pattern(z)] = std::exp(log);
  };
  visit(0, 0);
  Chain chain(Lda(), sampler, 1, 11, "", tokens);
  ASSERT_TRUE(chain.status().ok()) << chain.status();
  std::map<std::vector<int>, int> visits;
  for (int i = 0; i < kVisits; ++i) {
    for (int s = 0; s < kThin; ++s) chain.Sweep();
    ++visits[Pattern(chain.Topics())];
  }
  double chi = 0, rest_expected = 0, rest_visits = 0;
  int freedom = 0;
  const auto add = [&](double seen, double expected) {
    chi += (seen - expected) * (seen - expected) / expected;
  };
  for (const auto& [pattern, p] : law) {
    const double expected = p / all * kVisits;
    if (expected < 8) {
      rest_expected += expected, rest_visits += visits[pattern];
    } else {
      add(visits[pattern], expected), ++freedom;
    }
  }
  if (rest_expected > 0) add(rest_visits, rest_expected);
  EXPECT_EQ(freedom, 7);
  EXPECT_LT(chi, freedom + 6 * std::sqrt(2.0 * freedom));
}
TEST(Posterior, ManyTopicsDense) { ExpectLawOfManyTopics("dense"); }
TEST(Posterior, ManyTopicsSparse) { ExpectLawOfManyTopics("sparse"); }

TEST(Posterior, TheTestTellsAnotherLawApart) {
  const Law other = [](const std::vector<int>& z) { return 1.1 * LdaLaw(z); };
  EXPECT_NONFATAL_FAILURE(ExpectLaw(Lda(), "dense", other), "degrees of freedom");
}

TEST(Sampler, SparseRefusesWeightsThatAreNoLine) {
  const Chain chain(Labels(), "sparse", 1, 1);
  EXPECT_EQ(chain.status().message(),
            "the sparse sampler needs weights that are, but for what one key names, a line in one "
            "table of counts; use --sampler=dense");
}

// What the topics of all rows count, by the program's tables.
std::map<std::string, Vector> CountsOf(const Chain& chain) {
  const std::vector<int> z = chain.Topics();
  const Tokens& tokens = chain.tokens();
  std::map<std::string, Vector> all;
  const auto add = [&](const std::string& table, int64_t keys, int64_t at) {
    Vector& counts = all[table];
    counts.resize(static_cast<size_t>(keys));
    ++counts[static_cast<size_t>(at)];
  };
  for (size_t t = 0; t < z.size(); ++t) {
    const int k = z[t], d = tokens.doc[t], a = tokens.author[t], w = tokens.word[t];
    EXPECT_GE(k, 0);
    add("doc_topic", tokens.docs * kTopics, d * kTopics + k);
    add("author_topic", tokens.authors * kTopics, a * kTopics + k);
    add("topic_word", kTopics * tokens.words, k * tokens.words + w);
    add("topic", kTopics, k);
    add("length", tokens.docs, d);
  }
  return all;
}
void ExpectCountsOfTopics(Chain* chain, const std::string& who) {
  std::map<std::string, Vector> expected = CountsOf(*chain);
  Vector model(static_cast<size_t>(chain->state().layout().size), -1);
  chain->fold().Model(chain->state(), model.data());
  for (const Field& field : chain->state().layout().field) {
    const ir::Symbol& s = chain->program().graph.symbol[field.id];
    if (s.kind != ir::Kind::kCount) continue;
    const Vector found(model.begin() + field.offset, model.begin() + field.offset + field.size);
    Vector& counts = expected[std::string(s.name)];
    counts.resize(found.size());
    EXPECT_EQ(found, counts) << s.name << ", " << who;
  }
}

struct Case {
  const char* name;
  Program (*program)();
  std::vector<std::string> sampler;
  std::vector<std::string> cut_by;  // empty: blocks go round
};
const std::vector<Case> kCases = {{"lda", Lda, {"dense", "sparse"}, {"", "doc", "word"}},
                                  {"contexts", Contexts, {"dense"}, {"", "doc", "author"}},
                                  {"given", Given, {"dense", "sparse"}, {"", "word"}},
                                  {"no keys", Labels, {"dense"}, {"", "Token"}},
                                  {"columns", Images, {"dense"}, {"", "Token"}}};

// Counts are those of the topics, whoever drew them, after every clock.
TEST(Sampler, CountsAreThoseOfTheTopics) {
  for (const Case& c : kCases) {
    for (const std::string& sampler : c.sampler) {
      for (const std::string& cut_by : c.cut_by) {
        for (const int workers : {1, 2, 3, 16}) {
          Chain chain(c.program(), sampler, workers, 5, cut_by, Many());
          ASSERT_TRUE(chain.status().ok()) << c.name << " " << chain.status();
          for (int sweep = 0; sweep < 12; ++sweep) {
            chain.Sweep();
            ExpectCountsOfTopics(&chain, absl::StrCat(c.name, ", ", workers, " workers, ", sampler,
                                                      ", cut by ", cut_by));
          }
        }
      }
    }
  }
}

// Every worker begins a clock from the same counts, whoever is first.
TEST(Sampler, RowsThatAreCutAreDrawnAlikeInAnyOrder) {
  for (const char* sampler : {"dense", "sparse"}) {
    Chain one(Lda(), sampler, 3, 5, "doc", Many()), other(Lda(), sampler, 3, 5, "doc", Many());
    for (int i = 0; i < 10; ++i) one.Sweep(), other.SweepBackwards();
    EXPECT_EQ(one.Topics(), other.Topics()) << sampler;
  }
}

TEST(Sampler, RowsAreCutByKeysThatTheyHave) {
  const Chain other(Lda(), "dense", 2, 1, "editor");
  EXPECT_EQ(other.status().message(),
            "plan: rows are cut by \"editor\", which is no key of theirs; plan this program again");
  const Chain none(Lda(), "dense", 2, 1, "Token");
  EXPECT_EQ(none.status().message(),
            "plan: rows are cut by \"Token\" and not by a key; plan this program again");
}

TEST(Sampler, GoesOnFromWhatItSaved) {
  for (const char* sampler : {"dense", "sparse"}) {
    Chain one(Lda(), sampler, 1, 9), other(Lda(), sampler, 1, 9);
    for (int i = 0; i < 7; ++i) one.Sweep();
    ASSERT_TRUE(other.fold().Load(one.fold().Save()).ok());
    for (int i = 0; i < 7; ++i) one.Sweep(), other.Sweep();
    EXPECT_EQ(one.Topics(), other.Topics()) << sampler;
  }
  Chain one(Lda(), "dense", 3, 9, "doc", Many()), other(Lda(), "dense", 3, 9, "doc", Many());
  for (int i = 0; i < 7; ++i) one.Sweep();
  ASSERT_TRUE(other.fold().Load(one.fold().Save()).ok());
  for (int i = 0; i < 7; ++i) one.Sweep(), other.Sweep();
  EXPECT_EQ(one.Topics(), other.Topics());
}

}  // namespace
}  // namespace gyre
