// Non-negative matrix factorisation by multiplicative updates (Lee and Seung 2001), to the
// Kullback-Leibler divergence: what a document says is a sum of parts, and so is what a part is about.
#include "dsl/dsl.h"

namespace nmf {
using namespace gyre;

constexpr struct Token : Axis<Token> {} t;
constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Word : Axis<Word> {} w;
constexpr struct Part : Axis<Part, 12> {} k;

constexpr auto doc = map<"doc">(t, m);
constexpr auto word = map<"word">(t, w);
constexpr auto H = param<"H">(m, k);
constexpr auto W = param<"W">(w, k);

constexpr auto rate = let<"rate">(t, sum(k, H(doc(t), k) * W(word(t), k)));  // expected times a word stands in a document

constexpr auto Nmf = Iterate(H = H * sum(t, where(doc(t) == m, W(word(t), k) / rate)) / sum(w, W),
                             W = W * sum(t, where(word(t) == w, H(doc(t), k) / rate)) / sum(m, H))
                         .Alternate(H, W)
                         .Repeat(60)
                         .Start(H = uniform(0.5, 1.5), W = uniform(0.5, 1.5))
                         .Measure<"divergence">((sum(k, sum(m, H) * sum(w, W)) - sum(t, log(rate))) / size(t));

}  // namespace nmf

int main(int argc, char** argv) { return gyre::Main(argc, argv, nmf::Nmf); }
