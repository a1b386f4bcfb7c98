// A check of our own invariants: says what broke and ends the process. Never for a user's mistake.
#pragma once

#include <cstdio>
#include <cstdlib>

#define GYRE_CHECK(condition, words)                                                    \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, words); \
      std::abort();                                                                     \
    }                                                                                   \
  } while (false)
