// Kernels of a Resample's weights: what they are made of, along the topics, for the row at hand.
// Elementwise in the topic, so that each is one vectorised loop.
#pragma once
#include <utility>

#include "dsl/kernel.h"
#include "dsl/program.h"

namespace gyre::internal {

// Functions of the topic where others are functions of the row; counts are the rows of their tables
// that the caller points to.
template <class P, int S>
struct SampleUnit {
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr const SampleIr& kSample = P::kIr.statement[S].sample;
  static constexpr int kRow = kSample.topic_index;
  static constexpr int SlotOf(int, int) { return -1; }
  static constexpr bool IsView(int) { return false; }
  static constexpr bool IsGiven(int) { return false; }
  static constexpr bool IsItem(int) { return false; }
  static constexpr bool IsLive(int) { return false; }
  static constexpr bool IsCount(int symbol) {
    return kIr.builder.graph.symbol[symbol].kind == ir::Kind::kCount;
  }
};

template <class P, int S, int Node, class D>
void RunWeightOf(const WeightArgs& args) {
  using U = SampleUnit<P, S>;
  static constexpr int64_t kOrigin[ir::kMaxSymbols] = {};
  Context<float, D> c;
  c.data = args.data;
  c.origin = kOrigin;
  c.param = args.param;
  c.count = args.count;
  c.total = args.total;
  c.hyper = args.hyper;
  c.literal = args.literal;
  c.extent = args.extent;
  c.epoch = args.epoch;
  Indices p;
  p.at[U::kSample.row_index] = args.row;
  const auto weight = Make<U, 0, Node>(c, p);
  float* __restrict__ const out = args.out;
  if (const float* const given = args.given; given != nullptr) {
    for (int64_t k = args.begin; k < args.end; ++k)
      out[k] = given[k] * static_cast<float>(weight(k));
  } else {
    for (int64_t k = args.begin; k < args.end; ++k) out[k] = static_cast<float>(weight(k));
  }
}

template <class P, int S, int Node>
void RunWeight(const WeightArgs& args) {
  if (args.single) {
    RunWeightOf<P, S, Node, float>(args);
  } else {
    RunWeightOf<P, S, Node, double>(args);
  }
}

// Gives every Resample under `id` its kernels.
template <class P, int Id = P::kIr.root>
void AttachSamplers(Statement& statement) {
  static constexpr const StatementIr& ir = P::kIr.statement[Id];
  if constexpr (ir.kind == StatementKind::kResample) {
    statement.sampler.weight = &RunWeight<P, Id, ir.sample.whole>;
    [&]<int... F>(std::integer_sequence<int, F...>) {
      const auto attach = [&]<int K>() {
        static constexpr const SampleFormIr& in = ir.sample.form[K];
        SamplerForm& out = statement.sampler.form[K];
        out.hoist = &RunWeight<P, Id, in.hoist>;
        out.rest = &RunWeight<P, Id, in.rest>;
        if constexpr (in.exponent >= 0) out.exponent = &RunWeight<P, Id, in.exponent>;
        if constexpr (in.count >= 0) {
          out.slope = &RunWeight<P, Id, in.slope>;
          out.base = &RunWeight<P, Id, in.base>;
        }
      };
      (attach.template operator()<F>(), ...);
    }
    (std::make_integer_sequence<int, ir.sample.form.size>{});
  }
  [&]<int... C>(std::integer_sequence<int, C...>) {
    (AttachSamplers<P, ir.child[C]>(statement.child[C]), ...);
  }
  (std::make_integer_sequence<int, ir.child.size>{});
}

}  // namespace gyre::internal
