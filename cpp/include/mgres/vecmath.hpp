/// exp, tanh and the logistic function of one vector, to a few units in the last place.
#pragma once

#include "mgres/intrinsics.hpp"

namespace mgres {

template <class S>
inline PackBits<S> bits_of(const Pack<S>& v) {
  PackBits<S> bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

template <class S>
inline Pack<S> from_bits(const PackBits<S>& bits) {
  Pack<S> v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

namespace detail {

template <class S>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float magic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
  static constexpr float limit = 87.0F;       // 2^n stays normal
  static constexpr float tanh_limit = 10.0F;  // tanh(10) rounds to 1
  static constexpr int bias = 127, mantissa_bits = 23, degree = 7;
};

template <>
struct ExpConstants<double> {
  static constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double limit = 708.0;
  static constexpr double tanh_limit = 20.0;
  static constexpr int bias = 1023, mantissa_bits = 52, degree = 13;
};

/// factor^k / k!
template <class S, int factor>
constexpr S coefficient(int k) {
  double result = 1;
  for (int i = 1; i <= k; ++i) result *= static_cast<double>(factor) / i;
  return static_cast<S>(result);
}

/// factor x = n ln 2 + factor r with |factor r| <= ln(2)/2, for a factor of 1 or 2:
/// `scale` = 2^n and `expm1_r` = e^(factor r) - 1 by its Taylor series.
template <class S, int factor>
inline void split_exp(const Pack<S>& x, Pack<S>& scale, Pack<S>& expm1_r) {
  using C = ExpConstants<S>;
  constexpr S magic = C::magic + C::bias;
  const Pack<S> shifted = x * static_cast<S>(factor * 1.44269504088896340736) + magic;
  const Pack<S> n = shifted - magic;
  const Pack<S> r = (x - n * (C::ln2_high / factor)) - n * (C::ln2_low / factor);
  scale = from_bits<S>(bits_of<S>(shifted) << C::mantissa_bits);  // its low bits hold n + bias
  // factor r + r^2 (factor^2/2! + ...), in powers of r^2: half as long a chain as in powers of r
  static_assert(C::degree % 2 == 1);
  const Pack<S> r2 = r * r;
  Pack<S> sum{};
#pragma GCC unroll 8
  for (int k = C::degree - 1; k >= 2; k -= 2)
    sum = sum * r2 + (coefficient<S, factor>(k + 1) * r + coefficient<S, factor>(k));
  expm1_r = r2 * sum + (factor == 1 ? r : r + r);
}

}  // namespace detail

/// e^x for |x| up to 87 (float) or 708 (double); beyond, the value at that bound.
template <class S>
inline Pack<S> exp(const Pack<S>& x) {
  const auto limit = broadcast<S>(detail::ExpConstants<S>::limit);
  Pack<S> scale, expm1_r;
  detail::split_exp<S, 1>(max<S>(-limit, min<S>(limit, x)), scale, expm1_r);
  return scale + scale * expm1_r;
}

/// tanh(x) = sign(x) e / (e + 2) with e = exp(2|x|) - 1, accurate near zero as well.  NaN stays NaN.
template <class S>
inline Pack<S> tanh(const Pack<S>& x) {
  using C = detail::ExpConstants<S>;
  const PackBits<S> sign = bits_of<S>(x) & bits_of<S>(broadcast(S(-0.0)));
  const Pack<S> magnitude = from_bits<S>(bits_of<S>(x) ^ sign);
  const auto limit = broadcast<S>(C::tanh_limit);
  Pack<S> scale, expm1_r;
  detail::split_exp<S, 2>(min<S>(limit, magnitude), scale, expm1_r);  // in this order a NaN stays
  const Pack<S> e = scale * expm1_r + (scale - 1);
  return from_bits<S>(bits_of<S>(e / (e + 2)) | sign);
}

/// 1 / (1 + e^-x).
template <class S>
inline Pack<S> logistic(const Pack<S>& x) {
  return 1 / (1 + exp<S>(-x));
}

}  // namespace mgres
