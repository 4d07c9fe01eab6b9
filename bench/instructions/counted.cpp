// In a file of its own, so that no compiler inlines or clones the function that is counted.
#include "counted.hpp"

#include <cmath>

extern "C" bool mgres_counted(double (*work)(void*), void* data) {
  return std::isfinite(work(data));
}
