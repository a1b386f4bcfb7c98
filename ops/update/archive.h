// The state of a rule as bytes: one Visit function of the rule both saves and loads.
//
// Layout: the fields in the order of the visit, as they lie in memory (a checkpoint is read by the
// build that wrote it or by one whose fingerprint matches). A vector keeps its size.
#pragma once
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"

namespace gyre::internal {

class Archive {
 public:
  explicit Archive(std::string* out) : out_(out) {}
  explicit Archive(absl::string_view in) : in_(in) {}

  template <class T>
  void operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Bytes(&value, sizeof value);
  }
  void operator()(std::vector<double>& v) { Bytes(v.data(), v.size() * sizeof(double)); }

  // All bytes were there and none are left.
  bool complete() const { return !short_ && in_.empty(); }

 private:
  void Bytes(void* data, size_t size) {
    if (size == 0) return;
    if (out_ != nullptr) {
      out_->append(static_cast<const char*>(data), size);
    } else if (in_.size() < size) {
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

}  // namespace gyre::internal
