#include "runtime/driver/probe.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/text_format.h"
#include "runtime/driver/files.h"

namespace gyre::driver {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Best of the runs of `work` that fit into `budget` seconds (at least two): interference only
// slows.
template <class F>
double BestSeconds(double budget, const F& work) {
  const SteadyClock::time_point start = SteadyClock::now();
  double best = 1e9;
  for (int i = 0; i < 2 || SecondsSince(start) < budget; ++i) {
    const SteadyClock::time_point before = SteadyClock::now();
    work();
    best = std::min(best, SecondsSince(before));
  }
  return best;
}

// Keeps the compiler from leaving out what computes `value`.
template <class T>
void Keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// Cores this process may run on: a container's share, not the machine's.
int Cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    return std::string(absl::StripAsciiWhitespace(parts.back()));
  }
  return "unknown processor";
}

// The smaller of what the machine has and what a control group leaves us.
int64_t MemoryBytes() {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  int64_t most = 0;
  if (limit >> most && most > 0) bytes = std::min(bytes, most);
  return bytes;
}

int64_t CacheBytes(int name, int64_t fallback) {
  const int64_t bytes = sysconf(name);
  return bytes > 0 ? bytes : fallback;
}

// ---- Measurements. Arrays of eight sums let the loops vectorise without reordering one sum.

template <class T>
double SumOf(const T* values, size_t count) {
  constexpr size_t kLanes = 64;
  T sums[kLanes] = {};
  for (size_t i = 0; i + kLanes <= count; i += kLanes) {
    for (size_t k = 0; k < kLanes; ++k) sums[k] += values[i + k];
  }
  double sum = 0;
  for (T each : sums) sum += static_cast<double>(each);
  return sum;
}

double ReadGbs(const std::vector<float>& values, double budget) {
  const double seconds = BestSeconds(budget, [&] { Keep(SumOf(values.data(), values.size())); });
  return static_cast<double>(values.size() * sizeof(float)) / seconds * 1e-9;
}

// All cores read their part of `values` at once, several times so that starting threads is little.
double ReadGbsOfAll(const std::vector<float>& values, int cores) {
  constexpr int kRounds = 4;
  const size_t part = values.size() / static_cast<size_t>(cores);
  std::atomic<int> waiting{cores};
  std::vector<double> seconds(static_cast<size_t>(cores));
  std::vector<std::thread> threads;
  for (int core = 0; core < cores; ++core) {
    threads.emplace_back([&, core] {
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      const SteadyClock::time_point start = SteadyClock::now();
      for (int i = 0; i < kRounds; ++i)
        Keep(SumOf(values.data() + part * static_cast<size_t>(core), part));
      seconds[static_cast<size_t>(core)] = SecondsSince(start);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double slowest = *std::max_element(seconds.begin(), seconds.end());
  return kRounds * static_cast<double>(part * sizeof(float)) * cores / slowest * 1e-9;
}

// Multiply-adds on registers, enough of them in flight to hide their latency and few enough not to
// spill. Vector types (gcc and clang have them) keep the loop from being rewritten.
#ifdef __AVX512F__
constexpr int kVectorBytes = 64, kInFlight = 10;
#else
constexpr int kVectorBytes = 32, kInFlight = 10;
#endif
template <class T>
double Gflops() {
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  constexpr int kSteps = 20000;
  const T one = 1, nearly = static_cast<T>(0.999);
  const Vector factor = Vector{} + nearly, addend = Vector{} + one;
  const double seconds = BestSeconds(0.001, [&] {
    Vector sum[kInFlight];  // all different, or a compiler computes one for all
    for (int k = 0; k < kInFlight; ++k) sum[k] = Vector{} + static_cast<T>(k);
    for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 10
      for (int k = 0; k < kInFlight; ++k) sum[k] = sum[k] * factor + addend;
    }
    Keep(sum);
  });
  return 2.0 * kInFlight * (kVectorBytes / sizeof(T)) * kSteps / seconds * 1e-9;
}

// Gathers x[index] by a pseudo-random order, as a sparse row does: millions a second.
double GatherMops(const std::vector<float>& values, int64_t bytes) {
  const size_t cells = std::min(values.size(), static_cast<size_t>(bytes) / sizeof(float));
  std::vector<uint32_t> index(1 << 16);
  uint64_t state = 88172645463325252u;  // xorshift64 (Marsaglia 2003)
  for (uint32_t& each : index) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    each = static_cast<uint32_t>(state % cells);
  }
  const double seconds = BestSeconds(0.001, [&] {
    float sums[4] = {};
    for (size_t i = 0; i + 4 <= index.size(); i += 4) {
      for (size_t k = 0; k < 4; ++k) sums[k] += values[index[i + k]];
    }
    Keep(sums);
  });
  return static_cast<double>(index.size()) / seconds * 1e-6;
}

// Two threads pass a word back and forth, and the bytes that go with it. On a busy machine a turn
// may cost a time slice, so the game also ends when its time is up.
struct HandOver {
  double sync_us = 0, shared_gbs = 0;
};

class Game {
 public:
  // Plays on two threads; the second reads what the first wrote when `with_data`.
  explicit Game(bool with_data) : with_data_(with_data), shared_(kCells, 1.0f) {
    std::thread other([this] { Play(1); });
    Play(0);
    other.join();
  }
  double turn_seconds() const { return seconds_ / std::max(turns_, 1); }
  double read_gbs() const { return kCells * sizeof(float) / read_seconds_ * 1e-9; }

 private:
  static constexpr int kTurns = 2000, kOver = 1 << 30, kSpins = 1 << 12;
  static constexpr size_t kCells = 4096;
  static constexpr double kSeconds = 0.004;

  // Waits for turn `mine`; false when the game is over.
  bool Await(int mine) const {
    for (int spins = 0;; ++spins) {
      const int turn = turn_.load(std::memory_order_acquire);
      if (turn == kOver) return false;
      if (turn == mine) return true;
      if (spins >= kSpins) std::this_thread::yield();
    }
  }

  void Play(int side) {
    const SteadyClock::time_point start = SteadyClock::now();
    int turn = side;
    for (; turn < kTurns && Await(turn); turn += 2) {
      if (with_data_) Touch(side);
      const bool over = side == 0 && turn > 0 && turn % 16 == 0 && SecondsSince(start) > kSeconds;
      turn_.store(over ? kOver : turn + 1, std::memory_order_release);
      if (over) break;
    }
    if (side == 0) seconds_ = SecondsSince(start), turns_ = turn;
  }

  void Touch(int side) {
    if (side == 0) {
      for (float& each : shared_) each += 1.0f;
      return;
    }
    const SteadyClock::time_point start = SteadyClock::now();
    Keep(SumOf(shared_.data(), kCells));
    read_seconds_ = std::min(read_seconds_, SecondsSince(start));
  }

  const bool with_data_;
  alignas(64) std::atomic<int> turn_{0};
  alignas(64) std::vector<float> shared_;
  double seconds_ = 0, read_seconds_ = 1e9;
  int turns_ = 0;
};

HandOver MeasureHandOver() {
  const Game empty(false), full(true);
  return {empty.turn_seconds() * 1e6, full.read_gbs()};
}

std::string AgeOf(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "just measured";
  const double hours = std::difftime(std::time(nullptr), info.st_mtime) / 3600;
  if (hours < 1) return "measured within the hour";
  if (hours < 48) return absl::StrFormat("%.0f hours old", hours);
  return absl::StrFormat("%.0f days old", hours / 24);
}

}  // namespace

std::string MachineName() {
  const int cores = Cores();
  return absl::StrCat(ProcessorName(), ", ", cores, cores == 1 ? " core" : " cores");
}

std::string ProfileCachePath() {
  std::string folder;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    folder = cache;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    folder = absl::StrCat(home, "/.cache");
  }
  if (folder.empty()) return "";
  std::string name = MachineName();
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '-';
  }
  return absl::StrCat(folder, "/gyre/", name, ".textproto");
}

Profile TableProfile() {
  Profile profile = DefaultProfile();
  profile.set_name(MachineName());
  profile.set_cores(Cores());
  profile.set_lanes(Cores());
  profile.set_l1_bytes(CacheBytes(_SC_LEVEL1_DCACHE_SIZE, profile.l1_bytes()));
  profile.set_l2_bytes(CacheBytes(_SC_LEVEL2_CACHE_SIZE, profile.l2_bytes()));
  profile.set_l3_bytes(CacheBytes(_SC_LEVEL3_CACHE_SIZE, profile.l3_bytes()));
  profile.set_memory_bytes(MemoryBytes());
  profile.set_age("not measured");
  return profile;
}

Profile MeasureProfile() {
  Profile profile = TableProfile();
  const int cores = profile.cores();
  // Well beyond an ordinary L2 and most of a shared L3; twice as much would take twice the time.
  const std::vector<float> large(size_t{6} << 20, 1.0f);
  const std::vector<float> small(static_cast<size_t>(profile.l2_bytes()) / 2 / sizeof(float), 1.0f);
  profile.set_gflops_f32(Gflops<float>());
  profile.set_gflops_f64(Gflops<double>());
  profile.set_cache_gbs_one(ReadGbs(small, 0.001));
  profile.set_memory_gbs_one(ReadGbs(large, 0.004));
  profile.set_memory_gbs_all(cores == 1
                                 ? profile.memory_gbs_one()
                                 : std::max(profile.memory_gbs_one(), ReadGbsOfAll(large, cores)));
  profile.set_random_mops_l2(GatherMops(large, profile.l2_bytes() / 2));
  profile.set_random_mops_l3(
      GatherMops(large, std::max(profile.l3_bytes() / 2, profile.l2_bytes())));
  profile.set_random_mops_memory(GatherMops(large, INT64_MAX));
  if (cores > 1) {
    const HandOver hand_over = MeasureHandOver();
    profile.set_sync_us(hand_over.sync_us);
    // A second core that never got its turn read nothing.
    if (hand_over.shared_gbs > 0.01) profile.set_shared_gbs(hand_over.shared_gbs);
  }
  profile.set_age("just measured");
  return profile;
}

Profile ThisMachine(bool measure) {
  const std::string path = ProfileCachePath();
  if (!path.empty() && Exists(path)) {
    absl::StatusOr<std::string> text = ReadWholeFile(path);
    if (text.ok()) {
      absl::StatusOr<Profile> cached = ParseProfile(*text, path);
      if (cached.ok()) {
        cached->set_age(AgeOf(path));
        return *std::move(cached);
      }
    }
  }
  if (!measure) return TableProfile();
  Profile profile = MeasureProfile();
  std::string text;
  Profile kept = profile;
  kept.clear_age();
  // A cache that cannot be written is no reason not to run.
  if (!path.empty() && google::protobuf::TextFormat::PrintToString(kept, &text)) {
    WriteFile(path, text).IgnoreError();
  }
  return profile;
}

}  // namespace gyre::driver
