// Samplers against the law they promise, by enumeration: on a handful of tokens every assignment of
// topics has a known probability, and long runs must visit each as often as that says.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

// The fold of a program's first statement, driven by hand.
class Chain {
 public:
  Chain(Program program, const std::string& sampler, int workers, uint64_t seed)
      : program_(std::move(program)) {
    const std::map<std::string, int64_t> extents = {
        {"Token", kTokens}, {"Topic", kTopics}, {"Doc", 2}, {"Author", 2}, {"Word", 3}};
    for (const ir::Axis& axis : program_.graph.axis) {
      const auto found = extents.find(std::string(axis.name));
      extent_.push_back(found == extents.end() ? kTokens + 3 : found->second);
    }
    block_.resize(static_cast<size_t>(program_.graph.symbol.size));
    hyper_.resize(block_.size());
    const std::map<std::string, const std::vector<int>*> maps = {
        {"doc", &kDoc}, {"author", &kAuthor}, {"word", &kWord}};
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
        const int64_t rows = s.name == "prior" ? 2 : s.name == "shape" ? kTopics : kTokens;
        owned_.push_back(MakeDense(Type::kFloat64, rows, kTopics));
        const int64_t stride = owned_.back().block.stride;
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t k = 0; k < kTopics; ++k)
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
    rule.name = "gibbs", rule.sampler = sampler;
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
  void Sweep() {
    std::vector<bool> done(static_cast<size_t>(workers_));
    for (int left = workers_; left > 0;) {
      for (int w = 0; w < workers_; ++w) {
        if (done[static_cast<size_t>(w)]) continue;
        if (fold_->WorkTurn(w, 0) != Fold::Turn::kLast) continue;
        done[static_cast<size_t>(w)] = true;
        --left;
      }
    }
  }
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

 private:
  Program program_;
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
void ExpectLaw(Program program, const std::string& sampler, const Law& law) {
  constexpr int kVisits = 60000, kThin = 6;
  const int64_t states = static_cast<int64_t>(std::llround(std::pow(kTopics, kTokens)));
  Vector p(static_cast<size_t>(states));
  double sum = 0;
  for (int64_t s = 0; s < states; ++s) {
    std::vector<int> z;
    for (int64_t n = s, i = 0; i < kTokens; ++i, n /= kTopics)
      z.push_back(static_cast<int>(n % kTopics));
    p[static_cast<size_t>(NumberOf(z))] = std::exp(law(z));
  }
  for (const double x : p) sum += x;
  Chain chain(std::move(program), sampler, 1, 11);
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

// Counts are those of the topics, whoever drew them.
TEST(Sampler, CountsAreThoseOfTheTopics) {
  for (const int workers : {1, 2, 3}) {
    for (const char* sampler : {"dense", "sparse"}) {
      Chain chain(Lda(), sampler, workers, 5);
      ASSERT_TRUE(chain.status().ok()) << chain.status();
      for (int sweep = 0; sweep < 20; ++sweep) {
        chain.Sweep();
        const std::vector<int> z = chain.Topics();
        std::vector<double> model(static_cast<size_t>(chain.state().layout().size), -1);
        chain.fold().Model(chain.state(), model.data());
        for (const Field& field : chain.state().layout().field) {
          const ir::Symbol& s = chain.program().graph.symbol[field.id];
          if (s.kind != ir::Kind::kCount) continue;
          Vector expected(static_cast<size_t>(field.size));
          for (size_t t = 0; t < z.size(); ++t) {
            const int k = z[t], d = kDoc[t], w = kWord[t];
            ASSERT_GE(k, 0);
            const int64_t at = s.name == "doc_topic"    ? d * kTopics + k
                               : s.name == "topic_word" ? k * 3 + w
                               : s.name == "topic"      ? k
                                                        : d;
            ++expected[static_cast<size_t>(at)];
          }
          const Vector found(model.begin() + field.offset,
                             model.begin() + field.offset + field.size);
          EXPECT_EQ(found, expected) << s.name << ", " << workers << " workers, " << sampler;
        }
      }
    }
  }
}

TEST(Sampler, GoesOnFromWhatItSaved) {
  for (const char* sampler : {"dense", "sparse"}) {
    Chain one(Lda(), sampler, 1, 9), other(Lda(), sampler, 1, 9);
    for (int i = 0; i < 7; ++i) one.Sweep();
    ASSERT_TRUE(other.fold().Load(one.fold().Save()).ok());
    for (int i = 0; i < 7; ++i) one.Sweep(), other.Sweep();
    EXPECT_EQ(one.Topics(), other.Topics()) << sampler;
  }
}

}  // namespace
}  // namespace gyre
