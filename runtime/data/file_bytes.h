// The bytes of one input file: mapped when plain, decompressed into memory when gzip or xz.
//
// Invariant: at least 64 NUL bytes follow the last byte, so a parser that stops at NUL needs no end
// check and may load 8 bytes at once anywhere. The map is private and writable: writing to it
// changes this process's copy, never the file. Immutable otherwise and safe to share between
// threads.
#pragma once
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gyre::io {

class FileBytes {
 public:
  // Errors name `path`: NotFound when it is missing, InvalidArgument for a directory, an
  // unreadable, an empty, a truncated or a damaged file.
  static absl::StatusOr<std::shared_ptr<FileBytes>> Open(const std::string& path);

  FileBytes(std::string path, std::shared_ptr<void> memory, int64_t size, bool mapped)
      : path_(std::move(path)), memory_(std::move(memory)), size_(size), mapped_(mapped) {}

  const std::string& path() const { return path_; }
  const char* begin() const { return static_cast<const char*>(memory_.get()); }
  const char* end() const { return begin() + size_; }
  int64_t size() const { return size_; }
  bool mapped() const { return mapped_; }  // false: decompressed
  // The bytes from `begin` up to `end` have been parsed: a map's pages need not stay in memory.
  // REQUIRES: they have not been written to.
  void Release(const char* begin, const char* end) const;
  const std::shared_ptr<void>& memory() const { return memory_; }

 private:
  std::string path_;
  std::shared_ptr<void> memory_;
  int64_t size_;
  bool mapped_;
};

}  // namespace gyre::io
