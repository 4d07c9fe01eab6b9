/// Names that every other header uses.
#pragma once

#include <cstddef>

/// For a function whose sums must stay in the registers of its caller's loop.
#define MGRES_ALWAYS_INLINE inline __attribute__((always_inline))

namespace mgres {

/// Signed, as in Eigen: sizes are subtracted.
using Index = std::ptrdiff_t;

inline constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
inline constexpr Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

}  // namespace mgres
