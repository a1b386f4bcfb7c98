// Ratings of items by users as the product of two small matrices, and biases. The data that ship with it are
// votes of members of the US House of Representatives on 16 bills.
//
// A rating touches one row of U and one of V: ratings that share neither can be visited at once, in place. The
// planner cuts them into blocks of users and items and hands the items from worker to worker.
#include "dsl/dsl.h"

namespace matrix_factorization {
using namespace gyre;

constexpr struct Rating : Axis<Rating> {} r;
constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;
constexpr struct Rank : Axis<Rank, 8> {} k;

constexpr auto user = map<"user">(r, u);
constexpr auto item = map<"item">(r, i);
constexpr auto R = data<"rating">(r);
constexpr auto lambda = hyper<"lambda">(8);

constexpr auto U = param<"U">(u, k);
constexpr auto V = param<"V">(i, k);
constexpr auto bu = param<"bu">(u);
constexpr auto bi = param<"bi">(i);
constexpr auto b = param<"b">();

constexpr auto score = let<"score">(u, i, sum(k, U * V) + bu + bi + b);
constexpr auto e = let<"e">(r, R - score(user(r), item(r)));

constexpr auto Factorization =
    Minimize(sum(r, sq(e)) + lambda * (sum(u, k, sq(U)) + sum(i, k, sq(V)) + sum(u, sq(bu)) + sum(i, sq(bi))))
        .Start(U = normal(0, 0.1), V = normal(0, 0.1))
        .Predict<"rating">(score(user(r), item(r)))
        .Measure<"rmse">(sqrt(mean(r, sq(e))));

}  // namespace matrix_factorization

int main(int argc, char** argv) { return gyre::Main(argc, argv, matrix_factorization::Factorization); }
