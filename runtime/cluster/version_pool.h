// Versions: parameters as they arrived at a worker process, and the memory they are reused in.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/graph/clock.h"
#include "ops/aligned.h"

namespace gyre {

// Parameters, or one shard's range of them, with the stamp they came with.
struct Version {
  AlignedArray<char> bytes;
  std::shared_ptr<const void>
      elsewhere;  // not null: holds `there`, the parameters, in place of `bytes`
  const char* there = nullptr;
  const char* data() const { return elsewhere != nullptr ? there : bytes.data(); }
  Stage complete = 0;           // every contribution of stages < complete is in ...
  Stage own = 0;                // ... and the reader's own of stages < own
  std::vector<Stage> included;  // LINEAR folds: by process, its stages that are in
};

// Not thread-safe. A version is free again when nobody but the pool holds it; who lets one go does
// so under the lock that Take is called under, so that its reads are over.
class VersionPool {
 public:
  explicit VersionPool(int64_t bytes) : bytes_(bytes) {}
  std::shared_ptr<Version> Take() {
    for (const auto& version : all_) {
      if (version.use_count() == 1) return version;
    }
    all_.push_back(std::make_shared<Version>());
    all_.back()->bytes = AlignedArray<char>(bytes_);
    return all_.back();
  }

 private:
  const int64_t bytes_;
  std::vector<std::shared_ptr<Version>> all_;
};

}  // namespace gyre
