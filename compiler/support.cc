#include "compiler/support.h"

#include "compiler/candidate.h"

namespace gyre {

std::string NotInThisBuild(const Strategy& s) {
  if (s.partitioning == Partitioning::kModel) {
    return "needs block scheduling, which this build does not have";
  }
  if (s.partitioning == Partitioning::kHybrid) {
    return "needs block rotation, which this build does not have";
  }
  if (s.storage == Table::REPLICA) return "needs replicas, which this build does not have";
  if (s.topology == Table::P2P || s.topology == Table::HALTON || s.topology == Table::RING) {
    return "needs workers that send to each other, which this build does not have";
  }
  if (s.payload == Write::FACTORS) return "needs factors on the wire, which this build does not have";
  if (s.payload == Write::ROWS) return "needs sparse rows on the wire, which this build does not have";
  return "";
}

}  // namespace gyre
