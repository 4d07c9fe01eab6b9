/// Names that every other header uses.
#pragma once

#include <cstddef>

namespace mgres {

/// Signed, as in Eigen: sizes are subtracted.
using Index = std::ptrdiff_t;

inline constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
inline constexpr Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

}  // namespace mgres
