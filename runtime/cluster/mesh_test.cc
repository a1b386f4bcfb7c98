// Meshes of many processes in this one, frame by frame: what is summed, in how many messages.
#include "runtime/cluster/mesh.h"

#include <cmath>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/cluster/parcel_queue.h"

namespace gyre {
namespace {

using Topology = Mesh::Topology;

std::vector<StageEncoding> Stages(std::initializer_list<int64_t> sizes) {
  std::vector<StageEncoding> all;
  for (const int64_t size : sizes) {
    all.emplace_back();
    if (size == 0) continue;  // gathers nothing
    all.back().layout.Add(0, size, 8);
    all.back().field.resize(1);
  }
  return all;
}

// All processes of a run, their queues, and the sums that each of them made.
struct World {
  World(Topology topology, int processes, std::vector<StageEncoding> stages)
      : encodings(std::move(stages)), n(processes) {
    for (int p = 0; p < n; ++p) {
      mesh.push_back(std::make_unique<Mesh>(Mesh::Options{topology, p, n, 1, 1}, &encodings));
      queue.emplace_back(static_cast<size_t>(n));
      sum.emplace_back();
      messages.push_back(0);
    }
    for (int p = 0; p < n; ++p) {
      mesh[At(p)]->Start(
          [this, p](int to, Stage number, std::shared_ptr<const void> owner,
                    const std::vector<WireSegment>& segments) {
            ++messages[At(p)];
            queue[At(p)][At(to)].Add(number, std::move(owner), segments);
          },
          [this, p](Stage /*stage*/, const std::shared_ptr<const AlignedArray<double>>& numbers) {
            sum[At(p)].emplace_back(numbers->data(), numbers->data() + numbers->size());
          });
      for (int q = 0; q < n; ++q) {
        wire::Header hello;
        hello.set_epoch(1);
        hello.set_process(static_cast<uint32_t>(q));
        EXPECT_TRUE(mesh[At(p)]->Admit(0, hello).ok());
      }
    }
  }
  static size_t At(int i) { return static_cast<size_t>(i); }

  // Delivers frames between random pairs until there are none.
  void Deliver(std::mt19937* random) {
    for (;;) {
      std::vector<std::pair<int, int>> some;
      for (int p = 0; p < n; ++p)
        for (int q = 0; q < n; ++q)
          if (!queue[At(p)][At(q)].empty()) some.emplace_back(p, q);
      if (some.empty()) return;
      const auto [p, q] = some[(*random)() % some.size()];
      wire::Header header;
      header.set_kind(wire::Header::PARCEL);
      header.set_epoch(1);
      header.set_process(static_cast<uint32_t>(p));
      grpc::ByteBuffer buffer;
      ASSERT_TRUE(queue[At(p)][At(q)].Next(kNever, header, &buffer));
      ReceivedFrame frame;
      ASSERT_TRUE(frame.Decode(&buffer).ok());
      const auto verdict = mesh[At(q)]->Receive(0, frame);
      ASSERT_TRUE(verdict.ok()) << verdict.status();
      EXPECT_EQ(*verdict, Ledger::Verdict::kApply);
      const auto again = mesh[At(q)]->Receive(0, frame);
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(*again, Ledger::Verdict::kDuplicate);
      queue[At(p)][At(q)].Forget(mesh[At(q)]->Done(p));
    }
  }

  std::vector<StageEncoding> encodings;
  const int n;
  std::vector<std::unique_ptr<Mesh>> mesh;
  std::vector<std::vector<ParcelQueue>> queue;
  std::vector<std::vector<std::vector<double>>> sum;  // by process and stage
  std::vector<int> messages;                          // sent, by process
};

// `messages`: of a process for the sum of one stage.
void ExpectSums(Topology topology, int processes, int messages) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  constexpr int kClocks = 3;
  // Fewer numbers than processes, none, many.
  World world(topology, processes, Stages({5, 0, 1000}));
  for (int clock = 0; clock < kClocks; ++clock) {
    for (const int position : {0, 2}) {
      const Stage stage = clock * 3 + position;
      const int64_t size = world.encodings[static_cast<size_t>(position)].layout.summed;
      std::vector<double> want(static_cast<size_t>(size));
      for (int p = 0; p < processes; ++p) {
        std::vector<double> mine(want.size());
        for (size_t i = 0; i < mine.size(); ++i) want[i] += mine[i] = normal(random);
        world.mesh[World::At(p)]->Contribute(stage, mine.data());
        if (random() % 2 == 0) world.Deliver(&random);
      }
      world.Deliver(&random);
      for (int p = 0; p < processes; ++p) {
        ASSERT_EQ(world.sum[World::At(p)].size(), world.sum[0].size());
        EXPECT_EQ(world.sum[World::At(p)].back(), world.sum[0].back()) << "not to the bit";
      }
      ASSERT_EQ(world.sum[0].back().size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(world.sum[0].back()[i], want[i], 1e-12);
    }
  }
  for (const int sent : world.messages) EXPECT_EQ(sent, 2 * kClocks * messages);
}

TEST(Mesh, HaltonTakesLogarithmicallyManyMessages) {
  for (const auto& [n, log] : {std::pair{1, 0}, {2, 1}, {4, 2}, {16, 4}, {64, 6}})
    ExpectSums(Topology::kHalton, n, log);
}

TEST(Mesh, ARingTakesTwoRounds) {
  for (const int n : {1, 2, 3, 5, 16}) ExpectSums(Topology::kRing, n, 2 * (n - 1));
}

// What a process contributes gets to all others, whatever the distances.
TEST(Mesh, HaltonDistancesReachEverybody) {
  for (const int n : {16, 64}) {
    for (int p = 0; p < n; ++p) {
      std::set<int> reached = {p};
      const size_t steps = Mesh::StepsOf(Topology::kHalton, p, n).size();
      for (size_t k = 0; k < steps; ++k) {
        std::set<int> more;
        for (const int q : reached) more.insert(Mesh::StepsOf(Topology::kHalton, q, n)[k].to);
        reached.insert(more.begin(), more.end());
      }
      EXPECT_EQ(reached.size(), static_cast<size_t>(n));
    }
  }
  EXPECT_STREQ(Mesh::Illegal(Topology::kHalton, 6), "needs a power of two processes");
  EXPECT_STREQ(Mesh::Illegal(Topology::kRing, 6), "");
}

TEST(Mesh, RefusesStrangersAndWhoIsTooFarAhead) {
  World world(Topology::kRing, 4, Stages({8}));
  const auto refused = [&](uint32_t process, Stage number) {
    wire::Header header;
    header.set_epoch(1);
    header.set_process(process);
    header.set_stage(number);
    header.set_stage_done(true);
    grpc::ByteBuffer buffer = EncodeFrame(header);
    ReceivedFrame frame;
    EXPECT_TRUE(frame.Decode(&buffer).ok());
    return !world.mesh[0]->Receive(0, frame).ok();
  };
  EXPECT_TRUE(refused(2, 0));        // no neighbour
  EXPECT_TRUE(refused(3, 6 * 100));  // far ahead
}

}  // namespace
}  // namespace gyre
