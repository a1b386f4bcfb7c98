// What comes before a run: data bound and standardised, the machine known, the plan made and
// checked.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/compiler.h"
#include "dsl/program.h"
#include "runtime/driver/dataset.h"
#include "runtime/driver/model.h"
#include "runtime/driver/options.h"
#include "runtime/driver/steps.h"
#include "runtime/driver/standardize.h"
#include "runtime/job.h"

namespace gyre::driver {

// Who was started, and how.
struct Invocation {
  const Program& program;
  std::string name;  // for people: the file name of argv[0]
  std::string path;  // argv[0]
  Options options;
};

// What was done to the columns of one matrix.
struct Standardized {
  MatrixUse use;
  ColumnTransform transform;
  bool centred = false;
  bool mapped_back = false;  // coefficients are saved in the units of the data
};

// Hyper-parameters by symbol: defaults, and what the command line says.
std::vector<double> HyperOf(const Program& program, const Options& options);

// Chooses and applies the transform of every matrix of `data`. InvalidArgument when the user asks
// for centring that sparse data does not allow.
absl::StatusOr<std::vector<Standardized>> StandardizeData(const Program& program, Standardize how,
                                                          Dataset* data);
// "X scaled and centred; coefficients are in the units of the data", empty when nothing was done.
std::string Words(const Program& program, const std::vector<Standardized>& transforms);

// The plan of --plan=FILE, as written there.
absl::StatusOr<Plan> ReadPlan(const std::string& path);

// A cluster that others have started: text proto gyre.Cluster, "processes: 4 workers: 8".
absl::StatusOr<Cluster> ReadCluster(const std::string& path);

// What the planner says, or the file of --plan, checked against the program and the data.
absl::StatusOr<Plan> PlanFor(const Invocation& invocation, const BoundInfo& bound,
                             const std::vector<Phase>& phases);

struct Prepared {
  Dataset data, test;  // test: without rows when no held-out data was given
  std::vector<Standardized> standardized;
  std::vector<double> hyper;
  Path path;
  Plan plan;
  double load_seconds = 0, plan_seconds = 0;
};
absl::StatusOr<Prepared> Prepare(const Invocation& invocation);

// The job that executes `prepared`, which must outlive it.
Job MakeJob(const Invocation& invocation, const Prepared& prepared);

// The model a run reached, with coefficients in the units of the data wherever possible.
Model MakeModel(const Invocation& invocation, const Prepared& prepared, const RunResult& result);

}  // namespace gyre::driver
