// Derived kernels against the reference interpreter. Assignments of sums over data, groups, and rows that name their parameters.
#include "tests/gradient/programs.h"
#include "tests/gradient/vocabulary.h"

namespace gyre::vocabulary {
namespace {

// clang-format off
constexpr auto C = param<"C">(c, d);
constexpr auto distance = let<"distance">(n, c, sum(d, sq(X - C)));
constexpr auto nearest = let<"nearest">(n, argmin(c, distance));
constexpr auto members = let<"members">(c, sum(n, where(nearest(n) == c, 1)));
constexpr auto totals = let<"totals">(c, d, sum(n, where(nearest(n) == c, X)));
KERNELS(GroupedSums, Iterate(C = where(members > 0, totals / members, C))
    .Measure<"inertia">(sum(n, min(c, distance))))

KERNELS(LinearUpdates, Iterate(w = w + 0.1 * sum(n, X * (y - s)), b = b + mean(n, y - s))
    .Start(w = sum(n, X * y) / size(n), b = mean(n, y)))

// Sums over all rows that each row reads at its own key.
constexpr auto class_size = let<"class_size">(c, sum(n, where(label(n) == c, 1)));
constexpr auto class_sum = let<"class_sum">(c, sum(n, where(label(n) == c, y)));
constexpr auto class_row = let<"class_row">(c, d, sum(n, where(label(n) == c, X)));
KERNELS(WithinClasses, Iterate(w = w + 0.1 * sum(n, X * (y - class_sum(label(n)) / class_size(label(n)))),
                               b = b + mean(n, sum(d, X * class_row(label(n), d)))))
KERNELS(FitWithinClasses, Minimize(mean(n, sq(y - class_sum(label(n)) / class_size(label(n)) - s))))

// Locals: all at once from the old values, over what they have of their own; values without rows.
constexpr auto kept = local<"kept">(n);
constexpr auto last = local<"last">(n);
constexpr auto share = local<"share">(n, c);
KERNELS(RowsThatRemember, Iterate(w = w + mean(n, X * (kept - last * sum(c, share))), kept = last,
                                  share = where(label(n) == c, kept, 0.5 * share), last = kept + s)
    .Measure<"memory">(mean(n, sq(kept) + sum(c, share))))
KERNELS(RowsThatAreTold, Iterate(w = w + mean(n, X * kept), kept = b, share = mean(n, y)))

KERNELS(Factorisation, factorisation::Mf)
// clang-format on

}  // namespace
}  // namespace gyre::vocabulary
