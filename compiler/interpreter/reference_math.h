// The numeric procedures the interpreter needs beyond the standard library: small, plain, slow.
#pragma once
#include <vector>

namespace gyre {

// psi(x): recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.18);
// reflection below zero. Accurate to about 1e-13.
double Digamma(double x);

// Its derivative: recurrence up to 20, then the series (6.4.12); reflection below zero.
double Trigamma(double x);

// Solves a x = b by Gaussian elimination with partial pivoting; false if a is singular.
bool SolveInPlace(std::vector<std::vector<double>>& a, std::vector<double>& b);

}  // namespace gyre
