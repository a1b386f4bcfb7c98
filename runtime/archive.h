// State as bytes: one Visit function both saves and loads.
//
//   void Visit(Archive& a) { a(clock_), a(best_), a(trace_); }
//
// Fields lie in the order of the visit, as they are in memory; a vector or string is preceded by
// its length. Loading checks lengths against what is there, so that a damaged archive fails and
// nothing else happens. A checkpoint is read by the build that wrote it or by one of the same
// fingerprints.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"

namespace gyre {

class Archive {
 public:
  explicit Archive(std::string* out) : out_(out) {}    // saves
  explicit Archive(absl::string_view in) : in_(in) {}  // loads; `in` outlives the archive

  bool saving() const { return out_ != nullptr; }

  template <class T>
  void operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Bytes(&value, sizeof value);
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (Length(values.size(), sizeof(T), &values)) Bytes(values.data(), values.size() * sizeof(T));
  }
  void operator()(std::string& text) {
    if (Length(text.size(), 1, &text)) Bytes(text.data(), text.size());
  }
  void operator()(std::vector<std::string>& texts) {
    // A string takes at least its length.
    if (Length(texts.size(), sizeof(uint64_t), &texts))
      for (std::string& text : texts) (*this)(text);
  }
  // An array whose size is known to both sides.
  void Array(double* values, int64_t size) {
    Bytes(values, static_cast<size_t>(size) * sizeof(double));
  }

  // All bytes were there and none are left.
  bool complete() const { return !short_ && in_.empty(); }

 private:
  template <class Container>
  bool Length(size_t size, size_t element, Container* container) {
    uint64_t length = size;
    (*this)(length);
    if (saving()) return true;
    if (short_ || length > in_.size() / element) return !(short_ = true);
    container->resize(static_cast<size_t>(length));
    return true;
  }

  void Bytes(void* data, size_t size) {
    if (size == 0) return;
    if (saving()) {
      out_->append(static_cast<const char*>(data), size);
    } else if (short_ || in_.size() < size) {
      short_ = true;
    } else {
      std::memcpy(data, in_.data(), size);
      in_.remove_prefix(size);
    }
  }

  std::string* out_ = nullptr;
  absl::string_view in_;
  bool short_ = false;
};

}  // namespace gyre
