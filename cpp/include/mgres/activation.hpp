/// Activation functions sigma and their derivatives, on vectors.
#pragma once

#include <type_traits>

#include "mgres/intrinsics.hpp"
#include "mgres/vecmath.hpp"

namespace mgres {

enum class Activation {
  relu,
  tanh,
  logistic,
  identity,
  smooth_relu,
  silu,
  gelu,
  softplus,
  elu,
  leaky_relu
};

/// Half the width of the parabola by which smooth_relu replaces the kink of relu.
inline constexpr double kSmoothReluWidth = 0.1;

/// The slope of leaky_relu below zero.
inline constexpr double kLeakySlope = 0.01;

/// Call f(std::integral_constant<Activation, activation>()) for one known only at run time.
template <class F>
inline auto with_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::tanh:
      return f(std::integral_constant<Activation, Activation::tanh>());
    case Activation::logistic:
      return f(std::integral_constant<Activation, Activation::logistic>());
    case Activation::identity:
      return f(std::integral_constant<Activation, Activation::identity>());
    case Activation::smooth_relu:
      return f(std::integral_constant<Activation, Activation::smooth_relu>());
    case Activation::silu:
      return f(std::integral_constant<Activation, Activation::silu>());
    case Activation::gelu:
      return f(std::integral_constant<Activation, Activation::gelu>());
    case Activation::softplus:
      return f(std::integral_constant<Activation, Activation::softplus>());
    case Activation::elu:
      return f(std::integral_constant<Activation, Activation::elu>());
    case Activation::leaky_relu:
      return f(std::integral_constant<Activation, Activation::leaky_relu>());
    default:
      return f(std::integral_constant<Activation, Activation::relu>());
  }
}

/// Replace z by sigma(z), write sigma'(z) to `slope` and, if `second`, sigma''(z) to `bend`.
///
///   relu          max(z, 0), with derivative 0 at 0
///   smooth_relu   0 | (z + w)^2 / (4 w) | z   for z <= -w | between | z >= w, w = 0.1
///   silu          z / (1 + e^-z)
///   gelu          z Phi(z) with the normal distribution Phi
///   softplus      log(1 + e^z)
///   elu           z for z > 0, else e^z - 1
///   leaky_relu    z for z > 0, else z / 100
///
/// The second derivative is zero at kinks.  A NaN stays a NaN.
template <Activation activation, class S, bool second = false>
inline void activate(Pack<S>& z, Pack<S>& slope, Pack<S>* bend = nullptr) {
  const Pack<S> zero{};
  if constexpr (second) *bend = zero;
  if constexpr (activation == Activation::relu) {
    slope = select<S>(z > 0, zero + 1, zero);
    z = select<S>(z <= 0, zero, z);
  } else if constexpr (activation == Activation::tanh) {
    z = tanh<S>(z);
    slope = 1 - z * z;
    if constexpr (second) *bend = -2 * z * slope;
  } else if constexpr (activation == Activation::logistic) {
    z = logistic<S>(z);
    slope = z * (1 - z);
    if constexpr (second) *bend = slope * (1 - 2 * z);
  } else if constexpr (activation == Activation::identity) {
    slope = zero + 1;
  } else if constexpr (activation == Activation::smooth_relu) {
    const auto w = static_cast<S>(kSmoothReluWidth);
    const Pack<S> t = z + w;
    const auto below = z <= -w;
    const auto above = z >= w;
    if constexpr (second) *bend = select<S>((z > -w) & (z < w), broadcast(1 / (2 * w)), zero);
    slope = select<S>(below, zero, select<S>(above, zero + 1, t / (2 * w)));
    z = select<S>(below, zero, select<S>(above, z, t * t / (4 * w)));
  } else if constexpr (activation == Activation::silu) {
    // beyond its bound exp no longer falls, but z does
    const Pack<S> s = select<S>(z < -detail::ExpConstants<S>::limit, zero, logistic<S>(z));
    const Pack<S> rest = s * (1 - s);
    if constexpr (second) *bend = rest * (2 + z * (1 - 2 * s));
    slope = s + z * rest;
    z *= s;
  } else if constexpr (activation == Activation::gelu) {
    Pack<S> below, density;
    normal_distribution<S>(z, below, density);
    if constexpr (second) *bend = density * (2 - z * z);
    slope = below + z * density;
    z *= below;
  } else if constexpr (activation == Activation::softplus) {
    slope = logistic<S>(z);
    if constexpr (second) *bend = slope * (1 - slope);
    z = softplus<S>(z);
  } else if constexpr (activation == Activation::elu) {
    const Pack<S> below = expm1<S>(z);
    const auto above = z > 0;
    if constexpr (second) *bend = select<S>(above, zero, below + 1);
    slope = select<S>(above, zero + 1, below + 1);
    z = select<S>(above, z, below);
  } else {
    static_assert(activation == Activation::leaky_relu);
    const auto above = z > 0;
    slope = select<S>(above, zero + 1, broadcast(static_cast<S>(kLeakySlope)));
    z = select<S>(above, z, z * static_cast<S>(kLeakySlope));
  }
}

// ---- slopes that are kept ------------------------------------------------------------------------
//
// A layer keeps h sigma'(z) for the way back: of relu one bit for each number, and else the number.

/// Numbers that the slopes of `rows` rows of `blocks` blocks take.
template <class S>
Index slopes_size(Activation activation, Index rows, Index blocks) {
  const Index vectors = rows * blocks;
  if (activation != Activation::relu) return vectors * kLanes<S>;
  return ceil_div(vectors * Index{sizeof(LaneMask<S>)}, Index{sizeof(S)});
}

template <class S>
inline void store_mask(S* slopes, Index vector, LaneMask<S> mask) {
  std::memcpy(reinterpret_cast<char*>(slopes) + vector * Index{sizeof mask}, &mask, sizeof mask);
}

template <class S>
inline LaneMask<S> load_mask(const S* slopes, Index vector) {
  LaneMask<S> mask;
  std::memcpy(&mask, reinterpret_cast<const char*>(slopes) + vector * Index{sizeof mask},
              sizeof mask);
  return mask;
}

/// sigma(z) of vector number `vector`, whose slope is kept unless `slopes` is null.
template <class S, Activation activation>
inline Pack<S> activate_and_keep(S h, const Pack<S>& z, S* slopes, Index vector) {
  Pack<S> value = z, slope{};
  if constexpr (activation == Activation::relu) {
    if (slopes != nullptr) store_mask(slopes, vector, above_zero<S>(z));
    return max<S>(Pack<S>{}, z);  // in this order a NaN stays
  } else {
    activate<activation, S>(value, slope);
    if (slopes != nullptr) store(slopes + vector * kLanes<S>, h * slope);
    return value;
  }
}

/// h sigma'(z) a for vector number `vector`.
template <class S, bool relu>
inline Pack<S> times_slope(S h, const S* slopes, Index vector, const Pack<S>& a) {
  if constexpr (relu) return keep<S>(load_mask(slopes, vector), h * a);
  return load(slopes + vector * kLanes<S>) * a;
}

}  // namespace mgres
