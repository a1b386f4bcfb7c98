#include "runtime/penalty.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/layout.h"

namespace gyre {
namespace {

std::vector<int> AxesOf(const ir::Symbol& s) { return std::vector<int>(s.axis, s.axis + s.rank); }

int64_t Product(const std::vector<int>& axes, const std::vector<int64_t>& extent) {
  int64_t product = 1;
  for (const int a : axes) product *= extent[static_cast<size_t>(a)];
  return product;
}

// Repeats an array over `from` axes for every element of an array over `to` axes.
void Broadcast(const std::vector<int>& from, const double* in, const std::vector<int>& to,
               const std::vector<int64_t>& extent, double* out) {
  const int64_t size = Product(to, extent);
  for (int64_t e = 0; e < size; ++e) {
    int64_t rest = e, at = 0, below = 1;
    std::vector<int64_t> value(extent.size(), 0);
    for (size_t i = to.size(); i-- > 0;) {
      value[static_cast<size_t>(to[i])] = rest % extent[static_cast<size_t>(to[i])];
      rest /= extent[static_cast<size_t>(to[i])];
    }
    for (size_t i = from.size(); i-- > 0;) {
      at += value[static_cast<size_t>(from[i])] * below;
      below *= extent[static_cast<size_t>(from[i])];
    }
    out[e] = in[at];
  }
}

class Builder {
 public:
  Builder(const PostContext& context, const std::vector<int64_t>& extent, int param,
          std::vector<AlignedArray<double>>* storage)
      : context_(context),
        extent_(extent),
        axes_(AxesOf(context.program->graph.symbol[param])),
        storage_(storage),
        name_(context.program->graph.symbol[param].name) {}

  // The weight over `axes` (of the parameter, or of its groups): a number, or an array in storage.
  Weights Evaluate(const Post& weight, const std::vector<int>& axes) {
    AlignedArray<double> value(Product(weight.axes, extent_));
    context_.Run(weight, value.data());
    if (weight.axes.empty()) return {value[0], nullptr};
    storage_->emplace_back(Product(axes, extent_));
    Broadcast(weight.axes, value.data(), axes, extent_, storage_->back().data());
    return {0, storage_->back().data()};
  }

  Weights Sum(const Weights& a, const Weights& b) {
    if (a.each == nullptr && b.each == nullptr) return {a.value + b.value, nullptr};
    const int64_t size = Product(axes_, extent_);
    storage_->emplace_back(size);
    for (int64_t i = 0; i < size; ++i) storage_->back()[i] = a.at(i) + b.at(i);
    return {0, storage_->back().data()};
  }

  // The weight of a penalty, which would be a reward below zero.
  absl::Status CheckWeight(const Post& weight) const {
    AlignedArray<double> value(Product(weight.axes, extent_));
    context_.Run(weight, value.data());
    for (int64_t i = 0; i < value.size(); ++i) {
      if (value[i] >= 0 && std::isfinite(value[i])) continue;
      std::set<std::string> hypers;
      AddHypers(weight.node, &hypers);
      return absl::InvalidArgumentError(absl::StrCat(
          "the penalty on ", name_, " has the weight ", value[i], ", which must be at least 0",
          hypers.empty() ? "" : "; check ", absl::StrJoin(hypers, ", ")));
    }
    return absl::OkStatus();
  }

  absl::Status SetGroups(const Penalty& p, Prox* prox) {
    std::vector<int> rest;
    size_t first = axes_.size(), last = 0;
    for (size_t i = 0; i < axes_.size(); ++i) {
      const bool inside = std::count(p.group_axes.begin(), p.group_axes.end(), axes_[i]) > 0;
      if (!inside) {
        rest.push_back(axes_[i]);
        continue;
      }
      first = std::min(first, i);
      last = i;
    }
    int64_t size = 1, stride = 1;
    for (size_t i = 0; i < axes_.size(); ++i) {
      const int64_t n = extent_[static_cast<size_t>(axes_[i])];
      const bool between = i >= first && i <= last;
      if (between && std::count(rest.begin(), rest.end(), axes_[i]) > 0)
        return absl::UnimplementedError(
            absl::StrCat("a group of \"", name_, "\" must span neighbouring axes"));
      if (between) size *= n;
      if (i > last) stride *= n;
    }
    prox->group_size = rest.empty() ? 0 : size;
    prox->group_stride = rest.empty() ? 1 : stride;
    if (p.kind == PenaltyKind::kGroupL2) prox->group = Evaluate(p.weight, rest);
    if (p.kind == PenaltyKind::kSimplex) prox->simplex = Evaluate(p.weight, rest).at(0);
    return absl::OkStatus();
  }

  absl::Status Add(const Penalty& p, Prox* prox) {
    if (p.kind != PenaltyKind::kLower && p.kind != PenaltyKind::kUpper)
      if (absl::Status status = CheckWeight(p.weight); !status.ok()) return status;
    switch (p.kind) {
      case PenaltyKind::kL1:
        prox->l1 = Sum(prox->l1, Evaluate(p.weight, axes_));
        break;
      case PenaltyKind::kSquaredL2:
        prox->l2 = Sum(prox->l2, Evaluate(p.weight, axes_));
        break;
      case PenaltyKind::kLower:
        prox->lower = Evaluate(p.weight, axes_);
        break;
      case PenaltyKind::kUpper:
        prox->upper = Evaluate(p.weight, axes_);
        break;
      case PenaltyKind::kGroupL2:
      case PenaltyKind::kSimplex:
        if (prox->grouped())
          return absl::UnimplementedError(
              absl::StrCat("\"", name_, "\" has two penalties on groups; keep one"));
        return SetGroups(p, prox);
    }
    return absl::OkStatus();
  }

 private:
  // Flags of the hyper-parameters that a value is made of.
  void AddHypers(int node, std::set<std::string>* flags) const {
    if (node < 0) return;
    const ir::Graph& graph = context_.program->graph;
    const ir::Node& n = graph.node[node];
    if (n.op == ir::Op::kHyper)
      flags->insert(absl::StrCat("--", std::string(graph.symbol[n.symbol].name)));
    if (n.op == ir::Op::kLet) AddHypers(graph.let[n.symbol].body, flags);
    for (const int operand : {n.a, n.b, n.c}) AddHypers(operand, flags);
  }

  const PostContext& context_;
  const std::vector<int64_t>& extent_;
  const std::vector<int> axes_;
  std::vector<AlignedArray<double>>* const storage_;
  const std::string name_;
};

}  // namespace

absl::StatusOr<Prox> ProxOf(const PostContext& context, const std::vector<int64_t>& extent,
                            const std::vector<Penalty>& penalties, int param,
                            std::vector<AlignedArray<double>>* storage) {
  Prox prox;
  Builder builder(context, extent, param, storage);
  for (const Penalty& p : penalties) {
    if (p.param != param) continue;
    if (absl::Status status = builder.Add(p, &prox); !status.ok()) return status;
  }
  return prox;
}

}  // namespace gyre
