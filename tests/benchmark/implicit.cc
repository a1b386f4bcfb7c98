// Matrix factorisation of what was seen, every pair that was not counting as a zero (Hu, Koren and Volinsky 2008).
#include "dsl/dsl.h"

namespace implicit {
using namespace gyre;

constexpr struct Rating : Axis<Rating> {} r;
constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;
constexpr struct Rank : Axis<Rank, 32> {} k;

constexpr auto user = map<"user">(r, u);
constexpr auto item = map<"item">(r, i);
constexpr auto R = data<"rating">(r);
constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto U = param<"U">(u, k);
constexpr auto V = param<"V">(i, k);

constexpr auto score = let<"score">(u, i, sum(k, U * V));
constexpr auto seen = let<"seen">(r, score(user(r), item(r)));

constexpr auto Implicit = Minimize(sum(r, (1 + sq(R)) * sq(1 - seen) - sq(seen)) + sum(u, i, sq(score)) +
                                   lambda * (sum(u, k, sq(U)) + sum(i, k, sq(V))))
    .Start(U = uniform(0, 0.01), V = uniform(0, 0.01));

}  // namespace implicit

int main(int argc, char** argv) { return gyre::Main(argc, argv, implicit::Implicit); }
