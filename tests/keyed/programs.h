// Programs whose rows name the parameters by keys.
#pragma once
#include "dsl/program.h"

namespace gyre {

// sum_r (R - U V - bu - bi - b)^2 + lambda (|U|^2 + |V|^2 + |bu|^2 + |bi|^2), rank 3.
Program Biased();
// The same without biases, U and V not negative.
Program NonNegative();
// mean_r softplus(-s U V) + lambda (|U|^2 + |V|^2), s = 1 where the rating is positive, else -1.
Program Logistic();
// sum_r [(R - U V - bu - bi - b)^2 + lambda (|U_u|^2 + |V_i|^2)]: what is rated often is held more.
Program Weighted();
// sum_r (R - U V W)^2 + lambda (|U|^2 + |V|^2 + |W|^2) of three keys, V stored with its keys last.
Program Tensor();
// sum_r (R - bu - bi - b)^2 + lambda (|bu|^2 + |bi|^2): convex.
Program Baseline();
// Biased, in blocks of users and of items in turn.
Program Alternating();
// sum_r weight (R - U V)^2 + lambda (|U|^2 + |V|^2 + |U|_1), the items' turn first.
Program AlternatingSparse();
// sum_r (R - U V)^2 + lambda (|U|^2 + |V|^2), the items' turn first; and the same step written out, with solve.
Program Plain();
Program Explicit();
// sum_r ((1 + R) (1 - U V)^2 - (U V)^2) + sum_ui (U V)^2 + lambda (|U|^2 + |V|^2): a row for each pair that was seen,
// with its count; the others count as zeros. The same with mu before the two squares that make it up, and biases; and
// of three keys. Each measures its objective.
Program Implicit();
Program ImplicitBiased();
Program ImplicitTensor();
// The same where every pair, or triple, is a row: sum_r weight (R - view)^2 + lambda (...).
Program AllRows();
Program AllRowsBiased();
Program AllRowsTensor();
// sum_r (1 + R) (1 - U V - bu - bt)^2 + 0.5 mean_ui (U V + bu - 0.1)^2 + ...: all keys of two maps of three.
Program ImplicitInPart();
// sum_r (R - U V)^2 + sum_ui (U V)^4 + ...: no sum over all keys that als knows.
Program FourthPowers();
// sum_r (R - U V)^2 with U read by two keys of one row: what a block holds is not known.
Program Graph();

}  // namespace gyre
