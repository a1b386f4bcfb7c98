// CP decomposition of a tensor (Hitchcock 1927; Carroll and Chang 1970): the ink of an image at a row and a
// column as a sum of products of three numbers, one that each of them names. The data that ship with
// it are images of digits, one line for a pixel.
//
// Pixels that share neither image, row nor column touch nothing in common: the planner cuts them into
// blocks by all three.
#include "dsl/dsl.h"

namespace tensor {
using namespace gyre;

constexpr struct Entry : Axis<Entry> {} r;
constexpr struct Image : Axis<Image> {} a;
constexpr struct Row : Axis<Row> {} b;
constexpr struct Column : Axis<Column> {} c;
constexpr struct Rank : Axis<Rank, 24> {} k;

constexpr auto image = map<"image">(r, a);
constexpr auto row = map<"row">(r, b);
constexpr auto column = map<"column">(r, c);
constexpr auto ink = data<"ink">(r);
constexpr auto lambda = hyper<"lambda">(0.02);

constexpr auto A = param<"A">(a, k);
constexpr auto B = param<"B">(b, k);
constexpr auto C = param<"C">(c, k);

constexpr auto e = let<"e">(r, ink - sum(k, A(image(r), k) * B(row(r), k) * C(column(r), k)));

constexpr auto Cp = Minimize(sum(r, sq(e)) + lambda * (sum(a, k, sq(A)) + sum(b, k, sq(B)) + sum(c, k, sq(C))))
                        .Start(A = normal(0, 0.5), B = normal(0, 0.5), C = normal(0, 0.5))
                        .Measure<"rmse">(sqrt(mean(r, sq(e))))
                        .Measure<"explained">(1 - mean(r, sq(e)) / (mean(r, sq(ink)) - sq(mean(r, ink))));  // of the variance

}  // namespace tensor

int main(int argc, char** argv) { return gyre::Main(argc, argv, tensor::Cp); }
