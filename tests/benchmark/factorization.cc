// Matrix factorisation as LIBMF has it: every rating adds a penalty for what it names.
#include "dsl/dsl.h"

namespace factorization {
using namespace gyre;

constexpr struct Rating : Axis<Rating> {} r;
constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;
constexpr struct Rank : Axis<Rank, 32> {} k;

constexpr auto user = map<"user">(r, u);
constexpr auto item = map<"item">(r, i);
constexpr auto R = data<"rating">(r);
constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto scale = hyper<"scale">(0.01);
constexpr auto U = param<"U">(u, k);
constexpr auto V = param<"V">(i, k);

constexpr auto e = let<"e">(r, R - sum(k, U(user(r), k) * V(item(r), k)));
constexpr auto size = let<"size">(r, sum(k, sq(U(user(r), k))) + sum(k, sq(V(item(r), k))));

constexpr auto Factorization = Minimize(sum(r, sq(e) + lambda * size))
    .Start(U = uniform(0, scale), V = uniform(0, scale))
    .Measure<"rmse">(sqrt(mean(r, sq(e))));

}  // namespace factorization

int main(int argc, char** argv) { return gyre::Main(argc, argv, factorization::Factorization); }
