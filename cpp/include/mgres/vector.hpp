/// Flat vectors as Eigen arrays.
#pragma once

#include <Eigen/Core>

#include "mgres/types.hpp"

namespace mgres {

template <class S>
using Array = Eigen::Array<S, Eigen::Dynamic, 1>;

template <class S>
Eigen::Map<Array<S>> as_array(S* numbers, Index size) {
  return {numbers, size};
}

template <class S>
Eigen::Map<const Array<S>> as_array(const S* numbers, Index size) {
  return {numbers, size};
}

}  // namespace mgres
