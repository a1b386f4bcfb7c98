#include "runtime/driver/path.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "dsl/random.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/rows.h"
#include "runtime/driver/symbols.h"
#include "runtime/penalty.h"
#include "runtime/start.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;

// As glmnet has them: the end of the path in units of its start, where there are fewer rows than
// parameters, and more; and the ridge's start, which no parameter is zero at.
constexpr double kRatioFew = 1e-2, kRatioMany = 1e-4, kRidge = 1e3;
constexpr int kMostSteps = 10000;

const Statement* FindMinimize(const Statement& s) {
  if (s.kind == StatementKind::kMinimize) return &s;
  for (const Statement& child : s.child)
    if (const Statement* found = FindMinimize(child); found != nullptr) return found;
  return nullptr;
}

bool Selects(const Penalty& p) {
  return p.kind == PenaltyKind::kL1 || p.kind == PenaltyKind::kGroupL2;
}
bool Shrinks(const Penalty& p) { return Selects(p) || p.kind == PenaltyKind::kSquaredL2; }

// The program's losses, gradients and penalties on given rows.
class Problem {
 public:
  Problem(const Program& program, const Dataset& data, std::vector<double> hyper)
      : program_(program), statement_(*FindMinimize(program.root)), hyper_(std::move(hyper)) {
    job_.program = &program;
    job_.hyper = hyper_;
    job_.extent = data.info.extent;
    job_.type = data.info.type;
    WorkerData all;
    all.data = data.block.data();
    all.row_end = data.rows;
    job_.worker = {all};
    context_.program = &program;
    context_.data = data.block.data();
    context_.hyper = hyper_.data();
    context_.extent = job_.extent.data();
    BuildTotals(job_, &context_, &built_);
  }

  const Statement& statement() const { return statement_; }
  void SetHyper(int symbol, double value) { hyper_[static_cast<size_t>(symbol)] = value; }

  // f at the parameters, and the gradient by each of the statement's.
  double Evaluate(const std::vector<std::vector<double>>& parameter,
                  std::vector<std::vector<double>>* gradient) {
    std::vector<std::vector<float>> single(parameter.size());
    std::vector<const void*> pass_param(parameter.size(), nullptr);
    std::vector<const double*> post_param(parameter.size(), nullptr);
    for (size_t s = 0; s < parameter.size(); ++s) {
      if (parameter[s].empty()) continue;
      post_param[s] = parameter[s].data();
      pass_param[s] = parameter[s].data();
      if (job_.type != Type::kFloat32) continue;
      single[s].assign(parameter[s].begin(), parameter[s].end());
      pass_param[s] = single[s].data();
    }
    std::vector<AlignedArray<double>> storage;
    GatherOnce(job_, statement_.pass, pass_param.data(), &context_, &storage);
    context_.param = post_param.data();
    double value = 0;
    context_.Run(statement_.value, &value);
    if (gradient == nullptr) return value;
    gradient->assign(parameter.size(), {});
    for (size_t i = 0; i < statement_.param.size(); ++i) {
      const auto symbol = static_cast<size_t>(statement_.param[i]);
      (*gradient)[symbol].resize(parameter[symbol].size());
      context_.Run(statement_.gradient[i], (*gradient)[symbol].data());
    }
    return value;
  }

  // The weights of one penalty at the hyper-parameters at hand.
  std::vector<double> WeightsOf(const Penalty& p) const {
    int64_t size = 1;
    for (const int axis : p.weight.axes) size *= job_.extent[static_cast<size_t>(axis)];
    std::vector<double> weight(static_cast<size_t>(size));
    context_.Run(p.weight, weight.data());
    return weight;
  }

  // Whether a proximal step from `x` leaves every element with an L1 or group penalty at zero. The
  // others, a factor of the penalty may be zero, move freely.
  absl::StatusOr<bool> StaysAtZero(const std::vector<std::vector<double>>& x) const {
    for (const int param : statement_.param) {
      std::vector<AlignedArray<double>> storage;
      const absl::StatusOr<Prox> prox =
          ProxOf(context_, job_.extent, statement_.penalty, param, &storage);
      if (!prox.ok()) return prox.status();
      std::vector<double> at = x[static_cast<size_t>(param)];
      const std::vector<bool> selected = Selected(*prox, static_cast<int64_t>(at.size()));
      prox->Apply(1, at.data(), static_cast<int64_t>(at.size()));
      for (size_t i = 0; i < at.size(); ++i)
        if (selected[i] && at[i] != 0) return false;
    }
    return true;
  }

  // Whether every element of a parameter with an L1 or group penalty is zero.
  bool IsZero(int param, const std::vector<double>& x) const {
    std::vector<AlignedArray<double>> storage;
    const absl::StatusOr<Prox> prox =
        ProxOf(context_, job_.extent, statement_.penalty, param, &storage);
    if (!prox.ok()) return false;
    const std::vector<bool> selected = Selected(*prox, static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i)
      if (selected[i] && x[i] != 0) return false;
    return true;
  }

  // Whether some element has no L1 or group penalty.
  absl::StatusOr<bool> AnyFree() const {
    for (const int param : statement_.param) {
      std::vector<AlignedArray<double>> storage;
      const absl::StatusOr<Prox> prox =
          ProxOf(context_, job_.extent, statement_.penalty, param, &storage);
      if (!prox.ok()) return prox.status();
      const std::vector<bool> selected =
          Selected(*prox, ParamSize(program_, param, job_.extent));
      if (std::find(selected.begin(), selected.end(), false) != selected.end()) return true;
    }
    return false;
  }

 private:
  static std::vector<bool> Selected(const Prox& prox, int64_t size) {
    std::vector<bool> selected(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) selected[static_cast<size_t>(i)] = prox.l1.at(i) > 0;
    if (!prox.group.given()) return selected;
    for (int64_t g = 0; g < prox.group_count(size); ++g) {
      for (int64_t i = 0; i < prox.group_length(size) && prox.group.at(g) > 0; ++i)
        selected[static_cast<size_t>(prox.group_begin(g) + i * prox.group_stride)] = true;
    }
    return selected;
  }

  const Program& program_;
  const Statement& statement_;
  std::vector<double> hyper_;
  Job job_;
  PostContext context_;
  std::vector<AlignedArray<double>> built_;
};

// Whether twice the hyper-parameter is twice the weight, and none at all no weight.
bool Scales(Problem* problem, const Penalty& p, int hyper, double now) {
  problem->SetHyper(hyper, 1);
  const std::vector<double> one = problem->WeightsOf(p);
  problem->SetHyper(hyper, 2);
  const std::vector<double> two = problem->WeightsOf(p);
  problem->SetHyper(hyper, now);
  bool any = false;
  for (size_t i = 0; i < one.size(); ++i) {
    if (std::abs(two[i] - 2 * one[i]) > 1e-9 * std::abs(two[i])) return false;
    any = any || one[i] != 0;
  }
  return any;
}

absl::StatusOr<int> ChooseHyper(const Invocation& invocation, const std::vector<double>& hyper,
                                Problem* problem) {
  const ir::Graph& graph = invocation.program.graph;
  const std::vector<Penalty>& penalties = problem->statement().penalty;
  const bool selects = std::any_of(penalties.begin(), penalties.end(), Selects);
  std::vector<int> some, all;
  for (const int symbol : SymbolsOf(graph, ir::Kind::kHyper)) {
    bool every = true, wanted = true, any = false;
    for (const Penalty& p : penalties) {
      if (!Shrinks(p)) continue;
      const bool scales = Scales(problem, p, symbol, hyper[static_cast<size_t>(symbol)]);
      every = every && scales;
      if (!selects || Selects(p)) wanted = wanted && scales, any = any || scales;
    }
    if (!wanted || !any) continue;
    some.push_back(symbol);
    if (every) all.push_back(symbol);
  }
  const auto names = [&](const std::vector<int>& symbols) {
    std::vector<std::string> words;
    for (const int s : symbols) words.push_back(NameOf(graph, s));
    return absl::StrJoin(words, ", ");
  };
  const std::string& wanted = invocation.options.path_of;
  if (!wanted.empty()) {
    for (const int symbol : some)
      if (NameOf(graph, symbol) == wanted) return symbol;
    return InvalidArgumentError(StrCat("--path_of=", wanted, ": scales no penalty of this program",
                                       some.empty() ? "" : StrCat("; ", names(some), " would")));
  }
  const std::vector<int>& found = all.empty() ? some : all;
  if (found.size() == 1) return found[0];
  if (found.empty())
    return InvalidArgumentError(
        "--path: no hyper-parameter scales the penalties of this program; write the penalty as "
        "lambda * sum(d, abs(beta))");
  return InvalidArgumentError(StrCat("--path: each of ", names(found),
                                     " scales the penalties; say which by --path_of=NAME"));
}

// All parameters at zero, but those without an L1 or group penalty, which are at their optimum.
absl::StatusOr<std::vector<std::vector<double>>> NullModel(const Invocation& invocation,
                                                           const Prepared& prepared, int hyper,
                                                           Problem* problem) {
  const Program& program = invocation.program;
  std::vector<std::vector<double>> zero(static_cast<size_t>(program.graph.symbol.size));
  for (const int param : problem->statement().param)
    zero[static_cast<size_t>(param)].assign(
        static_cast<size_t>(ParamSize(program, param, prepared.data.info.extent)), 0);
  problem->SetHyper(hyper, 1);
  const absl::StatusOr<bool> free = problem->AnyFree();
  if (!free.ok()) return free.status();
  if (!*free) return zero;
  std::vector<std::vector<double>> gradient;
  problem->Evaluate(zero, &gradient);
  double most = 0;
  for (const auto& g : gradient)
    for (const double each : g) most = std::max(most, std::abs(each));
  Prepared alone;
  alone.data = prepared.data;
  alone.hyper = prepared.hyper;
  for (double weight = 1e3 * std::max(most, 1e-300); weight < 1e200; weight *= 1e3) {
    alone.hyper[static_cast<size_t>(hyper)] = weight;
    absl::StatusOr<Plan> plan = PlanFor(invocation, alone.data.info, {});
    if (!plan.ok()) return plan.status();
    alone.plan = *std::move(plan);
    alone.plan.mutable_stop()->set_tolerance(std::min(alone.plan.stop().tolerance(), 1e-10));
    absl::StatusOr<RunResult> result = RunEmbedded(MakeJob(invocation, alone));
    if (!result.ok()) return result.status();
    problem->SetHyper(hyper, weight);
    std::vector<std::vector<double>>& found = result->parameter;
    bool all_zero = true;
    for (const int param : problem->statement().param)
      all_zero = all_zero && problem->IsZero(param, found[static_cast<size_t>(param)]);
    if (all_zero) return found;
  }
  return InvalidArgumentError("--path: no value of the penalty makes all parameters zero; give the "
                              "values, as in --path=1,0.1,0.01");
}

absl::StatusOr<double> LargestValue(const Invocation& invocation, const Prepared& prepared,
                                    int hyper, Problem* problem) {
  const absl::StatusOr<std::vector<std::vector<double>>> null =
      NullModel(invocation, prepared, hyper, problem);
  if (!null.ok()) return null.status();
  std::vector<std::vector<double>> gradient;
  problem->Evaluate(*null, &gradient);
  const std::vector<Penalty>& penalties = problem->statement().penalty;
  if (std::none_of(penalties.begin(), penalties.end(), Selects)) {
    double most = 0;
    problem->SetHyper(hyper, 1);
    for (const Penalty& p : penalties) {
      if (p.kind != PenaltyKind::kSquaredL2) continue;
      const std::vector<double> weight = problem->WeightsOf(p);
      const std::vector<double>& g = gradient[static_cast<size_t>(p.param)];
      for (size_t i = 0; i < g.size(); ++i) {
        const double w = weight.size() == g.size() ? weight[i] : weight[0];
        if (w > 0) most = std::max(most, std::abs(g[i]) / (2 * w));
      }
    }
    return kRidge * most;
  }
  // Bisection: the least value at which everything stays at zero.
  for (auto& g : gradient)
    for (double& each : g) each = -each;
  const auto stays = [&](double value) {
    problem->SetHyper(hyper, value);
    return problem->StaysAtZero(gradient);
  };
  double high = 1;
  for (int step = 0;; ++step) {
    const absl::StatusOr<bool> zero = stays(high);
    if (!zero.ok()) return zero.status();
    if (*zero) break;
    if (step == 2000) return InvalidArgumentError("--path: the gradient at zero is not finite");
    high *= 2;
  }
  double low = high;
  for (absl::StatusOr<bool> zero = true; *zero && low > 1e-300; zero = stays(low)) low /= 2;
  if (low <= 1e-300)
    return InvalidArgumentError(
        "--path: all parameters are zero without any penalty; is the target constant?");
  for (int step = 0; step < 60; ++step) {
    const double middle = low + (high - low) / 2;
    (*stays(middle) ? high : low) = middle;
  }
  return high;
}

absl::StatusOr<std::vector<double>> Listed(const std::string& text) {
  std::vector<double> values;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    double value = 0;
    if (!absl::SimpleAtod(word, &value) || !(value >= 0) || !std::isfinite(value))
      return InvalidArgumentError(StrCat("--path=", text, ": \"", std::string(word),
                                         "\" is no number from 0; give steps, as in --path=100, or "
                                         "values, as in --path=1,0.1,0.01"));
    values.push_back(value);
  }
  std::sort(values.rbegin(), values.rend());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// ---- Rows.

int RowAxis(const Program& program) {
  const Statement* minimize = FindMinimize(program.root);
  return minimize == nullptr || minimize->pass < 0
             ? -1
             : program.pass[static_cast<size_t>(minimize->pass)].row_axis;
}

absl::Status CheckFolds(const Program& program, int folds, int64_t rows) {
  if (folds == 0) return absl::OkStatus();
  if (folds < 2 || folds > rows)
    return InvalidArgumentError(StrCat("--folds=", folds, ": expected 2 to ", rows,
                                       ", the number of rows"));
  return CheckApart(program, RowAxis(program), "--folds");
}

// The fold of every row, as even as can be.
std::vector<int> Folds(int64_t rows, int folds, uint64_t seed) {
  const rng::Stream stream(seed, rng::Hash("folds"), 0);
  std::vector<std::pair<double, int64_t>> order;
  for (int64_t i = 0; i < rows; ++i)
    order.emplace_back(stream.Uniform(static_cast<uint64_t>(i)), i);
  std::sort(order.begin(), order.end());
  std::vector<int> fold(static_cast<size_t>(rows));
  for (size_t k = 0; k < order.size(); ++k)
    fold[static_cast<size_t>(order[k].second)] = static_cast<int>(k % static_cast<size_t>(folds));
  return fold;
}

}  // namespace

absl::StatusOr<Path> MakePath(const Invocation& invocation, const Prepared& prepared) {
  const Options& options = invocation.options;
  Path path;
  if (options.path.empty()) return path;
  if (options.cluster != "embedded")
    return InvalidArgumentError(
        StrCat("--path: its steps follow one another in one process, and --cluster=",
               options.cluster, " has several; leave one of the two out"));
  const Program& program = invocation.program;
  absl::Status allowed = CheckFolds(program, options.folds, prepared.data.rows);
  if (!allowed.ok()) return allowed;
  const Statement* minimize = FindMinimize(program.root);
  if (minimize == nullptr || minimize->pass < 0 ||
      std::none_of(minimize->penalty.begin(), minimize->penalty.end(), Shrinks))
    return InvalidArgumentError("--path: this program minimises nothing with a penalty");
  Problem problem(program, prepared.data, prepared.hyper);
  absl::StatusOr<int> hyper = ChooseHyper(invocation, prepared.hyper, &problem);
  if (!hyper.ok()) return hyper.status();
  path.hyper = *hyper;
  int steps = 0;
  if (!absl::SimpleAtoi(options.path, &steps)) {
    absl::StatusOr<std::vector<double>> values = Listed(options.path);
    if (!values.ok()) return values.status();
    path.value = *std::move(values);
    return path;
  }
  if (steps < 2 || steps > kMostSteps)
    return InvalidArgumentError(StrCat("--path=", steps, ": expected 2 to ", kMostSteps,
                                       " steps, or values, as in --path=1,0.1,0.01"));
  const absl::StatusOr<double> most = LargestValue(invocation, prepared, path.hyper, &problem);
  if (!most.ok()) return most.status();
  int64_t params = 0;
  for (const int param : minimize->param)
    params += ParamSize(program, param, prepared.data.info.extent);
  const double ratio =
      options.path_ratio.value_or(prepared.data.rows < params ? kRatioFew : kRatioMany);
  for (int k = 0; k < steps; ++k)
    path.value.push_back(*most * std::pow(ratio, static_cast<double>(k) / (steps - 1)));
  return path;
}

std::vector<Phase> PhasesOf(const Program& program, const Path& path) {
  std::vector<Phase> phases;
  for (size_t k = 0; k < path.value.size(); ++k) {
    Phase phase;
    phase.set_id(StrCat("path/", k));
    (*phase.mutable_hyper())[NameOf(program.graph, path.hyper)] = path.value[k];
    phases.push_back(std::move(phase));
  }
  return phases;
}

Path PathOf(const Program& program, const Plan& plan) {
  Path path;
  for (const Phase& phase : plan.phase()) {
    if (phase.hyper_size() != 1) return {};
    const auto& [name, value] = *phase.hyper().begin();
    path.hyper = FindSymbol(program.graph, name);
    path.value.push_back(value);
  }
  return path;
}

absl::StatusOr<CrossValidation> CrossValidate(const Invocation& invocation,
                                              const Prepared& prepared, const Path& path) {
  CrossValidation cross;
  const int folds = invocation.options.folds;
  if (folds == 0) return cross;
  const Program& program = invocation.program;
  const int64_t rows = prepared.data.rows;
  const int row_axis = RowAxis(program);
  cross.folds = folds;
  const size_t steps = path.value.size();
  const std::vector<int> fold = Folds(rows, folds, invocation.options.seed);
  std::vector<std::vector<double>> loss(steps);
  for (int f = 0; f < folds; ++f) {
    std::vector<int64_t> in, out;
    for (int64_t i = 0; i < rows; ++i)
      (fold[static_cast<size_t>(i)] == f ? out : in).push_back(i);
    Prepared part;
    part.data = SelectRows(program, prepared.data, row_axis, in);
    part.hyper = prepared.hyper;
    absl::StatusOr<Plan> plan = PlanFor(invocation, part.data.info, PhasesOf(program, path));
    if (!plan.ok()) return plan.status();
    part.plan = *std::move(plan);
    absl::StatusOr<RunResult> result = RunEmbedded(MakeJob(invocation, part));
    if (!result.ok()) return result.status();
    const Dataset held = SelectRows(program, prepared.data, row_axis, out);
    Problem problem(program, held, prepared.hyper);
    for (size_t k = 0; k < steps; ++k) {
      problem.SetHyper(path.hyper, path.value[k]);
      loss[k].push_back(problem.Evaluate(result->phase[k].parameter, nullptr));
    }
  }
  for (const std::vector<double>& each : loss) {
    const double n = static_cast<double>(each.size());
    const double mean = std::accumulate(each.begin(), each.end(), 0.0) / n;
    double square = 0;
    for (const double l : each) square += (l - mean) * (l - mean);
    cross.mean.push_back(mean);
    cross.error.push_back(std::sqrt(square / (n - 1) / n));
  }
  cross.least = static_cast<size_t>(std::min_element(cross.mean.begin(), cross.mean.end()) -
                                    cross.mean.begin());
  const double bound = cross.mean[cross.least] + cross.error[cross.least];
  while (cross.simplest < cross.least && cross.mean[cross.simplest] > bound) ++cross.simplest;
  return cross;
}

size_t ChosenStep(const Options& options, const CrossValidation& cross, size_t steps) {
  if (!cross.given()) return steps - 1;
  return options.choose == "1se" ? cross.simplest : cross.least;
}

int64_t NonZeros(const Program& program, const PhaseResult& phase) {
  const Statement& minimize = *FindMinimize(program.root);
  int64_t count = 0;
  for (const int param : minimize.param) {
    if (std::none_of(minimize.penalty.begin(), minimize.penalty.end(),
                     [&](const Penalty& p) { return p.param == param && Shrinks(p); }))
      continue;
    for (const double x : phase.parameter[static_cast<size_t>(param)]) count += x != 0 ? 1 : 0;
  }
  return count;
}

std::string PathText(const Program& program, const Path& path, const RunResult& result,
                     const CrossValidation& cross) {
  constexpr size_t kLines = 20;
  const size_t steps = result.phase.size(), every = (steps + kLines - 1) / kLines;
  std::string text = absl::StrFormat("%4s  %-12s %9s  %-13s", "step", NameOf(program.graph, path.hyper),
                                     "not zero", "objective");
  if (!program.measure.empty()) absl::StrAppendFormat(&text, " %-10s", program.measure[0].name);
  if (cross.given()) absl::StrAppend(&text, " loss on rows left out");
  text += "\n";
  for (size_t k = 0; k < steps; ++k) {
    const bool marked = cross.given() && (k == cross.least || k == cross.simplest);
    if (k % every != 0 && k + 1 != steps && !marked) continue;
    const PhaseResult& phase = result.phase[k];
    absl::StrAppendFormat(&text, "%4d  %-12.5g %9d  %-13.7g", k + 1, path.value[k],
                          NonZeros(program, phase), phase.objective);
    if (!phase.measure.empty()) absl::StrAppendFormat(&text, " %-10.5g", phase.measure[0]);
    if (cross.given())
      absl::StrAppendFormat(&text, " %.6g +- %.2g", cross.mean[k], cross.error[k]);
    if (cross.given() && k == cross.least) text += "  <- least";
    if (cross.given() && k == cross.simplest) text += "  <- within one standard error";
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += "\n";
  }
  return text;
}

}  // namespace gyre::driver
