#include "runtime/data/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/mutex.h"

namespace gyre {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

constexpr int64_t kLeastSpilled = int64_t{64} << 10;  // smaller arrays are not worth a mapping

std::atomic<int64_t> budget{std::numeric_limits<int64_t>::max()};
std::atomic<int64_t> resident{0};  // of arrays that the budget counts
std::atomic<int64_t> spilled{0}, peak{0};

// Spilled arrays: the first byte, and the one behind the last.
struct Mappings {
  Mutex mutex;
  std::map<const char*, const char*> end ABSL_GUARDED_BY(mutex);
};
Mappings& All() {
  static auto* const all = new Mappings;
  return *all;
}

// Where spilled arrays lie. Not /tmp, which may itself be memory.
std::string SpillFolder() {
  const char* const given = std::getenv("TMPDIR");
  return given != nullptr && *given != '\0' ? given : "/var/tmp";
}

// A file of `bytes`, all of them there: a full disk shows now, not as a fault while training.
int OpenSpill(int64_t bytes) {
  const std::string folder = SpillFolder();
  std::string path = absl::StrCat(folder, "/gyre-XXXXXX");
  const int file = mkostemp(path.data(), O_CLOEXEC);
  int error = file < 0 ? errno : 0;
  if (file >= 0) {
    unlink(path.c_str());
    error = posix_fallocate(file, 0, bytes);
    if (error == 0) return file;
    close(file);
  }
  throw CannotSpill(absl::StrFormat(
      "no room for %.1f MB of data in %s (%s); set TMPDIR to a folder that has, or give --memory more",
      static_cast<double>(bytes) * 1e-6, folder, std::strerror(error)));
}

void Unmap(char* data, int64_t bytes) {
  {
    const MutexLock lock(&All().mutex);
    All().end.erase(data);
  }
  munmap(data, static_cast<size_t>(bytes));
  spilled -= bytes;
}

std::shared_ptr<void> Spill(int64_t bytes) {
  const int file = OpenSpill(bytes);
  void* const at =
      mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) throw std::bad_alloc();
  char* const data = static_cast<char*>(at);
  const MutexLock lock(&All().mutex);
  All().end[data] = data + bytes;
  spilled += bytes;
  peak = std::max(peak.load(), spilled.load());  // under the lock
  return {data, [bytes](void* p) { Unmap(static_cast<char*>(p), bytes); }};
}

// Zero if it is spilled, else not initialised; `zero` says which.
std::shared_ptr<void> Allocate(int64_t bytes, bool* zero) {
  const bool counts = bytes >= kLeastSpilled;
  *zero = counts && resident.fetch_add(bytes) + bytes > budget;
  if (*zero) {
    resident -= bytes;
    return Spill(bytes);
  }
  const size_t wanted = bytes > 0 ? static_cast<size_t>(bytes) : 1;
  const bool huge = wanted >= 2 * kHugePage;
  const size_t align = huge ? kHugePage : 64;
  const size_t size = (wanted + align - 1) / align * align;
  void* p = std::aligned_alloc(align, size);
  if (p == nullptr) throw std::bad_alloc();
  if (huge) madvise(p, size, MADV_HUGEPAGE);  // advice only: a refusal costs speed, not results
  if (!counts) return {p, std::free};
  return {p, [bytes](void* memory) { std::free(memory), resident -= bytes; }};
}

template <class T>
void Fill(const std::vector<double>& from, void* to) {
  T* out = static_cast<T*>(to);
  for (const double v : from) *out++ = static_cast<T>(v);
}

}  // namespace

void SetMemoryBudget(int64_t bytes) { budget = bytes; }
int64_t SpilledBytes() { return spilled; }
int64_t PeakSpilledBytes() { return peak; }

std::shared_ptr<void> AllocateAligned(int64_t bytes) {
  bool zero;
  return Allocate(bytes, &zero);
}
std::shared_ptr<void> AllocateZeros(int64_t bytes) {
  bool zero;
  std::shared_ptr<void> memory = Allocate(bytes, &zero);
  if (!zero && bytes > 0) std::memset(memory.get(), 0, static_cast<size_t>(bytes));
  return memory;
}

void ReleasePages(const void* begin, const void* end) {
  if (spilled.load(std::memory_order_relaxed) == 0 || begin == end) return;
  const char *from = static_cast<const char*>(begin), *to = static_cast<const char*>(end);
  Mappings& all = All();
  const MutexLock lock(&all.mutex);
  const auto after = all.end.upper_bound(from);
  if (after == all.end.begin() || std::prev(after)->second < to) return;
  const auto [data, last] = *std::prev(after);
  static const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t first = (from - data) / page * page,
                behind = to == last ? to - data : (to - data) / page * page;
  // Of a shared mapping this forgets where the pages are, not what they hold.
  if (behind > first)
    madvise(const_cast<char*>(data) + first, static_cast<size_t>(behind - first), MADV_DONTNEED);
}

OwnedBlock MakeDense(Type type, int64_t rows, int64_t cols) {
  OwnedBlock out;
  const int64_t stride = PaddedStride(cols, type);
  const int64_t bytes = rows * stride * SizeOf(type);
  auto memory = AllocateZeros(bytes);
  out.block = {.format = Format::kDense,
               .type = type,
               .values = memory.get(),
               .rows = rows,
               .cols = cols,
               .stride = stride};
  out.memory.push_back(std::move(memory));
  return out;
}

OwnedBlock MakeColumn(Type type, const std::vector<double>& values) {
  OwnedBlock out = MakeDense(type, static_cast<int64_t>(values.size()), 1);
  void* to = const_cast<void*>(out.block.values);
  switch (type) {
    case Type::kFloat32:
      Fill<float>(values, to);
      break;
    case Type::kFloat64:
      Fill<double>(values, to);
      break;
    case Type::kInt32:
      Fill<int32_t>(values, to);
      break;
  }
  return out;
}

}  // namespace gyre
