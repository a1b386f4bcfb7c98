#include <cmath>
#include <cstring>

#include "runtime/archive.h"
#include "runtime/fold.h"

namespace gyre {
namespace {

class AssignFold final : public Fold {
 public:
  AssignFold(const FoldSetup& setup, const Statement& statement)
      : statement_(statement), measure_change_(setup.measure_change) {
    std::vector<int> symbols;
    for (const Assign& a : statement.assign) symbols.push_back(a.param);
    next_layout_ = ParamLayout(*setup.program, symbols, setup.extent);
    next_ = AlignedArray<double>(next_layout_.size);
  }

  absl::Status Start(ParamState* /*state*/) override { return absl::OkStatus(); }

  void Apply(const PostContext& context, ParamState* state) override {
    for (size_t i = 0; i < statement_.assign.size(); ++i)
      context.Run(statement_.assign[i].value, next_.data() + next_layout_.field[i].offset);
    if (measure_change_) Measure(*state);
    for (const Field& s : next_layout_.field)
      std::memcpy(state->master(s.id), next_.data() + s.offset,
                  static_cast<size_t>(s.size) * sizeof(double));
  }

  double change() const override { return change_; }

  std::string Save() const override {
    std::string bytes;
    double change = change_;
    Archive archive(&bytes);
    archive(change);
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    Archive archive(bytes);
    archive(change_);
    return archive.complete() ? absl::OkStatus()
                              : absl::InvalidArgumentError("state of another kind of fold");
  }

 private:
  void Measure(const ParamState& state) {
    double moved = 0, size = 0;
    for (const Field& s : next_layout_.field) {
      const double* before = state.by_symbol()[s.id];
      const double* after = next_.data() + s.offset;
      for (int64_t i = 0; i < s.size; ++i) {
        moved += (after[i] - before[i]) * (after[i] - before[i]);
        size += after[i] * after[i];
      }
    }
    change_ = size > 0 ? std::sqrt(moved / size) : std::sqrt(moved);
  }

  const Statement& statement_;
  const bool measure_change_;
  Layout next_layout_;
  AlignedArray<double> next_;
  double change_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace

std::unique_ptr<Fold> MakeAssignFold(const FoldSetup& setup, const Statement& statement) {
  return std::make_unique<AssignFold>(setup, statement);
}

}  // namespace gyre
