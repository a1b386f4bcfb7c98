// X' W X of some columns, grown as columns are asked for: the covariances of coordinate descent.
//
// Three kinds of columns, each pair multiplied the way that suits it. Dense ones: as matrices. Sparse
// ones of which many rows have an entry (the common words of a text): laid out row by row in panels, so
// that an entry of another column meets a whole panel in a few vector instructions. The other sparse
// ones: by lists of the entries of each row, so that only pairs that meet cost.
#pragma once
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ops/coordinate/part.h"

namespace gyre {

class Gram {
 public:
  Gram(const std::vector<Part>* parts, int64_t rows) : parts_(parts), rows_(rows) {}

  struct Column {
    int32_t part;
    int64_t column;
  };
  // Multiply-adds along sparse rows (what dense products take, in their measure) that `columns` would need
  // beside what is there.
  double CostOf(const std::vector<Column>& columns) const;
  // What is there belongs to other weights.
  void Clear() { stale_ = true; }
  // Makes the entries between all of `columns`: after Begin, rounds() times Work(0), Work(1), ... by every
  // worker at once. `weight` by row, null: all ones. Equal weights between calls unless Clear is called.
  void Begin(const std::vector<Column>& columns, const double* weight, int workers);
  int rounds() const { return rounds_; }
  void Work(int round, int worker);

  int64_t size() const { return static_cast<int64_t>(column_.size()); }
  // Entries against every slot.
  const double* row(int64_t slot) const { return entry_.data() + slot * stride_; }
  int64_t slot(const Column& c) const {  // -1: none
    const auto found = slot_.find(Key(c));
    return found == slot_.end() ? -1 : found->second;
  }

 private:
  static constexpr int kPanel = 32;
  struct Met {  // an entry of the matrix, by rows
    int32_t slot;
    float value;
  };
  enum class Kind : uint8_t { kDense, kPanel, kListed };
  static uint64_t Key(const Column& c) {
    return static_cast<uint64_t>(c.column) << 8 | static_cast<uint64_t>(c.part);
  }
  const Part& PartOf(int64_t slot) const {
    return (*parts_)[static_cast<size_t>(column_[static_cast<size_t>(slot)].part)];
  }
  bool sparse(int64_t slot) const { return PartOf(slot).columns.sparse(); }
  int64_t column(int64_t slot) const { return column_[static_cast<size_t>(slot)].column; }
  Kind kind(int64_t slot) const { return kind_[static_cast<size_t>(slot)]; }
  double& entry(int64_t a, int64_t b) { return entry_[static_cast<size_t>(a * stride_ + b)]; }
  int64_t RowBegin(int worker) const { return rows_ * worker / workers_; }
  void Reserve(int64_t size);
  void Forget(const std::vector<Column>& columns);
  void ChoosePanels();
  void PlanLists();
  struct Nothing {
    void operator()(int64_t) const {}
  };
  template <class F, class Ahead = Nothing>
  void EachEntryOf(int64_t slot, int64_t first, int64_t last, F f, Ahead ahead = {}) const;
  void GroupByRow(int worker);
  int64_t GroupRows(int64_t first, int64_t last, int64_t next);
  float* Common(size_t panel, int64_t row) {
    return common_.data() + panel * static_cast<size_t>(rows_) + row * kPanel;
  }
  void ByPanels(int worker);
  void ByLists(int64_t slot);
  void ByProduct(int worker);
  void Tile(const std::vector<int64_t>& all, size_t begin, size_t end);
  void Load(int64_t slot, int64_t first, int64_t count, const double* weight, double* to) const;
  void ByDots(int64_t slot);

  const std::vector<Part>* const parts_;
  const int64_t rows_;
  std::vector<Column> column_;  // by slot
  absl::flat_hash_map<uint64_t, int32_t> slot_;
  std::vector<double> entry_;
  int64_t stride_ = 0;

  bool stale_ = false;
  // Of the extension at hand: slots from `from_` on are new.
  int64_t from_ = 0;
  const double* weight_ = nullptr;
  int workers_ = 1, rounds_ = 0;
  bool by_dots_ = false;        // too few new ones to lay all others out by rows
  int64_t grouped_ = 0;         // slots that are laid out by rows
  std::vector<Kind> kind_;      // by slot
  std::vector<int32_t> place_;  // by slot: in the panels
  std::vector<int32_t> panel_;  // slots by place, -1 where there is none
  std::vector<float> common_;   // by panel, row, place in the panel
  std::vector<int64_t> base_;   // by worker: of its rows in met_
  std::vector<int64_t> start_;  // by row
  std::vector<Met> met_;
};

}  // namespace gyre
