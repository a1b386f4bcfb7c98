// Small plans for tests, as text protos and as edits of a legal one.
#pragma once
#include <string>

#include "compiler/plan.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace gyre {

inline Plan ParseTestPlan(const std::string& text) {
  Plan plan;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &plan)) << text;
  return plan;
}

// Gradient descent as the planner writes it: contributions, then g.
inline Plan GradientPlan(int workers = 2, int lag = 1) {
  Plan plan = ParseTestPlan(R"pb(
    cluster { workers: 2 lanes: 2 processes: 1 }
    partition { id: "row/parts" axis: "row" }
    table { id: "param/w" role: PARAM fold: PER_CLOCK fold_task: "clock/step" versions: 1 }
    table { id: "delta/w" role: AUX versions: 1 }
    task {
      id: "clock/grad"
      kind: GATHER
      place: EACH_WORKER
      over: "row/parts"
      read {
        table: "param/w"
        slice { whole: true }
        lag: 1
      }
      write {
        table: "delta/w"
        slice { whole: true }
        mode: ADD
      }
    }
    task {
      id: "clock/step"
      kind: FOLD
      place: OWNER
      read {
        table: "delta/w"
        slice { whole: true }
        lag: 0
      }
      read {
        table: "param/w"
        slice { whole: true }
        lag: 1
      }
      write {
        table: "param/w"
        slice { whole: true }
        mode: OWN
      }
    }
  )pb");
  plan.mutable_cluster()->set_workers(workers);
  plan.mutable_task(0)->mutable_read(0)->set_lag(lag);
  plan.mutable_table(0)->set_versions(std::max(1, lag));
  return plan;
}

// Word blocks that rotate among the workers.
inline Plan RotationPlan() {
  return ParseTestPlan(R"pb(
    cluster { workers: 2 lanes: 2 processes: 1 }
    partition {
      id: "word/blocks"
      axis: "word"
      cut: 0
      cut: 5
      cut: 9
      cut: 12
      home: 0
      home: 1
      home: 0
    }
    partition { id: "doc/parts" axis: "doc" cut: 0 cut: 7 cut: 9 home: 0 home: 1 }
    table { id: "topics" role: PARAM versions: 1 }
    table { id: "docs" role: LATENT versions: 1 }
    channel { id: "ring" kind: RING table: "topics" partition: "word/blocks" tokens: 3 capacity: 2 }
    task {
      id: "clock/sample"
      kind: SWEEP
      place: EACH_WORKER
      take: "ring"
      give: "ring"
      write {
        table: "topics"
        slice { token: "ring" }
        mode: OWN
      }
      write {
        table: "docs"
        slice { mine: "doc/parts" }
        mode: OWN
      }
    }
  )pb");
}

}  // namespace gyre
