// Binds a program to random data and runs its kernels beside the reference interpreter.
//
//   Harness h(program, {.format = Format::kCsr, .type = Type::kFloat32});
//   h.CheckPass(0);            // every total: kernel against interpreter
//   h.CheckMinimize(program.root);
//
// Data, parameters and maps are drawn from a seed. The interpreter sees what the kernels see:
// values rounded to the run's element type. Some rows and columns are empty in sparse data.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/interpreter/interpreter.h"
#include "dsl/program.h"
#include "ops/view.h"

namespace gyre {

struct HarnessOptions {
  Format format = Format::kDense;         // of matrices over a data axis ...
  std::map<std::string, Format> formats;  // ... and of some, by symbol
  Type type = Type::kFloat64;
  int64_t rows = 17;                                       // extent of data axes
  int64_t extent = 5;                                      // of other axes without a default
  std::map<std::string, int64_t> extents;                  // by axis name
  std::map<std::string, std::pair<double, double>> range;  // by symbol: uniform here, not normal
  std::map<std::string, bool> counts;                      // by symbol: rounded to whole numbers
  double density = 0.4;
  uint64_t seed = 1;
  int blocks = 1;           // a pass is run in so many pieces, as workers would
  bool differences = true;  // gradients also against central differences (slow)
  bool padded = false;      // dense rows with a stride beyond their width

  // The value a Sweep assigns, as written, and the index it sweeps; -1: sweeps are not checked.
  int sweep_node = -1, sweep_index = -1;

  std::string ToString() const;
};

// Every format and element type, on shapes with single rows, single columns, empty rows, several
// blocks of rows and rows shared out; `base` gives what the program needs beyond that.
void CheckEverywhere(const Program& program, const HarnessOptions& base = {});

// Tells of every difference through GoogleTest's ADD_FAILURE.
class Harness {
 public:
  Harness(const Program& program, const HarnessOptions& options);
  ~Harness();

  Interpreter& oracle() { return *oracle_; }

  // Totals of `pass` from its kernel, by position in Pass::total.
  std::vector<std::vector<double>> RunPass(int pass);
  std::vector<double> RunPost(const Post& post, double when = 0);

  // Every total of the pass against the interpreter. Locals are what they were before.
  void CheckPass(int pass);
  // Value and gradients of this statement and its children: against the interpreter, and the
  // gradients against central differences.
  void CheckStatement(const Statement& statement);
  // A measure: its pass, then its post.
  void CheckMeasure(const Measure& measure);
  // Everything the program has: build, statements, measures, the objective, starts.
  void CheckAll();

 private:
  struct Storage;
  void ChooseExtents();
  void BindSymbol(int symbol);
  void BindParameter(int symbol);
  bool OverDataAxis(const ir::Symbol& symbol) const;
  Format FormatOf(const ir::Symbol& symbol) const;
  std::vector<double> Values(const ir::Symbol& symbol, int64_t rows, int64_t cols) const;
  double Rounded(double value) const;
  void RunBuild();
  KernelArgs Args();
  void RunRows(const Pass& pass, const std::vector<double*>& target,
               const std::function<void(KernelArgs&)>& prepare);
  void CheckAssign(const Assign& assign, const std::string& what);
  void CheckLocal(const Assign& assign);
  std::vector<double> TakeLocal(int symbol);
  void CheckSweep(const Statement& statement);
  void CheckPrediction(const Prediction& prediction);
  void Compare(const std::string& what, const std::vector<double>& got,
               const std::vector<double>& want, double tolerance) const;
  void CheckPost(const std::string& what, const Post& post, double when = 0);
  void CheckGradients(const std::string& what, const Post& value, const std::vector<int>& params,
                      const std::vector<Post>& gradients);
  double PenaltyValue(const Penalty& penalty);
  std::vector<int> Indices(const Post& post) const;
  double tolerance() const;

  const Program& program_;
  const HarnessOptions options_;
  std::unique_ptr<Storage> store_;
  std::unique_ptr<Interpreter> oracle_;
};

}  // namespace gyre
