#include "runtime/data/file_bytes.h"

#include <fcntl.h>
#include <lzma.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gyre::io {
namespace {

constexpr size_t kPadding = 64;

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

struct Descriptor {
  int fd;
  ~Descriptor() { close(fd); }
};

// Maps `size` bytes followed by at least one anonymous page of zeros.
absl::StatusOr<std::shared_ptr<void>> MapFile(const std::string& path, int fd, size_t size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t reserved = (size + page - 1) / page * page + page;
  void* base = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return Bad(path, "cannot be mapped into memory; free some memory");
  std::shared_ptr<void> memory(base, [reserved](void* p) { munmap(p, reserved); });
  if (mmap(base, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
    return Bad(path,
               absl::StrCat("cannot be read (", std::strerror(errno), "); give a regular file"));
  }
  madvise(base, size, MADV_SEQUENTIAL);
  return memory;
}

// A buffer that doubles; realloc moves pages, not bytes, once it is large.
class Growing {
 public:
  ~Growing() { std::free(data_); }
  // Room for at least one more byte, always leaving `kPadding` after it.
  bool Reserve() {
    if (size_ + kPadding < capacity_) return true;
    const size_t capacity = std::max<size_t>(capacity_ * 2, 1 << 16);
    void* grown = std::realloc(data_, capacity);
    if (grown == nullptr) return false;
    data_ = static_cast<unsigned char*>(grown);
    capacity_ = capacity;
    return true;
  }
  unsigned char* tail() { return data_ + size_; }
  size_t room() const { return capacity_ - size_ - kPadding; }
  void Advance(size_t n) { size_ += n; }
  size_t size() const { return size_; }
  std::shared_ptr<void> Release() {
    std::memset(data_ + size_, 0, kPadding);
    return {std::exchange(data_, nullptr), std::free};
  }

 private:
  unsigned char* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

absl::Status Truncated(const std::string& path, const char* kind) {
  return Bad(path,
             absl::StrCat("the ", kind, " stream ends early; fetch or compress the file again"));
}
absl::Status Damaged(const std::string& path, const char* kind) {
  return Bad(path,
             absl::StrCat("the ", kind, " stream is damaged; fetch or compress the file again"));
}
absl::Status NoMemory(const std::string& path) {
  return Bad(path, "does not fit in memory when decompressed; unpack it so that it can be mapped");
}

absl::Status Gunzip(const std::string& path, const unsigned char* in, size_t size, Growing* out) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 16) != Z_OK) return NoMemory(path);
  struct End {
    z_stream* z;
    ~End() { inflateEnd(z); }
  } end{&z};
  z.next_in = const_cast<unsigned char*>(in);
  size_t left = size;
  for (;;) {
    if (!out->Reserve()) return NoMemory(path);
    const size_t most = std::numeric_limits<uInt>::max();
    if (z.avail_in == 0) {
      z.avail_in = static_cast<uInt>(std::min(left, most));
      left -= z.avail_in;
    }
    const uInt room = static_cast<uInt>(std::min(out->room(), most));
    z.next_out = out->tail();
    z.avail_out = room;
    const int code = inflate(&z, Z_NO_FLUSH);
    out->Advance(room - z.avail_out);
    const bool exhausted = z.avail_in == 0 && left == 0;
    if (code == Z_STREAM_END) {
      if (exhausted) return absl::OkStatus();
      if (z.avail_in >= 1 && *z.next_in == 0) return absl::OkStatus();  // padding, as gzip allows
      if (inflateReset(&z) != Z_OK) return Damaged(path, "gzip");       // the next member
    } else if (code == Z_BUF_ERROR || (code == Z_OK && exhausted && z.avail_out != 0)) {
      if (exhausted) return Truncated(path, "gzip");
    } else if (code != Z_OK) {
      return Damaged(path, "gzip");
    }
  }
}

absl::Status Unxz(const std::string& path, const unsigned char* in, size_t size, Growing* out) {
  lzma_stream z = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&z, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) return NoMemory(path);
  struct End {
    lzma_stream* z;
    ~End() { lzma_end(z); }
  } end{&z};
  z.next_in = in;
  z.avail_in = size;
  for (;;) {
    if (!out->Reserve()) return NoMemory(path);
    const size_t room = out->room();
    z.next_out = out->tail();
    z.avail_out = room;
    const lzma_ret code = lzma_code(&z, LZMA_FINISH);
    out->Advance(room - z.avail_out);
    if (code == LZMA_STREAM_END) return absl::OkStatus();
    if (code == LZMA_BUF_ERROR) return Truncated(path, "xz");
    if (code == LZMA_MEM_ERROR) return NoMemory(path);
    if (code != LZMA_OK) return Damaged(path, "xz");
  }
}

bool StartsWith(const void* data, size_t size, absl::string_view magic) {
  return size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
}

}  // namespace

void FileBytes::Release(const char* from, const char* to) const {
  if (!mapped_) return;
  static const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t first = (from - begin()) / page * page, behind = (to - begin()) / page * page;
  char* const base = static_cast<char*>(memory_.get());
  if (behind > first) madvise(base + first, static_cast<size_t>(behind - first), MADV_DONTNEED);
}

absl::StatusOr<std::shared_ptr<FileBytes>> FileBytes::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int code = errno;
    if (code == ENOENT || code == ENOTDIR) {
      return absl::NotFoundError(absl::StrCat(path, ": no such file; check the path"));
    }
    return Bad(path,
               absl::StrCat("cannot be opened (", std::strerror(code), "); check its permissions"));
  }
  const Descriptor closer{fd};
  struct stat info {};
  if (fstat(fd, &info) != 0) return Bad(path, "cannot be read; check the file");
  if (S_ISDIR(info.st_mode)) return Bad(path, "is a directory; name a file in it");
  if (!S_ISREG(info.st_mode)) return Bad(path, "is not a regular file; copy the data into one");
  if (info.st_size == 0) return Bad(path, "is empty; give a file with at least one row");
  const size_t size = static_cast<size_t>(info.st_size);
  auto memory = MapFile(path, fd, size);
  if (!memory.ok()) return memory.status();
  const auto* in = static_cast<const unsigned char*>(memory->get());
  const bool gzip = StartsWith(in, size, "\x1f\x8b");
  const bool xz = StartsWith(in, size,
                             absl::string_view("\xfd"
                                               "7zXZ\0",
                                               6));
  if (!gzip && !xz) {
    const char* kind = absl::EndsWith(path, ".gz")   ? "gzip"
                       : absl::EndsWith(path, ".xz") ? "xz"
                                                     : "";
    if (*kind != '\0') {
      return Bad(path, absl::StrCat("is not a ", kind, " file; rename it or compress it again"));
    }
    return std::make_shared<FileBytes>(path, *std::move(memory), info.st_size, true);
  }
  Growing out;
  const absl::Status status = gzip ? Gunzip(path, in, size, &out) : Unxz(path, in, size, &out);
  if (!status.ok()) return status;
  if (out.size() == 0) return Bad(path, "is empty; give a file with at least one row");
  const int64_t unpacked = static_cast<int64_t>(out.size());
  return std::make_shared<FileBytes>(path, out.Release(), unpacked, false);
}

}  // namespace gyre::io
