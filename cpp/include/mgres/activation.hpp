/// Activation functions sigma and their derivatives, on vectors.
#pragma once

#include "mgres/vecmath.hpp"

namespace mgres {

enum class Activation { relu, tanh, logistic, identity, smooth_relu };

/// Half the width of the parabola by which smooth_relu replaces the kink of relu.
inline constexpr double kSmoothReluWidth = 0.1;

/// Replace z by sigma(z) and write sigma'(z) to `slope`.
///
///   relu          max(z, 0), with derivative 0 at 0
///   smooth_relu   0 | (z + w)^2 / (4 w) | z   for z <= -w | between | z >= w, w = 0.1
///
/// A NaN stays a NaN.
template <Activation activation, class S>
inline void activate(Pack<S>& z, Pack<S>& slope) {
  const Pack<S> zero{};
  if constexpr (activation == Activation::relu) {
    slope = select<S>(z > 0, zero + 1, zero);
    z = select<S>(z <= 0, zero, z);
  } else if constexpr (activation == Activation::tanh) {
    z = tanh<S>(z);
    slope = 1 - z * z;
  } else if constexpr (activation == Activation::logistic) {
    z = logistic<S>(z);
    slope = z * (1 - z);
  } else if constexpr (activation == Activation::identity) {
    slope = zero + 1;
  } else {
    static_assert(activation == Activation::smooth_relu);
    const auto w = static_cast<S>(kSmoothReluWidth);
    const Pack<S> t = z + w;
    const auto below = z <= -w;
    const auto above = z >= w;
    slope = select<S>(below, zero, select<S>(above, zero + 1, t / (2 * w)));
    z = select<S>(below, zero, select<S>(above, z, t * t / (4 * w)));
  }
}

}  // namespace mgres
