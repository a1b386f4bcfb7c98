// Evaluator: the program's objective and measures at given parameters, exactly.
//
// Workers evaluate their own rows while the run is paused; sums run over workers in order. Measures
// are taken on held-out rows when the job has them. Thread-safe for different workers between Set
// and Combine.
#pragma once
#include <limits>
#include <memory>
#include <vector>

#include "ops/aligned.h"
#include "runtime/contribution.h"
#include "runtime/job.h"
#include "runtime/post.h"
#include "runtime/state.h"

namespace gyre {

class Evaluator {
 public:
  // Where the training rows are: in this process, or with other processes that Sum their share.
  enum class TrainingRows : uint8_t { kHere, kElsewhere };

  // `context` holds totals of data alone; measures on held-out rows read those of these rows. The
  // job and the state must outlive it.
  Evaluator(const Job& job, const PostContext& context, const ParamState& state,
            TrainingRows where = TrainingRows::kHere);

  bool any() const { return !item_.empty(); }
  bool has_objective() const { return has_objective_; }
  bool has_measures() const { return item_.size() > (has_objective_ ? 1u : 0u); }
  bool on_test() const { return !job_.test.empty(); }

  // The parameters to evaluate: flat over the state's layout. An objective that is known there is
  // not evaluated; NaN: it is not known.
  void Set(const double* model, double objective = std::numeric_limits<double>::quiet_NaN());
  const double* model() const { return model_.data(); }
  void Part(int worker, double epoch);
  void Combine(double epoch);

  // Between processes: the totals over the training rows of this process's workers, flat, and what
  // another process's workers found, in place of running their part here.
  int64_t sum_size() const;
  void Sum(double* to);
  void Load(int worker, const double* from);

  double objective() const { return objective_; }                  // NaN: none
  const std::vector<double>& measure() const { return measure_; }  // by Program::measure

 private:
  struct Item {  // one pass over rows, then a post
    const Pass* pass = nullptr;
    const Post* value = nullptr;
    const std::vector<WorkerData>* rows = nullptr;
    const std::vector<int64_t>* extent = nullptr;
    Layout layout;
    std::vector<std::unique_ptr<Contribution>> part;  // by worker
    std::vector<const Contribution*> parts;
    AlignedArray<double> sum;
    std::vector<AlignedArray<char>> scratch;  // by worker
  };
  void Add(const Measure& measure, bool test);
  bool OnTraining(const Item& item) const {
    return item.pass != nullptr && item.rows == &job_.worker;
  }
  double Value(Item* item, double epoch);
  const PostContext& ContextOf(const Item& item) const {
    return item.rows == &job_.test ? test_context_ : context_;
  }

  const Job& job_;
  const TrainingRows where_;
  PostContext context_, test_context_;
  std::vector<AlignedArray<double>> test_built_;
  const ParamState& state_;
  std::vector<std::unique_ptr<Item>> item_;
  bool has_objective_ = false, known_ = false;  // of the model that is set
  AlignedArray<char> published_;
  AlignedArray<double> model_;
  std::vector<const void*> param_;     // by symbol
  std::vector<const double*> master_;  // by symbol
  double objective_ = 0;
  std::vector<double> measure_;
};

}  // namespace gyre
