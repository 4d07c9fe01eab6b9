/// Argument checks that say what was expected and what came.
#pragma once

#include <sstream>
#include <stdexcept>

namespace mgres {

/// Throw std::invalid_argument with the concatenated message unless `condition` holds.
template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (condition) return;
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

}  // namespace mgres
