// Names as template arguments and lists of types: the two small tools under the DSL's types.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace gyre {

// A string literal as a template argument: data<"X">(...).
template <size_t N>
struct Name {
  char text[N]{};
  consteval Name(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

namespace internal {

// The unqualified name of a type, as the compiler spells it.
template <class T>
constexpr std::string_view TypeName() {
  std::string_view name = __PRETTY_FUNCTION__;
  const size_t begin = name.find("T = ") + 4;
  name = name.substr(begin, name.find_first_of(";]", begin) - begin);
  const size_t scope = name.rfind("::");
  return scope == name.npos ? name : name.substr(scope + 2);
}

template <class...>
struct List {};
// False, but only once the template around it is used: for static_asserts that report a slip.
template <class...>
inline constexpr bool kNever = false;

template <class T, class Ts>
inline constexpr bool kContains = false;
template <class T, class... Ts>
inline constexpr bool kContains<T, List<Ts...>> = (std::is_same_v<T, Ts> || ...);

template <class As, class Bs>
struct UnionOf;
template <class... As>
struct UnionOf<List<As...>, List<>> {
  using type = List<As...>;
};
template <class... As, class B, class... Bs>
struct UnionOf<List<As...>, List<B, Bs...>>
    : UnionOf<std::conditional_t<kContains<B, List<As...>>, List<As...>, List<As..., B>>,
              List<Bs...>> {};

template <class... Lists>
struct UnionAllOf {
  using type = List<>;
};
template <class A, class... Lists>
struct UnionAllOf<A, Lists...> {
  using type = typename UnionOf<A, typename UnionAllOf<Lists...>::type>::type;
};

template <class As, class Bs, class Kept = List<>>
struct MinusOf {
  using type = Kept;
};
template <class A, class... As, class Bs, class... Kept>
struct MinusOf<List<A, As...>, Bs, List<Kept...>>
    : MinusOf<List<As...>, Bs,
              std::conditional_t<kContains<A, Bs>, List<Kept...>, List<Kept..., A>>> {};

template <class... Lists>
using Union = typename UnionAllOf<Lists...>::type;
template <class As, class Bs>
using Minus = typename MinusOf<As, Bs>::type;

// Stands among the indices of an expression that was refused: what reads it says nothing more.
struct Anything {};

template <class As, class Bs>
inline constexpr bool kSubset =
    kContains<Anything, As> || kContains<Anything, Bs> || std::is_same_v<Minus<As, Bs>, List<>>;
// Is this the index list of one number?
template <class As>
inline constexpr bool kOneNumber = kContains<Anything, As> || std::is_same_v<As, List<>>;

}  // namespace internal
}  // namespace gyre
