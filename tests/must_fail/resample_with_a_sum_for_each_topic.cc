// Weights with a sum over the topics for each topic.
// EXPECT: GY041
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Token : Axis<Token> {} t;
constexpr struct Doc : Axis<Doc> {} m;
constexpr struct Topic : Axis<Topic, 5> {} k;

constexpr auto doc = map<"doc">(t, m);
constexpr auto z = latent<"z">(t, k);
constexpr auto N = count<"N">(doc(t), z(t));
constexpr auto Nk = count<"Nk">(z(t));

#ifdef FIXED
constexpr auto program = Resample(z(t), (N(doc(t), k) + 1) / (Nk + 1));
#else
constexpr auto program = Resample(z(t), (N(doc(t), k) + 1) / sum(k.prime(), log(Nk(k.prime()) + N(doc(t), k) + 2)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
