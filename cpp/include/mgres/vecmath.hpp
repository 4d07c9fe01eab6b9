/// exp, expm1, tanh, the logistic function, log(1 + e^x) and the normal distribution's function of one
/// vector, to a few units in the last place.
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

/// e^x - 1, accurate near zero as well; its bounds are those of exp.
template <class S>
inline Pack<S> expm1(const Pack<S>& x) {
  const auto limit = broadcast<S>(detail::ExpConstants<S>::limit);
  Pack<S> scale, expm1_r;
  detail::split_exp<S, 1>(max<S>(-limit, min<S>(limit, x)), scale, expm1_r);
  return scale * expm1_r + (scale - 1);
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

/// |x|; a NaN stays a NaN.
template <class S>
inline Pack<S> absolute(const Pack<S>& x) {
  return from_bits<S>(bits_of<S>(x) & ~bits_of<S>(broadcast(S(-0.0))));
}

/// log(1 + e^x) = max(x, 0) + log(1 + u) with u = e^-|x|, and log(1 + u) = 2 artanh(w) for
/// w = u / (2 + u) <= 1/3, by its Taylor series.
template <class S>
inline Pack<S> softplus(const Pack<S>& x) {
  constexpr int degree = sizeof(S) == 4 ? 7 : 16;  // of w^2: what is left out is below a unit
  const Pack<S> u = exp<S>(-absolute<S>(x));
  const Pack<S> w = u / (2 + u);
  const Pack<S> w2 = w * w;
  Pack<S> sum{};
#pragma GCC unroll 16
  for (int k = degree; k >= 1; --k) sum = (sum + static_cast<S>(1.0 / (2 * k + 1))) * w2;
  return select<S>(x > 0, x, Pack<S>{}) + 2 * (w + w * sum);
}

namespace detail {

/// log(erfc(x) e^(x^2) / t) in Chebyshev polynomials of 2 t - 1, t = 2 / (2 + x), for x >= 0; the
/// first coefficient counts half.
inline constexpr double kErfcChebyshev[] = {
    -1.3026537197817094355,     0.64196979235649026156,    0.019476473204185835162,
    -0.0095615147868086306595,  -0.0009465953444820376275, 0.00036683949785276195024,
    4.2523324806907563356e-5,   -2.0278578112534336233e-5, -1.6242900046466363484e-6,
    1.3036558355798595082e-6,   1.5626441722967725794e-8,  -8.5238095916016315905e-8,
    6.5290544403168009143e-9,   5.0593434942723651903e-9,  -9.9136415522310951259e-10,
    -2.2736512348415468282e-10, 9.646791206680591849e-11,  2.3940372380751957024e-12,
    -6.8860269294306647934e-12, 8.9448761065606200322e-13, 3.1309215913098181695e-13,
    -1.1270794471253949735e-13, 3.8052930748414208953e-16, 7.106909829566563582e-15,
    -1.5240462991751487736e-15, -9.3407378711229509336e-17};

}  // namespace detail

/// The share of the standard normal distribution below x, and its density e^(-x^2 / 2) / sqrt(2 pi).
template <class S>
inline void normal_distribution(const Pack<S>& x, Pack<S>& below, Pack<S>& density) {
  constexpr int terms = sizeof(S) == 4 ? 11 : 26;
  const Pack<S> r = absolute<S>(x) * static_cast<S>(0.70710678118654752440);
  const Pack<S> t = 2 / (2 + r);
  const Pack<S> y2 = 4 * t - 2;  // twice the argument of the polynomials: Clenshaw's recurrence
  Pack<S> b{}, before{};
#pragma GCC unroll 32
  for (int j = terms - 1; j >= 1; --j) {
    const Pack<S> next = y2 * b - before + static_cast<S>(detail::kErfcChebyshev[j]);
    before = b;
    b = next;
  }
  const Pack<S> exponent = y2 * b / 2 - before + static_cast<S>(detail::kErfcChebyshev[0] / 2);
  const Pack<S> r2 = r * r;  // beyond its bound exp no longer falls, the bell has vanished
  const Pack<S> bell = select<S>(r2 > detail::ExpConstants<S>::limit, Pack<S>{}, exp<S>(-r2));
  const Pack<S> beyond = t * bell * exp<S>(exponent) / 2;  // the share on the other side of |x|
  density = bell * static_cast<S>(0.39894228040143267794);
  below = select<S>(x > 0, 1 - beyond, beyond);
}

}  // namespace mgres
