// The update rules a Minimize may be solved by: which are legal, how they fold, and how many clocks
// they are expected to need.
//
// The expected clocks are rules of thumb for ranking, not promises. They stand for a relative gap of
// about 1e-4 on problems scaled as the data sources scale them:
//   lbfgs   60 evaluations, owlqn 100 (its line search pays for the kinks), fista 300
//   sgd     a stochastic method reaches a gap of eps after O(1 / eps) rows-sized steps whatever the
//           number of rows (Bottou and Bousquet 2008), so its passes over the data fall as data grows:
//           60 million rows visited by sgd or adagrad, 50 million by adam, so that about a million rows
//           pay for it
//   where parameters multiply parameters the target is a good minimum of a redundant objective: 2
//   million rows by a mini-batch rule (adam; twice by sgd, three times by adagrad), ten times the
//   evaluations by a full-batch one
//   cd      by rounds of many coordinates 4000 (sap) to 20000 (uniform);
//           12 working sets where penalties make most coordinates zero, else 200 rounds
//   sdca    15 epochs over the rows, 60 where an L1 penalty bends its steps
//   als     10 rounds of all blocks (normal equations of every key); 100 where three or more parameters multiply, for
//           such objectives have long flat valleys (swamps)
//   dsgd    40 passes, in which rows that are named by keys change in place; rules of mini-batches need as many
//           there, for a row of a parameter is moved by its own rows alone
//   gibbs   200 sweeps, after which topics have settled (Griffiths and Steyvers 2004, figure 1)
//   mspg    3000 steps, as many more for each clock of delay as its step is shorter
//   a kink in f costs the quasi-Newton rules and fista three times the evaluations
// docs/planner.md says where these come from; `explain --analyze` shows what a run really took.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/compiler.h"
#include "compiler/traits.h"

namespace gyre {

struct UpdateChoice {
  Update update;               // the rule and its constants
  Table::Fold fold = Table::COMPLETE;
  bool mini_batch = false;
  int64_t batch = 0;           // rows a clock, all workers; 0: all
  bool coordinates = false;    // visits coordinates of the model (cd, mspg) or of its dual (sdca)
  bool keyed = false;          // visits rows in blocks of keys, in place (dsgd, als, gibbs)
  double clocks = 0;           // expected, at lag 1
  std::string illegal;         // why this program may not use it; empty: it may
};

// Every rule, in order of preference at equal cost. `rows` is the extent of the row axis; `pairs` what
// L-BFGS and OWL-QN keep.
std::vector<UpdateChoice> UpdateChoices(const Traits& traits, int64_t rows, int pairs,
                                        const Request& request);

// Pairs that pay: ten, and up to forty where the direction that is made of them costs little beside a
// pass that moves `pass_bytes`. More pairs save evaluations on badly scaled problems.
int PairsFor(double params, double pass_bytes);

// How a Resample draws: by weights of all topics, or of those that are counted.
std::vector<UpdateChoice> SampleChoices(const Sampler& sampler, const Request& request,
                                        int64_t repeat);

// The keys by which rows name counts, then those of weights alone. Where rows are cut, the first stays with a worker.
std::vector<int> MapsOf(const ir::Graph& graph, const Statement& resample);
// The tables of counts that workers have to themselves for a clock where rows are cut.
std::vector<int> DelayedCounts(const ir::Graph& graph, const Statement& resample);

// The update of an Iterate: the program's own posts.
UpdateChoice AssignChoice(const Traits& traits, const Request& request, int64_t repeat);

}  // namespace gyre
