/// The only intrinsics of the library: what the portable vectors of simd.hpp cannot say well.  Each
/// has a portable twin in `portable`.
///
/// Lane masks, with one bit per lane, make the derivative of relu take a thirty-second of the
/// memory.
#pragma once

#include <cstdint>
#include <type_traits>

#include "mgres/simd.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace mgres {

template <class S>
using LaneMask = std::conditional_t<(kLanes<S> > 8), std::uint16_t, std::uint8_t>;

namespace portable {

template <class S>
inline LaneMask<S> above_zero(const Pack<S>& v) {
  S lanes[kLanes<S>];  // v[l] with a variable l goes wrong in GCC 12 with sanitizers
  store(lanes, v);
  unsigned bits = 0;
  for (int l = 0; l < kLanes<S>; ++l) bits |= (lanes[l] <= 0 ? 0U : 1U) << l;
  return static_cast<LaneMask<S>>(bits);
}

template <class S>
inline Pack<S> keep(LaneMask<S> mask, const Pack<S>& v) {
  PackBits<S> lane{};
  for (int l = 0; l < kLanes<S>; ++l) lane[l] = 1 << l;
  return select<S>((lane & mask) != 0, v, Pack<S>{});
}

template <class S>
inline Pack<S> min(const Pack<S>& a, const Pack<S>& b) {
  return select<S>(a < b, a, b);
}

template <class S>
inline Pack<S> max(const Pack<S>& a, const Pack<S>& b) {
  return select<S>(a > b, a, b);
}

}  // namespace portable

/// The lanes where v > 0 or v is NaN.
template <class S>
inline LaneMask<S> above_zero(const Pack<S>& v) {
  constexpr bool is_float = std::is_same_v<S, float>;
  static_assert(is_float || std::is_same_v<S, double>);
#if defined(__AVX512F__)
  if constexpr (is_float)
    return static_cast<LaneMask<S>>(
        _mm512_cmp_ps_mask(reinterpret_cast<__m512>(v), _mm512_setzero_ps(), _CMP_NLE_UQ));
  else
    return static_cast<LaneMask<S>>(
        _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(v), _mm512_setzero_pd(), _CMP_NLE_UQ));
#elif defined(__SSE2__)
  const PackBits<S> off = v <= 0;
  constexpr int all = (1 << kLanes<S>)-1;
#if defined(__AVX__)
  const int bits = is_float ? _mm256_movemask_ps(reinterpret_cast<__m256>(off))
                            : _mm256_movemask_pd(reinterpret_cast<__m256d>(off));
#else
  const int bits = is_float ? _mm_movemask_ps(reinterpret_cast<__m128>(off))
                            : _mm_movemask_pd(reinterpret_cast<__m128d>(off));
#endif
  return static_cast<LaneMask<S>>(~bits & all);
#else
  return portable::above_zero<S>(v);
#endif
}

/// v in the lanes of the mask, zero in all others.
template <class S>
inline Pack<S> keep(LaneMask<S> mask, const Pack<S>& v) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>)
    return reinterpret_cast<Pack<S>>(_mm512_maskz_mov_ps(mask, reinterpret_cast<__m512>(v)));
  else
    return reinterpret_cast<Pack<S>>(_mm512_maskz_mov_pd(mask, reinterpret_cast<__m512d>(v)));
#else
  return portable::keep<S>(mask, v);
#endif
}

/// Lane by lane a < b ? a : b, and so b where either is NaN.
template <class S>
inline Pack<S> min(const Pack<S>& a, const Pack<S>& b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>)
    return reinterpret_cast<Pack<S>>(
        _mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
  else
    return reinterpret_cast<Pack<S>>(
        _mm512_min_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
#else
  return portable::min<S>(a, b);
#endif
}

/// Lane by lane a > b ? a : b, and so b where either is NaN.
template <class S>
inline Pack<S> max(const Pack<S>& a, const Pack<S>& b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>)
    return reinterpret_cast<Pack<S>>(
        _mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
  else
    return reinterpret_cast<Pack<S>>(
        _mm512_max_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
#else
  return portable::max<S>(a, b);
#endif
}

}  // namespace mgres
