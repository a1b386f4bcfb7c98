#include "ops/outer_terms.h"

#include <algorithm>

#include "ops/contract.h"

namespace gyre {
namespace {

template <class T>
bool IsZero(const T* u, int64_t m) {
  return std::all_of(u, u + m, [](T x) { return x == 0; });
}

// The rows [begin, end) of a CSC block by a search in every column.
template <class T, class F>
void ForEntriesOfRow(const Block& a, int64_t row, const F& body) {
  for (int64_t c = 0; c < a.cols; ++c) {
    const int32_t* first = a.index + a.offset[c];
    const int32_t* last = a.index + a.offset[c + 1];
    const int32_t* at = std::lower_bound(first, last, static_cast<int32_t>(row));
    if (at != last && *at == row) body(static_cast<int32_t>(c), a.data<T>()[at - a.index]);
  }
}

}  // namespace

void OuterTerms::Clear() {
  terms_ = 0;
  u_.Clear();
  v_.Clear();
  length_.Clear();
  index_.Clear();
}

OuterTerms::Room OuterTerms::Grow(int64_t terms, int64_t entries) {
  const int64_t element = SizeOf(shape_.type);
  sparse_ = entries >= 0;
  terms_ += terms;
  Room room;
  room.u = u_.Grow(terms * shape_.m * element);
  room.v = v_.Grow((sparse_ ? entries : terms * shape_.k) * element);
  if (sparse_) {
    room.length = length_.Grow(terms);
    room.index = index_.Grow(entries);
  }
  return room;
}

template <class T>
void OuterTerms::Append(const Block& a, int64_t r0, int64_t rows, const T* u) {
  const int64_t m = shape_.m, k = shape_.k;
  for (int64_t i = 0; i < rows; ++i, u += m) {
    if (IsZero(u, m)) continue;
    const int64_t row = r0 + i;
    Room room;
    if (a.format == Format::kDense) {
      room = Grow(1, -1);
      std::copy_n(a.data<T>() + row * a.stride, k, reinterpret_cast<T*>(room.v));
    } else if (a.format == Format::kCsr) {
      const int64_t begin = a.offset[row], count = a.offset[row + 1] - begin;
      room = Grow(1, count);
      *room.length = static_cast<int32_t>(count);
      std::copy_n(a.index + begin, count, room.index);
      std::copy_n(a.data<T>() + begin, count, reinterpret_cast<T*>(room.v));
    } else {
      int32_t count = 0;
      ForEntriesOfRow<T>(a, row, [&](int32_t, T) { ++count; });
      room = Grow(1, count);
      *room.length = count;
      T* value = reinterpret_cast<T*>(room.v);
      ForEntriesOfRow<T>(a, row,
                         [&](int32_t column, T x) { *room.index++ = column, *value++ = x; });
    }
    std::copy_n(u, m, reinterpret_cast<T*>(room.u));
  }
}

void OuterTerms::Scale(double scale) {
  const int64_t n = terms_ * shape_.m;
  if (shape_.type == Type::kFloat32) {
    float* u = reinterpret_cast<float*>(u_.data());
    for (int64_t i = 0; i < n; ++i) u[i] *= static_cast<float>(scale);
  } else {
    double* u = reinterpret_cast<double*>(u_.data());
    for (int64_t i = 0; i < n; ++i) u[i] *= scale;
  }
}

template <class T>
void OuterTerms::AddTo(double* sum) {
  Block v{Format::kDense, kTypeOf<T>, v_.data(), nullptr, nullptr, terms_, shape_.k, shape_.k};
  if (sparse_) {
    v.format = Format::kCsr;
    offset_.Clear();
    int64_t* offset = offset_.Grow(terms_ + 1);
    offset[0] = 0;
    for (int64_t i = 0; i < terms_; ++i) offset[i + 1] = offset[i] + length_.data()[i];
    v.index = index_.data();
    v.offset = offset;
  }
  scratch_.Clear();
  const int64_t scratch = std::max<int64_t>(ScratchOuter(shape_.m, shape_.k), 0);
  T* room = reinterpret_cast<T*>(scratch_.Grow(scratch * static_cast<int64_t>(sizeof(T))));
  AddOuter<T>(v, 0, terms_, reinterpret_cast<const T*>(u_.data()), shape_.m, shape_.k_major, sum,
              room);
}

void OuterTerms::AddTo(double* sum) {
  if (terms_ == 0) return;
  if (shape_.type == Type::kFloat32) {
    AddTo<float>(sum);
  } else {
    AddTo<double>(sum);
  }
}

bool OuterTerms::Valid() const {
  if (!sparse_) return true;
  int64_t entries = 0;
  for (int64_t i = 0; i < terms_; ++i) {
    if (length_.data()[i] < 0) return false;
    entries += length_.data()[i];
  }
  return entries == index_.size() &&
         std::all_of(index_.data(), index_.data() + entries,
                     [this](int32_t at) { return at >= 0 && at < shape_.k; });
}

template void OuterTerms::Append(const Block&, int64_t, int64_t, const float*);
template void OuterTerms::Append(const Block&, int64_t, int64_t, const double*);

}  // namespace gyre
