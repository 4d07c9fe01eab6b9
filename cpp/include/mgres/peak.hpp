/// The yardstick of the kernels: how fast this build can multiply and add on this machine.
#pragma once

namespace mgres {

/// Keep all num_threads() threads busy for `seconds` with multiply-adds that never leave the
/// registers, and return the operations per second of all together, two for each multiply-add.
///
/// Throws std::invalid_argument unless 0 < seconds <= 1: nothing can interrupt it.
template <class S>
double multiply_add_rate(double seconds);

}  // namespace mgres
