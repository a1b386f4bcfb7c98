// Sums of outer products that are kept as their terms: sufficient factors (Xie et al., 2016,
// "Lighter- communication distributed machine learning via sufficient factor broadcasting").
//
// A gradient by a matrix is often a sum over rows of data of u v', u of m and v of k numbers. Fewer
// than m k / (m + k) terms are smaller than their sum. Terms whose u is zero are left out. Not
// thread-safe; memory is kept from use to use.
#pragma once
#include <cstdint>

#include "ops/aligned.h"
#include "ops/view.h"

namespace gyre {

// An array that grows; what is beyond the old end is not defined.
template <class T>
class GrowingArray {
 public:
  T* data() { return array_.data(); }
  const T* data() const { return array_.data(); }
  int64_t size() const { return size_; }
  // Room for `more` at the end; where it begins.
  T* Grow(int64_t more) {
    if (size_ + more > array_.size()) {
      AlignedArray<T> larger(size_ + more + size_ / 2);
      if (size_ > 0)
        std::memcpy(larger.data(), array_.data(), static_cast<size_t>(size_) * sizeof(T));
      array_ = std::move(larger);
    }
    size_ += more;
    return array_.data() + size_ - more;
  }
  void Clear() { size_ = 0; }

 private:
  AlignedArray<T> array_;
  int64_t size_ = 0;
};

class OuterTerms {
 public:
  // What they are the terms of: m by k, or k by m if `k_major`. u and v are of `type`.
  struct Shape {
    int64_t m = 0, k = 0;
    bool k_major = false;
    Type type = Type::kFloat64;
  };
  explicit OuterTerms(const Shape& shape) : shape_(shape) {}

  const Shape& shape() const { return shape_; }
  void Clear();
  int64_t terms() const { return terms_; }
  // Whether v is sparse: `length` entries a term, each a position and a value. All terms are alike.
  bool sparse() const { return sparse_; }
  int64_t entries() const { return index_.size(); }

  // ---- The arrays, to be sent: u is terms by m; v terms by k, or `entries` values.
  const char* u() const { return u_.data(); }
  const char* v() const { return v_.data(); }
  const int32_t* length() const { return length_.data(); }
  const int32_t* index() const { return index_.data(); }
  int64_t u_bytes() const { return u_.size(); }
  int64_t v_bytes() const { return v_.size(); }

  // Room for further terms, to be filled by the caller. `entries`: of v where it is sparse, else
  // -1.
  struct Room {
    char *u = nullptr, *v = nullptr;
    int32_t *length = nullptr, *index = nullptr;
  };
  Room Grow(int64_t terms, int64_t entries);

  // Appends sum_i u(i) a(r0 + i)' as its terms; u is `rows` by m.
  template <class T>
  void Append(const Block& a, int64_t r0, int64_t rows, const T* u);
  // u times `scale`, of all terms.
  void Scale(double scale);
  // sum += the sum of the terms, in their order.
  void AddTo(double* sum);
  // Whether what was received can be: lengths that add up, positions below k.
  bool Valid() const;

 private:
  template <class T>
  void AddTo(double* sum);

  Shape shape_;
  int64_t terms_ = 0;
  bool sparse_ = false;
  GrowingArray<char> u_, v_;
  GrowingArray<int32_t> length_, index_;
  GrowingArray<int64_t> offset_;
  GrowingArray<char> scratch_;
};

}  // namespace gyre
