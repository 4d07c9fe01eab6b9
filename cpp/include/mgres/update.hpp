/// Passes over flat vectors, one read and write each.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

/// Return sum x_i y_i, accumulated in double in a fixed order.
template <class S>
double dot(Index n, const S* x, const S* y);

/// y += alpha x.
template <class S>
void axpy(Index n, S alpha, const S* x, S* y);

/// Return weight * sum x_i^2 and add its gradient 2 weight x to `gradient` unless that is null.
template <class S>
double add_square(Index n, double weight, const S* x, S* gradient);

/// One step of Adam; `steps` counts from 1 and includes this one.
template <class S>
void adam(Index n, S* x, const S* gradient, S* first_moment, S* second_moment, double learning_rate,
          double beta1, double beta2, double epsilon, long long steps);

}  // namespace mgres
