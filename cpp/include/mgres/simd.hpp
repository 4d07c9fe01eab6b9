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

namespace detail {

/// One stage of a transposing sum: lane l of the result is the sum of the two halves of the l-th
/// piece of length 2 h in the concatenation (a, b).
template <class S, int h>
inline Pack<S> fold(const Pack<S>& a, const Pack<S>& b) {
  constexpr int L = kLanes<S>;
  PackBits<S> low{};
  for (int l = 0; l < L; ++l) low[l] = (l / h) * 2 * h + l % h;
#if defined(__clang__)
  Pack<S> x, y;
  for (int l = 0; l < L; ++l) {
    const int from = (l / h) * 2 * h + l % h;
    x[l] = from < L ? a[from] : b[from - L];
    y[l] = from + h < L ? a[from + h] : b[from + h - L];
  }
  return x + y;
#else
  return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, low + h);
#endif
}

template <class S, int n>
inline Pack<S> sum_lanes(const Pack<S>* v) {
  if constexpr (n == 1) {
    return v[0];
  } else {
    return fold<S, kLanes<S> / n>(sum_lanes<S, n / 2>(v), sum_lanes<S, n / 2>(v + n / 2));
  }
}

}  // namespace detail

/// Return the vector whose lane i is the sum over all lanes of v[i], for kLanes<S> vectors v.
template <class S>
inline Pack<S> sum_lanes(const Pack<S>* v) {
  return detail::sum_lanes<S, kLanes<S>>(v);
}

/// Lane-wise `condition ? a : b`, where a lane of `condition` is all ones or all zeros.
template <class S>
inline Pack<S> select(const PackBits<S>& condition, const Pack<S>& a, const Pack<S>& b) {
  return condition ? a : b;
}

template <class S>
inline Pack<S> min(const Pack<S>& a, const Pack<S>& b) {
  return select<S>(a < b, a, b);
}

template <class S>
inline Pack<S> max(const Pack<S>& a, const Pack<S>& b) {
  return select<S>(a > b, a, b);
}

}  // namespace mgres
