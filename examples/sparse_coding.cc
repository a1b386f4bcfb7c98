// Sparse coding (Olshausen and Field 1996; Mairal, Bach, Ponce and Sapiro 2010): a patch of an image is the sum of
// a few atoms of a dictionary that all patches share. The dictionary D is learned; the code of a patch lives with
// the patch and is what best explains it by the dictionary at hand, found by steps of soft thresholding (ISTA;
// Daubechies, Defrise and De Mol 2004). The data that ship with it are patches of one photograph; the atoms
// become edges.
#include "dsl/dsl.h"

namespace sparse_coding {
using namespace gyre;

constexpr struct Patch : Axis<Patch> {} n;
constexpr struct Pixel : Axis<Pixel> {} d;
constexpr struct Atom : Axis<Atom, 64> {} k;
constexpr auto j = k.prime();

constexpr auto grey = data<"grey">(n, d);
constexpr auto D = param<"D">(k, d);
constexpr auto lambda = hyper<"lambda">(20);

constexpr auto x = let<"x">(n, d, grey - mean(d, grey));
constexpr auto atom = let<"atom">(k, d, D / norm(d, D));

// a <- soft(a + step * (atom . (x - sum of a * atoms)), step * lambda), the patch's part of it apart.
constexpr auto gram = let<"gram">(k, j, sum(d, atom * atom(j, d)));
constexpr auto step = let<"step">(k, 1 / sum(j, abs(gram)));
constexpr auto keep = let<"keep">(k, j, (k == j) - step * gram);
constexpr auto pull = let<"pull">(n, k, step * sum(d, atom * x));
constexpr auto found = unroll<"a", 15>(n, k, soft(pull, step * lambda), [](auto a) {
  return soft(sum(j, keep * a(n, j)) + pull, step * lambda);
});

// At its minimum a code has no slope, so that the gradient by D is that for codes that stand still.
constexpr auto code = let<"code">(n, k, stop(found));
constexpr auto e = let<"e">(n, d, x - sum(k, code * atom));

constexpr auto SparseCoding = Minimize(mean(n, 0.5 * sum(d, sq(e)) + lambda * sum(k, abs(code))))
    .By(update<"adam">())
    .Until(0.01)
    .Start(D = normal(0, 1))
    .Predict<"code">(code)
    .Measure<"explained">(1 - mean(n, sum(d, sq(e))) / mean(n, sum(d, sq(x))))
    .Measure<"used">(mean(n, mean(k, code != 0)));  // share of the atoms, in the mean

// What a patch adds to the gradient by D is an outer product: of its code and of what the code leaves.
static_assert(DeltaIsSufficientFactors<decltype(SparseCoding), decltype(D)>);

}  // namespace sparse_coding

int main(int argc, char** argv) { return gyre::Main(argc, argv, sparse_coding::SparseCoding); }
