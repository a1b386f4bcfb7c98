#include "compiler/updates.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

// Rows of one mini-batch when nobody says: enough for the matrix products to be compute-bound, small
// against the data so that a pass holds many steps.
constexpr int64_t kDefaultBatch = 256;

constexpr double kCoupling = 0.1;        // of two coordinates of one round, at most
constexpr double kConvexRows = 60e6;     // rows a stochastic rule visits to a gap of 1e-4
constexpr double kNonConvexRows = 2e6;
constexpr double kKeyedPasses = 40;
constexpr double kRounds = 10;            // of exact minimisation over blocks, ...
constexpr double kSwampRounds = 100;      // ... where three or more parameters multiply
constexpr double kSweeps = 200;
constexpr double kKinkFactor = 3;        // dearer evaluations where f has kinks
constexpr double kNonConvexFactor = 10;

// ---- One rule per function: why it may not be used here, or "".

std::string LbfgsRule(const Traits& t) {
  if (t.l1) return "lbfgs needs a smooth objective; the L1 penalty is not (owlqn and fista take it)";
  if (t.bounds) return "lbfgs knows no bounds (fista does)";
  if (t.grouped) return "lbfgs needs a smooth objective; a group norm or simplex is not (fista takes it)";
  return "";
}

std::string OwlqnRule(const Traits& t) {
  if (!t.l1) return "owlqn is for an L1 penalty; there is none";
  if (t.bounds) return "owlqn knows no bounds (fista does)";
  if (t.grouped) return "owlqn takes L1 only, not a group norm or simplex (fista takes it)";
  return "";
}

std::string DiagonalRule(const Traits& t, const char* rule) {
  if (!t.grouped) return "";
  return absl::StrCat(rule, " scales every element apart; a group norm or simplex has no prox in that "
                            "metric (fista and sgd take it)");
}

double FullBatchClocks(double evaluations, const Traits& t) {
  if (!t.smooth) evaluations *= kKinkFactor;
  if (!t.convex) evaluations *= t.products ? kNonConvexFactor : 2;
  return evaluations;
}

UpdateChoice FullBatch(const char* rule, double evaluations, const Traits& t, const Request& r) {
  UpdateChoice c;
  c.update.set_rule(rule);
  c.update.set_step(r.step.value_or(0));
  c.fold = Table::COMPLETE;
  c.clocks = FullBatchClocks(evaluations, t);
  if (r.batch > 0) {
    c.illegal = absl::StrCat(rule, " evaluates all rows at one point; it has no mini-batches");
  } else if (r.momentum.has_value()) {
    c.illegal = absl::StrCat(rule, " has no momentum to set");
  }
  return c;
}

UpdateChoice Fista(const Traits& t, const Request& r) {
  UpdateChoice c = FullBatch("fista", 300, t, r);
  c.update.set_restart(true);
  return c;
}

UpdateChoice QuasiNewton(const char* rule, double evaluations, const Traits& t, const Request& r,
                         int pairs, std::string illegal) {
  UpdateChoice c = FullBatch(rule, evaluations, t, r);
  c.update.set_memory(pairs);
  if (!illegal.empty()) c.illegal = std::move(illegal);
  return c;
}

UpdateChoice MiniBatch(const char* rule, double factor, const Traits& t, int64_t rows,
                       const Request& r) {
  UpdateChoice c;
  c.mini_batch = true;
  c.update.set_rule(rule);
  c.update.set_step(r.step.value_or(0));
  // A constant step stops short of the optimum of a convex problem by the noise of its batches.
  c.update.set_schedule(r.step_schedule != "auto" ? r.step_schedule
                        : t.convex                ? "sqrt"
                                                  : "constant");
  c.fold = Table::PER_CLOCK;
  c.batch = std::min(rows, r.batch > 0 ? r.batch : kDefaultBatch);
  c.update.set_decay(r.decay.value_or(c.update.schedule() == "constant" ? 0 : 1));
  double visited = (t.products || !t.convex ? kNonConvexRows : kConvexRows) * factor;
  if (t.keyed) visited = std::max(visited, kKeyedPasses * factor * static_cast<double>(rows));
  c.clocks = std::ceil(visited / static_cast<double>(std::max<int64_t>(1, c.batch)));
  return c;
}

// theta += -step * gradient is a sum in any order only without momentum and without a prox.
UpdateChoice Sgd(const Traits& t, int64_t rows, const Request& r) {
  UpdateChoice c = MiniBatch("sgd", t.products ? 2 : 1, t, rows, r);
  const bool plain = r.momentum.has_value() && *r.momentum == 0;
  c.update.set_momentum(r.momentum.value_or(0.9));
  if (plain && !t.prox() && !t.l2) c.fold = Table::LINEAR;
  return c;
}

UpdateChoice Adagrad(const Traits& t, int64_t rows, const Request& r) {
  UpdateChoice c = MiniBatch("adagrad", t.products ? 3 : 1, t, rows, r);
  c.update.set_epsilon(1e-8);
  if (r.step_schedule == "auto") {  // its own accumulator already lowers the step
    c.update.set_schedule("constant");
    c.update.set_decay(0);
  }
  c.illegal = DiagonalRule(t, "adagrad");
  if (c.illegal.empty() && r.momentum.has_value()) c.illegal = "adagrad has no momentum to set";
  return c;
}

UpdateChoice Adam(const Traits& t, int64_t rows, const Request& r) {
  UpdateChoice c = MiniBatch("adam", t.products ? 1 : 5.0 / 6, t, rows, r);
  c.update.set_beta1(0.9);
  c.update.set_beta2(0.999);
  c.update.set_epsilon(1e-8);
  // Its steps have one length whatever the slope: where an epoch is a few clocks, they fall with every
  // thirty clocks instead, or they would never cover the way.
  if (!r.decay.has_value() && c.update.decay() > 0) {
    c.update.set_decay(std::min(1.0, 0.03 * static_cast<double>(rows) /
                                         static_cast<double>(std::max<int64_t>(1, c.batch))));
  }
  c.illegal = DiagonalRule(t, "adam");
  if (c.illegal.empty() && r.momentum.has_value()) {
    c.illegal = "adam has beta1 in place of a momentum";
  }
  return c;
}

// By columns of the linear predictor. cd: coordinate descent, exact for squares, else Newton-type with a
// line search. mspg: proximal gradient on slices of the model, under delay.
std::string ColumnRule(const Traits& t, const char* rule) {
  if (!t.predictor)
    return absl::StrCat(rule, " needs rows that see the parameters through one linear predictor, sums of "
                              "a matrix times a parameter");
  if (!t.convex_loss) return absl::StrCat(rule, " needs losses that are convex by their algebra");
  if (!t.smooth)
    return absl::StrCat(rule, " needs losses with a derivative everywhere (sdca takes kinks)");
  if (t.simplex)
    return absl::StrCat(rule, " moves coordinates alone; a simplex couples them (fista takes it)");
  return "";
}

// Nobody's choice but the user's where no step may exist that is never too long: the run would refuse.
std::string DelayedRule(const Traits& t, const Request& r) {
  std::string rule = ColumnRule(t, "mspg");
  if (rule.empty() && !t.bounded && r.update != "mspg")
    rule = "mspg needs losses whose curvature is bounded by their algebra (--update=mspg looks for a bound "
           "on the data)";
  return rule;
}

std::string DsgdRule(const Traits& t, const Request& r) {
  if (!t.keyed)
    return "dsgd needs rows that name the parameters by keys (U(user(r), k)) and see them through one predictor";
  if (t.all_keys)
    return "dsgd visits rows of the data; the objective also sums over all keys, rows or not (als takes such a sum)";
  if (t.grouped) return "dsgd moves single rows; a group norm or simplex joins them (fista takes it)";
  if (!t.smooth) return "dsgd needs losses with a derivative everywhere";
  if (!t.products && r.update != "dsgd")
    return "dsgd pays where parameters multiply parameters; the others reach the minimum exactly (--update=dsgd runs it)";
  return "";
}

UpdateChoice Dsgd(const Traits& t, const Request& r) {
  UpdateChoice c = FullBatch("dsgd", kKeyedPasses, t, r);
  c.fold = Table::PER_CLOCK;
  c.clocks = kKeyedPasses;
  c.keyed = true;
  if (std::string rule = DsgdRule(t, r); !rule.empty()) c.illegal = std::move(rule);
  // Between processes what has moved adds up; bounds are kept by the fold.
  if (c.illegal.empty() && r.cluster != "embedded" && !t.bounds) c.fold = Table::LINEAR;
  return c;
}

std::string AlsRule(const Traits& t) {
  if (!t.keyed)
    return "als needs rows that name the parameters by keys (U(user(r), k)) and see them through one predictor";
  if (!t.blocks_solve)
    return "als solves normal equations: losses are squares of the predictor, and what one key names does not multiply itself";
  if (t.grouped) return "als knows no group norm or simplex (fista takes it)";
  return "";
}

UpdateChoice Als(const Traits& t, const Request& r) {
  UpdateChoice c = FullBatch("als", kRounds, t, r);
  c.fold = Table::PER_CLOCK;
  c.clocks = t.multilinear ? kSwampRounds : kRounds;
  c.keyed = true;
  if (r.step.has_value()) c.illegal = "als minimises exactly; it has no step to set";
  if (std::string rule = AlsRule(t); !rule.empty()) c.illegal = std::move(rule);
  return c;
}

std::string SdcaRule(const Traits& t) {
  if (!t.predictor)
    return "sdca needs rows that see the parameters through one linear predictor, sums of a matrix "
           "times a parameter";
  if (!t.convex_loss) return "sdca needs losses that are convex by their algebra";
  if (!t.one_output) return "sdca has one dual number a row; this predictor has several";
  if (!t.kinks_known) return "sdca needs to know where the slope of the loss jumps";
  if (!t.all_l2) return "sdca needs a squared L2 penalty on every parameter: the dual of the others is "
                        "not smooth";
  if (t.bounds || t.grouped) return "sdca takes L1 and squared L2 penalties only";
  return "";
}

UpdateChoice Coordinates(const char* rule, const char* select, double clocks, const Traits& t,
                         const Request& r, std::string illegal,
                         Table::Fold fold = Table::COMPLETE) {
  UpdateChoice c = FullBatch(rule, clocks, t, r);
  c.fold = fold;
  c.clocks = clocks;
  c.coordinates = true;
  c.update.set_select(select);
  const absl::string_view how = select;
  if (how == "sap" || how == "dependency") c.update.set_coupling(r.coupling.value_or(kCoupling));
  if (r.coupling.has_value() && c.update.coupling() == 0 && c.illegal.empty())
    c.illegal = absl::StrCat(rule, how.empty() ? "" : " by ", how, " has no rounds to filter; "
                             "--schedule=sap and dependency do");
  if (r.step.has_value() && c.illegal.empty())
    c.illegal = absl::StrCat(rule, c.fold == Table::COMPLETE ? " minimises exactly; it has no step to set"
                                                             : " takes the step that is certified");
  if (!illegal.empty()) c.illegal = std::move(illegal);
  return c;
}

}  // namespace

int PairsFor(double params, double pass_bytes) {
  constexpr double kFewest = 10, kMost = 40, kShare = 0.05;
  const double each = 4 * sizeof(double) * std::max(1.0, params);  // s and y, in both loops
  // Pairs beyond the number of parameters say nothing new.
  return static_cast<int>(
      std::clamp(std::min(kShare * pass_bytes / each, params), kFewest, kMost));
}

std::vector<UpdateChoice> UpdateChoices(const Traits& t, int64_t rows, int pairs,
                                        const Request& r) {
  return {QuasiNewton("lbfgs", 60, t, r, pairs, LbfgsRule(t)),
          QuasiNewton("owlqn", 100, t, r, pairs, OwlqnRule(t)),
          Fista(t, r),
          Sgd(t, rows, r),
          Adam(t, rows, r),
          Adagrad(t, rows, r),
          Coordinates("cd", "sets", t.sparse ? 12 : 200, t, r, ColumnRule(t, "cd")),
          Coordinates("cd", "sap", 4000, t, r, ColumnRule(t, "cd")),
          Coordinates("cd", "priority", 6000, t, r, ColumnRule(t, "cd")),
          Coordinates("cd", "dependency", 15000, t, r, ColumnRule(t, "cd")),
          Coordinates("cd", "uniform", 20000, t, r, ColumnRule(t, "cd")),
          Coordinates("sdca", "", t.l1 ? 60 : 15, t, r, SdcaRule(t)),
          Coordinates("mspg", "", 3000, t, r, DelayedRule(t, r), Table::PER_CLOCK),
          Dsgd(t, r),
          Als(t, r)};
}

std::vector<UpdateChoice> SampleChoices(const Sampler& sampler, const Request& r, int64_t repeat) {
  std::vector<UpdateChoice> all;
  for (const char* how : {"dense", "sparse"}) {
    UpdateChoice c;
    c.update.set_rule("gibbs");
    c.update.set_sampler(how);
    c.fold = Table::PER_CLOCK;
    c.keyed = true;
    c.clocks = repeat > 0 ? static_cast<double>(repeat) : kSweeps;
    const bool line = std::any_of(sampler.form.begin(), sampler.form.end(),
                                  [](const SamplerForm& form) { return form.count >= 0; });
    if (r.batch > 0) c.illegal = "a Resample visits every row; it has no mini-batches";
    if (!line && c.update.sampler() == "sparse")
      c.illegal = "sparse needs weights that are, but for what one key names, slope * count + base with one table of counts";
    all.push_back(c);
  }
  return all;
}

std::vector<int> MapsOf(const ir::Graph& graph, const Statement& resample) {
  std::vector<int> maps;
  const auto add = [&](int map) {
    if (map >= 0 && std::find(maps.begin(), maps.end(), map) == maps.end()) maps.push_back(map);
  };
  for (const int count : resample.param) {
    for (int k = 0; k < graph.symbol[count].rank; ++k) {
      const int key = graph.node[graph.symbol[count].key[k]].symbol;
      if (key != resample.sampler.latent) add(key);
    }
  }
  for (const SamplerForm& form : resample.sampler.form) add(form.map);
  return maps;
}

std::vector<int> DelayedCounts(const ir::Graph& graph, const Statement& resample) {
  const std::vector<int> maps = MapsOf(graph, resample);
  std::vector<int> delayed;
  for (const int count : resample.param) {
    bool stays = false;
    for (int k = 0; k < graph.symbol[count].rank; ++k)
      stays |= !maps.empty() && graph.node[graph.symbol[count].key[k]].symbol == maps[0];
    if (!stays) delayed.push_back(count);
  }
  return delayed;
}

UpdateChoice AssignChoice(const Traits& t, const Request& r, int64_t repeat) {
  UpdateChoice c;
  c.update.set_rule("assign");
  c.fold = t.linear_fold ? Table::LINEAR : Table::PER_CLOCK;
  // Lloyd's and other fixed-point iterations settle in some tens of rounds.
  c.clocks = repeat > 0 ? static_cast<double>(repeat) : 50;
  if (r.batch > 0) c.illegal = "an Iterate assigns from sums over all rows; it has no mini-batches";
  return c;
}

}  // namespace gyre
