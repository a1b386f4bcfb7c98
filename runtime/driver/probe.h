// What this machine can do: measured once in at most 50 ms and kept in a cache.
//
//   Profile profile = ThisMachine(/*measure=*/job_is_large);
//
// The cache is $XDG_CACHE_HOME/gyre/ (or ~/.cache/gyre/), one file per processor model and number
// of cores. A small job without a cache is planned from a table, since measuring would take longer
// than the job: only figures that the system tells for nothing (cores, caches, memory) are filled
// in.
#pragma once
#include <string>

#include "compiler/compiler.h"

namespace gyre::driver {

// "AMD EPYC 9R14, 2 cores".
std::string MachineName();

// The file the profile is kept in; empty when there is no home to keep it.
std::string ProfileCachePath();

// DefaultProfile with the cores, caches and memory of this machine.
Profile TableProfile();

// Measures: memory bandwidth of one core and of all, multiply-adds, gathers, and the hand-over
// between two threads. Takes about 40 ms.
Profile MeasureProfile();

// The cached profile; else, with `measure`, a measured one that is then cached; else the table's.
Profile ThisMachine(bool measure);

}  // namespace gyre::driver
