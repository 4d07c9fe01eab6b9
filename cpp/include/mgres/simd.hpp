/// One vector register as a value: the compiler's portable vector extension (GCC, Clang).
///
/// The width follows the instruction set the file is compiled for; one extension module is built
/// per level, so no two widths ever meet in one library.
#pragma once

#include <cstdint>
#include <cstring>

#include "mgres/types.hpp"

namespace mgres {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

template <class S>
struct PackTraits;

template <>
struct PackTraits<float> {
  typedef float Pack __attribute__((vector_size(kVectorBytes)));
  typedef std::int32_t Bits __attribute__((vector_size(kVectorBytes)));
};

template <>
struct PackTraits<double> {
  typedef double Pack __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Bits __attribute__((vector_size(kVectorBytes)));
};

template <class S>
using Pack = typename PackTraits<S>::Pack;
template <class S>
using PackBits = typename PackTraits<S>::Bits;
template <class S>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(S));

template <class S>
inline Pack<S> load(const S* from) {
  Pack<S> value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class S>
inline void store(S* to, const Pack<S>& value) {
  std::memcpy(to, &value, sizeof value);
}

template <class S>
inline Pack<S> broadcast(S value) {
  return value - Pack<S>{};  // unlike value + 0, exact for -0 as well, so compilers drop it
}

/// Make the compiler hold `value` in a register instead of loading it again for every use, which
/// would keep the load units busier than the multipliers.
template <class S>
inline void hold(Pack<S>& value) {
#if defined(__x86_64__)
  asm("" : "+v"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#endif
}

namespace detail {

/// One stage of a transposing sum.  In each piece of 2 h lanes of the result, the first h lanes are
/// the sum of the two halves of that piece of a, the others that of b.
template <class S, int h>
MGRES_ALWAYS_INLINE Pack<S> fold(const Pack<S>& a, const Pack<S>& b) {
  constexpr int L = kLanes<S>;
  PackBits<S> from_a{}, order{};
  for (int l = 0; l < L; ++l) {
    const bool first = l % (2 * h) < h;
    from_a[l] = first ? -1 : 0;
    order[l] = first ? l + h : L + l - h;
  }
  const Pack<S> kept = from_a ? a : b;  // a blend, for which processors have more units
#if defined(__clang__)
  Pack<S> moved;
  for (int l = 0; l < L; ++l) moved[l] = order[l] < L ? a[order[l]] : b[order[l] - L];
#else
  const Pack<S> moved = __builtin_shuffle(a, b, order);
#endif
  return kept + moved;
}

/// The sums over lanes of n vectors v[0], v[stride], ..., each spread over kLanes / n lanes.
template <class S, int n, int stride>
MGRES_ALWAYS_INLINE Pack<S> sum_lanes(const Pack<S>* v) {
  if constexpr (n == 1) {
    return v[0];
  } else {
    return fold<S, kLanes<S> / n>(sum_lanes<S, n / 2, 2 * stride>(v),
                                  sum_lanes<S, n / 2, 2 * stride>(v + stride));
  }
}

}  // namespace detail

/// Return the vector whose lane i is the sum over all lanes of v[i], for kLanes<S> vectors v.
template <class S>
inline Pack<S> sum_lanes(const Pack<S>* v) {
  return detail::sum_lanes<S, kLanes<S>, 1>(v);
}

namespace detail {

/// Swap, in 2 h x 2 h tiles of a matrix, the upper right with the lower left h x h quarter.
template <class S, int h>
inline void swap_quarters(Pack<S>* rows) {
  constexpr int L = kLanes<S>;
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) {
    if (i & h) continue;
    Pack<S>&upper = rows[i], &lower = rows[i + h];
#if defined(__clang__)
    Pack<S> a, b;
    for (int l = 0; l < L; ++l) {
      a[l] = l & h ? lower[l - h] : upper[l];
      b[l] = l & h ? lower[l] : upper[l + h];
    }
#else
    PackBits<S> first{}, second{};
    for (int l = 0; l < L; ++l) {
      first[l] = l & h ? L + l - h : l;
      second[l] = l & h ? L + l : l + h;
    }
    const Pack<S> a = __builtin_shuffle(upper, lower, first);
    const Pack<S> b = __builtin_shuffle(upper, lower, second);
#endif
    upper = a;
    lower = b;
  }
  if constexpr (h > 1) swap_quarters<S, h / 2>(rows);
}

}  // namespace detail

/// Transpose a kLanes x kLanes matrix of rows in place.
template <class S>
inline void transpose(Pack<S>* rows) {
  detail::swap_quarters<S, kLanes<S> / 2>(rows);
}

/// Lane-wise `condition ? a : b`, where a lane of `condition` is all ones or all zeros.
template <class S>
inline Pack<S> select(const PackBits<S>& condition, const Pack<S>& a, const Pack<S>& b) {
  return condition ? a : b;
}

}  // namespace mgres
