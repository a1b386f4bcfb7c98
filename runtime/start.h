// Where a run starts: sums of data alone, and the first parameters.
#pragma once
#include <vector>

#include "absl/status/status.h"
#include "ops/aligned.h"
#include "runtime/job.h"
#include "runtime/post.h"
#include "runtime/state.h"

namespace gyre {

// The rows of `axis` that worker `w` of the job visits: its own range when they are the rows it was
// given, else its even part of the axis.
WorkerData RowsOf(const Job& job, int axis, int worker);

// Runs a pass over all workers' rows, summed in worker order, and points `context` to its totals,
// which live in `storage`. `pass` -1: nothing to do. `param`: by symbol, in the run's element type;
// null for a pass over data alone.
void GatherOnce(const Job& job, int pass, const void* const* param, PostContext* context,
                std::vector<AlignedArray<double>>* storage);

// The sums of data alone: the program's BUILD pass.
void BuildTotals(const Job& job, PostContext* context, std::vector<AlignedArray<double>>* storage);

// Whether the first parameters are a sum over rows that may read another such sum: then it cannot be
// made of shares in one go, and the rows must be with whoever starts the run.
bool NeedsRowsToStart(const Program& program);

// Draws the parameters that multiply parameters, from N(0, 1 / fan-in); see below.
void DrawParameters(const Job& job, ParamState* state);

// Parameters as Job::start gives them, else as the program says, else zero; those that multiply
// parameters are drawn from N(0, 1 / fan-in), the fan-in being the elements for one value of the
// first axis. Draws depend on the seed, the name and the element alone.
// `totals`: what the program's start pass sums to, flat by its layout, when others hold the rows;
// null: it is run here.
absl::Status StartParameters(const Job& job, const PostContext& context, ParamState* state,
                             const double* totals = nullptr);

}  // namespace gyre
