// Axes, indices and subscripts.
//
//   constexpr struct Sample : Axis<Sample> {} n;        an axis whose extent comes with the data
//   constexpr struct Topic : Axis<Topic, 100> {} k;     a default extent (--extent=Topic=50
//   overrides) constexpr struct Row : Span<Row> {} i;              spatial: extent inferred per
//   tensor
//
// The object is the axis's index; n.prime() is a second index over the same axis. A subscript is an
// index, an affine form of indices (2 * i + a) or an integer-valued expression (a gather).
#pragma once
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "dsl/builder.h"
#include "dsl/name.h"

namespace gyre {
namespace internal {

// kNumbers: does the object carry numbers (literals, scales), or is its type all there is of it?
struct IndexTag {
  static constexpr bool kNumbers = false;
};
struct AffineTag {
  static constexpr bool kNumbers = true;
};
struct ExprTag {
  static constexpr bool kNumbers = false;
  template <std::same_as<bool> B>
  constexpr explicit operator B() const {
    static_assert(
        sizeof(B) == 0,
        "GY037: an expression has no truth value here; choose with where(condition, a, b) "
        "instead of if and ?:");
    return false;
  }
};
struct KeyTag {  // integer-valued: may be a subscript, may be compared
  static constexpr bool kNumbers = false;
};

template <class I>
constexpr int IndexOf(Builder& b) {
  using A = typename I::axis_type;
  return b.index(b.axis(TypeName<A>(), A::kExtent, A::kSpan), I::kPrime);
}

constexpr ir::Subscript SubscriptOf(int index, const Env& env) {
  if (env.renamed >> index & 1) return env.of[index];
  ir::Subscript s;
  s.index = static_cast<int16_t>(index);
  return s;
}

// Takes the place of an expression that was refused by a static_assert.
struct Refused : ExprTag {
  using free = List<Anything>;
  constexpr int emit(Builder& b, const Env&) const { return b.fail(kRefused), b.constant(0); }
};
struct Zero : ExprTag {
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const { return b.constant(0); }
};

}  // namespace internal

template <class I>
concept AnIndex = std::derived_from<std::remove_cvref_t<I>, internal::IndexTag>;
template <class E>
concept Expression = std::derived_from<std::remove_cvref_t<E>, internal::ExprTag>;
template <class E>
concept Key = std::derived_from<std::remove_cvref_t<E>, internal::KeyTag>;
template <class E>
concept Term = Expression<E> || Key<E>;

// The k-th further index over an axis.
template <class Tag, int K>
struct Primed : internal::IndexTag {
  using axis_type = Tag;
  static constexpr int kPrime = K;
  using free = internal::List<Primed>;
  constexpr Primed<Tag, K + 1> prime() const { return {}; }
  constexpr ir::Subscript subscript(internal::Builder& b, const internal::Env& env) const {
    return internal::SubscriptOf(internal::IndexOf<Primed>(b), env);
  }
};

template <class Tag, int64_t Extent = 0>
struct Axis : internal::IndexTag {
  using axis_type = Tag;
  static constexpr int kPrime = 0;
  static constexpr int64_t kExtent = Extent;
  static constexpr bool kSpan = false;
  using free = internal::List<Tag>;
  constexpr Primed<Tag, 1> prime() const { return {}; }
  constexpr ir::Subscript subscript(internal::Builder& b, const internal::Env& env) const {
    return internal::SubscriptOf(internal::IndexOf<Tag>(b), env);
  }
};

template <class Tag>
struct Span : Axis<Tag> {
  static constexpr bool kSpan = true;
};

namespace internal {

// scale * I + second_scale * J + offset; J = void: one index.
template <class I, class J = void>
struct Affine : AffineTag {
  int scale = 1, second_scale = 1, offset = 0;
  bool padded = false;
  using free = List<I, J>;
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s = SubscriptOf(IndexOf<I>(b), env);
    if (!s.plain()) b.fail(31);
    s.padded = padded;
    s.second = SubscriptOf(IndexOf<J>(b), env).index;
    s.scale0 = static_cast<int16_t>(b.slot(scale));
    s.scale1 = static_cast<int16_t>(b.slot(second_scale));
    s.offset = static_cast<int16_t>(b.slot(offset));
    return s;
  }
};
template <class I>
struct Affine<I, void> : AffineTag {
  int scale = 1, offset = 0;
  bool padded = false;
  using free = List<I>;
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s = SubscriptOf(IndexOf<I>(b), env);
    if (!s.plain()) b.fail(31);
    s.padded = padded;
    s.scale0 = static_cast<int16_t>(b.slot(scale));
    s.offset = static_cast<int16_t>(b.slot(offset));
    return s;
  }
};

template <class T>
concept AnAffine = std::derived_from<T, AffineTag>;

// May a subscript of type J stand where axis-of-I is declared?
template <class J, class I>
inline constexpr bool kRangesOver = false;
template <AnIndex J, AnIndex I>
inline constexpr bool kRangesOver<J, I> =
    std::is_same_v<typename J::axis_type, typename I::axis_type> || I::axis_type::kSpan;
template <Key J, AnIndex I>
inline constexpr bool kRangesOver<J, I> = std::is_same_v<typename J::target, typename I::axis_type>;
template <AnAffine J, AnIndex I>
inline constexpr bool kRangesOver<J, I> = I::axis_type::kSpan;

}  // namespace internal

template <AnIndex I>
constexpr internal::Affine<I> operator*(int scale, I) {
  return {{}, scale, 0};
}
template <AnIndex I>
constexpr internal::Affine<I> operator+(I, int offset) {
  return {{}, 1, offset};
}
template <AnIndex I>
constexpr internal::Affine<I> operator-(I, int offset) {
  return {{}, 1, -offset};
}
template <AnIndex I>
constexpr internal::Affine<I> operator+(internal::Affine<I> a, int offset) {
  return {{}, a.scale, a.offset + offset};
}
template <AnIndex I>
constexpr internal::Affine<I> operator-(internal::Affine<I> a, int offset) {
  return a + -offset;
}
template <AnIndex I, AnIndex J>
constexpr internal::Affine<I, J> operator+(I, J) {
  return {{}, 1, 1, 0};
}
template <AnIndex I, AnIndex J>
constexpr internal::Affine<I, J> operator+(internal::Affine<I> a, J) {
  return {{}, a.scale, 1, a.offset};
}
template <AnIndex I, AnIndex J>
constexpr internal::Affine<I, J> operator+(internal::Affine<I> a, internal::Affine<J> b) {
  return {{}, a.scale, b.scale, a.offset + b.offset};
}
template <AnIndex I, AnIndex J>
constexpr internal::Affine<I, J> operator+(internal::Affine<I, J> a, int offset) {
  return {{}, a.scale, a.second_scale, a.offset + offset};
}
// pad(subscript): zero where the affine subscript falls outside the tensor.
template <internal::AnAffine A>
constexpr A pad(A a) {
  a.padded = true;
  return a;
}
template <AnIndex I, AnIndex J>
constexpr internal::Affine<I, J> operator-(internal::Affine<I, J> a, int offset) {
  return a + -offset;
}

}  // namespace gyre
